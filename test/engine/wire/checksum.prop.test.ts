/**
 * Checksums against the slow BigInt model: full, incremental, odd lengths, 64 KiB, both families.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openSimdMemory } from '../../../src/datapath/nfqueue/simd-memory.ts';
import { get16, put16, put32 } from '../../../src/engine/wire/bytes.ts';
import {
  arenaWords,
  fillIp4Checksum,
  fillTcpChecksum,
  replace16,
  replace32,
  rewrite32,
  sumBytes,
  sumShort,
  tcpChecksumIsPartial,
  tcpChecksumOk,
} from '../../../src/engine/wire/checksum.ts';
import { parseSegment, WIRE_OK } from '../../../src/engine/wire/parse.ts';
import { Segment } from '../../../src/engine/wire/segment.ts';
import { Random, SEED, SEED_HINT } from '../../helpers/seed.ts';
import { arenaOf, seg, slowSum } from '../../helpers/segment-builder.ts';

const options = { seed: SEED, numRuns: 500 };
const family = fc.constantFrom<4 | 6>(4, 6);
const start = fc.nat(7);

function parsed(packet: Uint8Array, off: number) {
  const arena = arenaOf(packet, off);
  const view = new Segment();
  expect(parseSegment(arena.buf, off, packet.length, view)).toBe(WIRE_OK);
  return { ...arena, view };
}

function randomBytes(seed: number, length: number): Uint8Array {
  const random = new Random(seed);
  return Uint8Array.from({ length }, () => random.int32() & 0xff);
}

describe(`checksums (${SEED_HINT})`, () => {
  it('sumBytes() equals the model at every alignment and length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), start, (bytes, off) => {
        const { buf, words } = arenaOf(bytes, off);
        buf.fill(0xff, 0, off);
        buf.fill(0xff, off + bytes.length);
        expect(sumBytes(buf, words, off, bytes.length)).toBe(slowSum(bytes));
        expect(sumShort(buf, off, bytes.length)).toBe(slowSum(bytes));
      }),
      { ...options, numRuns: 5000 },
    );
  });

  it('sumBytes() with wide instructions equals the model, up to 64 KiB and beyond', () => {
    const memory = openSimdMemory(5 * 65_536);
    if (memory === undefined) throw new Error('no WebAssembly here');
    const bytes = new Uint8Array(memory.buffer);
    const words = arenaWords(bytes, memory.sum);
    let calls = 0;
    words.simdSum = (at, end) => {
      calls++;
      return memory.sum(at, end);
    };
    bytes.set(randomBytes(SEED, bytes.length));
    const check = (off: number, length: number) => {
      const expected = slowSum(bytes.subarray(off, off + length));
      expect(sumBytes(bytes, words, off, length)).toBe(expected);
    };
    const place = fc.tuple(fc.nat(2 * 65_536), fc.nat(3000));
    fc.assert(
      fc.property(place, ([off, length]) => check(off, length)),
      { ...options, numRuns: 1000 },
    );
    expect(calls).toBeGreaterThan(500);
    for (const length of [65_531, 65_535, 65_536, 65_537, 262_143]) check(1, length);
    bytes.fill(0xff);
    for (const length of [65_531, 65_536, 65_600, 262_143]) check(4, length);
  });

  it('sumBytes() does not lose carries in 64 KiB of ones', () => {
    for (const length of [65_535, 65_536, 262_143]) {
      const bytes = new Uint8Array(length).fill(0xff);
      const { buf, words } = arenaOf(bytes, 1);
      expect(sumBytes(buf, words, 1, length)).toBe(slowSum(bytes));
    }
  });

  // Once in 65,536 a good one is the bare sum too: who wants to know asks for a good one first.
  it('a good checksum is recognised, and one flipped bit is not', () => {
    fc.assert(
      fc.property(family, fc.nat(1500), fc.integer(), start, (fam, length, seed, off) => {
        const packet = seg({ family: fam, payload: randomBytes(seed, length), ts: [1, 2] });
        const { buf, words, view } = parsed(packet, off);
        expect(tcpChecksumOk(buf, words, view)).toBe(true);
        const bit = (seed >>> 0) % ((packet.length - 20) * 8);
        const at = off + 20 + (bit >> 3);
        if (at < view.tcpOff && fam === 6 && at < off + 8) return;
        buf[at] = (buf[at] ?? 0) ^ (1 << (bit & 7));
        expect(tcpChecksumOk(buf, words, view)).toBe(false);
      }),
      options,
    );
  });

  it('a partial checksum is recognised and can be finished', () => {
    fc.assert(
      fc.property(family, fc.nat(1500), fc.integer(), start, (fam, length, seed, off) => {
        const payload = randomBytes(seed, length);
        const { buf, words, view } = parsed(
          seg({ family: fam, payload, checksum: 'partial' }),
          off,
        );
        expect(tcpChecksumIsPartial(buf, words, view)).toBe(true);
        fillTcpChecksum(buf, words, view);
        const whole = seg({ family: fam, payload });
        expect(Buffer.compare(buf.subarray(off, off + whole.length), whole)).toBe(0);
      }),
      options,
    );
  });

  it('fills packets of 64 KiB, whole and super-packets without a total length', () => {
    for (const fam of [4, 6] as const) {
      for (const length of [65_000, 65_495, 65_515, 70_001, 180_000]) {
        const payload = randomBytes(length, length);
        const good = seg({ family: fam, payload });
        const { buf, words, view } = parsed(seg({ family: fam, payload, checksum: 'bad' }), 0);
        expect(view.payloadBytes).toBe(length);
        expect(tcpChecksumOk(buf, words, view)).toBe(false);
        fillTcpChecksum(buf, words, view);
        expect(get16(buf, view.tcpOff + 16)).toBe(get16(good, view.tcpOff + 16));
      }
    }
  });

  it('fillIp4Checksum() covers options and leaves IPv6 alone', () => {
    const packet = seg({ ipOptions: [7, 7, 4, 1, 2, 3, 4, 0], ttl: 3 });
    const { buf, view } = parsed(packet, 3);
    put16(buf, 3 + 10, 0xdead);
    fillIp4Checksum(buf, view);
    expect(Buffer.compare(buf.subarray(3, 3 + packet.length), packet)).toBe(0);
    const six = parsed(seg({ family: 6 }), 0);
    const before = Uint8Array.from(six.buf);
    fillIp4Checksum(six.buf, six.view);
    expect(six.buf).toEqual(before);
  });

  it('replace16() and replace32() equal a full computation (RFC 1624 eqn 3)', () => {
    fc.assert(
      fc.property(family, fc.integer(), fc.integer(), start, (fam, was, now, off) => {
        const { buf, words, view } = parsed(seg({ family: fam, seq: was, payload: 'x' }), off);
        const sum = view.tcpOff + 16;
        put32(buf, view.tcpOff + 4, now);
        replace32(buf, sum, was, now);
        expect(tcpChecksumOk(buf, words, view)).toBe(true);
        put16(buf, view.tcpOff + 14, now);
        replace16(buf, sum, view.segWnd, now);
        expect(tcpChecksumOk(buf, words, view)).toBe(true);
        const incremental = get16(buf, sum);
        fillTcpChecksum(buf, words, view);
        expect(incremental).toBe(get16(buf, sum));
      }),
      { ...options, numRuns: 3000, examples: [[4, 0, -1, 0] as never, [4, -1, 0, 0] as never] },
    );
  });

  it('eqn 3 at the corner where eqn 2 fails (RFC 1624 §4)', () => {
    const buf = Uint8Array.from([0xdd, 0x2f]);
    replace16(buf, 0, 0x5555, 0x3285);
    expect(get16(buf, 0)).toBe(0x0000);
  });

  it('rewrite32() is right for fields on even and odd octets', () => {
    fc.assert(
      fc.property(fc.nat(3), fc.integer(), start, (nops, value, off) => {
        const ts = [8, 10, 1, 2, 3, 4, 250, 6, 7, 8];
        const raw = [...Array<number>(nops).fill(1), ...ts];
        const { buf, words, view } = parsed(seg({ options: raw, payload: 'odd' }), off);
        rewrite32(buf, view.tcpOff + 16, view.tsOff, value);
        rewrite32(buf, view.tcpOff + 16, view.tsOff + 4, ~value);
        expect(tcpChecksumOk(buf, words, view)).toBe(true);
      }),
      options,
    );
  });
});
