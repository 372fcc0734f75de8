/** The filter program, run by a small interpreter of classic BPF on packets that we build. */
import { describe, expect, it } from 'vitest';
import {
  packetFilter,
  portFilter,
  type Watched,
} from '../../../src/datapath/probe/packet-filter.ts';
import { ACK } from '../../../src/engine/wire/segment.ts';
import { seg } from '../../helpers/segment-builder.ts';

/** RFC-less, as the kernel has it: absolute loads beyond the packet end the program with 0. */
function accepts(program: Uint8Array, packet: Uint8Array): boolean {
  const code = new DataView(program.buffer);
  const data = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  let a = 0;
  let x = 0;
  for (let pc = 0; pc < program.length / 8; pc++) {
    const op = code.getUint16(pc * 8, true);
    const yes = code.getUint8(pc * 8 + 2);
    const no = code.getUint8(pc * 8 + 3);
    const k = code.getUint32(pc * 8 + 4, true);
    try {
      if (op === 0x20) a = data.getUint32(k);
      else if (op === 0x28) a = data.getUint16(k);
      else if (op === 0x30) a = data.getUint8(k);
      else if (op === 0x48) a = data.getUint16(x + k);
      else if (op === 0xb1) x = 4 * (data.getUint8(k) & 15);
      else if (op === 0x01) x = k;
      else if (op === 0x74) a >>>= k;
      else if (op === 0x15) pc += a === k ? yes : no;
      else if (op === 0x25) pc += a > k ? yes : no;
      else if (op === 0x35) pc += a >= k ? yes : no;
      else if (op === 0x45) pc += (a & k) !== 0 ? yes : no;
      else if (op === 0x06) return k !== 0;
      else throw new Error(`no instruction ${op}`);
    } catch (error) {
      if (error instanceof RangeError) return false;
      throw error;
    }
  }
  throw new Error('the program has no end');
}

const RANGE = { farPort: 22, nearPortFirst: 40_000, nearPortLast: 40_004 };
const FOUR: Watched = { family: 4, farAddr: '192.0.2.9', ...RANGE };
const SIX: Watched = { family: 6, farAddr: '2001:db8::9', ...RANGE };

const tcp =
  (family: 4 | 6) =>
  (src: string, srcPort: number, dst: string, dstPort: number, flags: number): Uint8Array =>
    seg({ family, src, srcPort, dst, dstPort, flags });
const [ip4Tcp, ip6Tcp] = [tcp(4), tcp(6)];

describe.each([
  ['IPv4', FOUR, ip4Tcp, '192.0.2.1', '192.0.2.8'],
  ['IPv6', SIX, ip6Tcp, '2001:db8::1', '2001:db8:1::9'],
] as const)('packetFilter() for %s', (_name, watched, build, near, stranger) => {
  const program = packetFilter(watched);
  const far = watched.farAddr;
  const arrives = (port: number, from = far, fromPort = 22) =>
    accepts(program, build(from, fromPort, near, port, ACK));
  const leaves = (port: number, to = far, toPort = 22) =>
    accepts(program, build(near, port, to, toPort, ACK));

  it('takes both directions of each port in the range', () => {
    for (const port of [40_000, 40_002, 40_004]) {
      expect([arrives(port), leaves(port)]).toEqual([true, true]);
    }
  });

  it('takes nothing else', () => {
    for (const port of [39_999, 40_005]) {
      expect([arrives(port), leaves(port)]).toEqual([false, false]);
    }
    expect([arrives(40_000, stranger), leaves(40_000, stranger)]).toEqual([false, false]);
    expect([arrives(40_000, far, 23), leaves(40_000, far, 23)]).toEqual([false, false]);
    const other = watched === FOUR ? ip6Tcp : ip4Tcp;
    const [a, b] = watched === FOUR ? ['2001:db8::9', '::1'] : ['192.0.2.9', '192.0.2.1'];
    expect(accepts(program, other(a, 22, b, 40_000, ACK))).toBe(false);
  });

  it('leaves out other protocols and what is cut short', () => {
    const packet = build(far, 22, near, 40_000, ACK);
    const udp = packet.slice();
    udp[watched.family === 4 ? 9 : 6] = 17;
    expect(accepts(program, udp)).toBe(false);
    for (let bytes = 0; bytes < 24; bytes++) {
      expect(accepts(program, packet.slice(0, bytes))).toBe(false);
    }
  });

  it('every jump stays inside the program', () => {
    const code = new DataView(program.buffer);
    const count = program.length / 8;
    for (let pc = 0; pc < count; pc++) {
      expect(pc + 1 + code.getUint8(pc * 8 + 2)).toBeLessThanOrEqual(count);
      expect(pc + 1 + code.getUint8(pc * 8 + 3)).toBeLessThanOrEqual(count);
    }
  });
});

it('packetFilter() reads ports behind IPv4 options, and no fragments', () => {
  const program = packetFilter(FOUR);
  const plain = ip4Tcp('192.0.2.9', 22, '192.0.2.1', 40_000, ACK);
  const longer = new Uint8Array(plain.length + 4);
  longer.set(plain.subarray(0, 20));
  longer.set(plain.subarray(20), 24);
  longer[0] = 0x46;
  expect(accepts(program, longer)).toBe(true);
  const fragment = plain.slice();
  fragment[7] = 1;
  expect(accepts(program, fragment)).toBe(false);
});

describe('portFilter()', () => {
  const program = portFilter(4022);

  it.each([
    ['IPv4', ip4Tcp, '192.0.2.1', '192.0.2.9'],
    ['IPv6', ip6Tcp, '2001:db8::1', '2001:db8::9'],
  ] as const)('takes both directions of one port over %s', (_name, build, a, b) => {
    expect(accepts(program, build(a, 50_000, b, 4022, ACK))).toBe(true);
    expect(accepts(program, build(b, 4022, a, 50_000, ACK))).toBe(true);
    expect(accepts(program, build(b, 4023, a, 50_000, ACK))).toBe(false);
    const udp = build(a, 50_000, b, 4022, ACK);
    udp[build === ip4Tcp ? 9 : 6] = 17;
    expect(accepts(program, udp)).toBe(false);
  });
});
