/**
 * Inputs that come in pieces, are packed, damaged or endless: what could be read is reported, the
 * rest is said in one line, and a packet that is borrowed is not kept.
 */
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LINKTYPE_RAW } from '../../src/datapath/pcap/link-layer.ts';
import { writePcap } from '../../src/datapath/pcap/write-pcap.ts';
import { diagnoseStream, type Outcome } from '../../src/diagnose/diagnose.ts';
import { ACK, RST, SYN } from '../../src/engine/wire/segment.ts';
import { SEED } from '../helpers/seed.ts';
import { seg } from '../helpers/segment-builder.ts';

const PACKETS = 60;
const FORTH = { src: '10.0.0.1', srcPort: 40_000, dst: '10.0.0.2', dstPort: 22 };
const BACK = { src: '10.0.0.2', srcPort: 22, dst: '10.0.0.1', dstPort: 40_000 };

/** A handshake, and data that a reset ends. */
function capture(): Uint8Array {
  const bytes = [
    seg({ ...FORTH, flags: SYN, seq: 1000 }),
    seg({ ...BACK, flags: SYN | ACK, seq: 5000, ack: 1001 }),
  ];
  for (let count = 0; bytes.length < PACKETS - 1; count++) {
    bytes.push(seg({ ...FORTH, flags: ACK, seq: 1001 + count * 4, ack: 5001, payload: 'data' }));
  }
  bytes.push(seg({ ...BACK, flags: RST | ACK, seq: 5001, ack: 1001 + (PACKETS - 3) * 4 }));
  const packets = bytes.map((packet, index) => ({
    timeUs: 1_700_000_000_000_000 + index * 1000,
    bytes: packet,
    off: 0,
    len: packet.length,
  }));
  return writePcap(packets, LINKTYPE_RAW);
}

const WHOLE = capture();

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

function diagnosed(bytes: Uint8Array, size = bytes.length): Promise<Outcome> {
  return diagnoseStream('x', pieces(bytes, Math.max(1, size)));
}

async function framesKept(bytes: Uint8Array, size?: number): Promise<number[]> {
  const outcome = await diagnosed(bytes, size);
  if (outcome.kind !== 'report') throw new Error(outcome.problem);
  return outcome.report.flows.flatMap((flow) => flow.kept.map(({ frame }) => frame));
}

describe('a capture in pieces', () => {
  it.each([1, 3, 64, 1000])('of %i octets is the same', async (size) => {
    expect(await framesKept(WHOLE, size)).toEqual(await framesKept(WHOLE));
  });

  it('keeps the first packets, and those around the reset, each as it was', async () => {
    const frames = await framesKept(WHOLE);
    const first = Array.from({ length: 16 }, (_, index) => index + 1);
    const last = Array.from({ length: 9 }, (_, index) => PACKETS - 8 + index);
    expect(frames).toEqual([...first, ...last]);
  });

  it('is read from gzip of several members', async () => {
    const members = [WHOLE.subarray(0, 500), WHOLE.subarray(500)].map((part) => gzipSync(part));
    expect(await framesKept(Buffer.concat(members), 7)).toEqual(await framesKept(WHOLE));
  });
});

describe('damage', () => {
  it('is said, and what came before is reported', async () => {
    const outcome = await diagnosed(WHOLE.subarray(0, WHOLE.length - 3));
    expect(outcome).toMatchObject({ kind: 'report', report: { input: { packets: PACKETS - 1 } } });
    expect(outcome).toMatchObject({ problem: expect.stringMatching(/^Cannot [^\n]+ frame 59$/) });
  });

  it('in a length of 4 GiB ends the reading', async () => {
    const bytes = WHOLE.slice();
    const record = 24 + 2 * (16 + 40) + 8 * (16 + 44);
    bytes.fill(0xff, record + 8, record + 12);
    const outcome = await diagnosed(bytes);
    expect(outcome).toMatchObject({ problem: expect.stringContaining('is damaged') });
  });

  it('in gzip is said, and what was unpacked is reported', async () => {
    const packed = gzipSync(WHOLE, { level: 0 });
    const outcome = await diagnosed(packed.subarray(0, packed.length - 40), 100);
    expect(outcome).toMatchObject({ kind: 'report', problem: expect.stringMatching(/^Cannot/) });
  });

  it('before the first packet is unusable', async () => {
    const outcome = await diagnosed(WHOLE.subarray(0, 30));
    expect(outcome).toMatchObject({ kind: 'unusable' });
    await expect(diagnosed(WHOLE.subarray(0, 10))).rejects.toThrow(/^Cannot read capture/);
    await expect(diagnosed(new Uint8Array(1000))).rejects.toThrow(/neither capture nor text/);
  });

  it('a NUL near the start is no text, in whatever pieces it comes', async () => {
    const line = Buffer.from(
      '10:00:00.000001 IP 10.0.0.1.40000 > 10.0.0.2.22: Flags [S], seq 1\0\n',
    );
    for (const size of [10_000, 7]) {
      await expect(diagnosed(line, size)).rejects.toThrow(/neither capture nor text/);
    }
    async function* zeros(): AsyncGenerator<Uint8Array> {
      for (;;) yield new Uint8Array(1000);
    }
    await expect(diagnoseStream('x', zeros())).rejects.toThrow(/neither capture nor text/);
    // Much later it is only a damaged line, like any other.
    const long = Buffer.concat([Buffer.from('some words\n'.repeat(100)), line]);
    for (const size of [10_000, 7]) {
      expect(await diagnosed(long, size)).toMatchObject({ kind: 'report' });
    }
  });

  it('of any kind neither throws anything else nor hangs', async () => {
    const damaged = fc.record({
      cut: fc.nat(WHOLE.length),
      changes: fc.array(fc.tuple(fc.nat(WHOLE.length - 1), fc.nat(255)), { maxLength: 12 }),
      size: fc.integer({ min: 1, max: 4000 }),
      packed: fc.boolean(),
    });
    const property = fc.asyncProperty(damaged, async ({ cut, changes, size, packed }) => {
      const bytes = packed ? new Uint8Array(gzipSync(WHOLE)) : WHOLE.slice();
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      try {
        await diagnosed(bytes.subarray(0, Math.max(1, cut)), size);
      } catch (error) {
        expect(String(error)).toMatch(/^CaptureError: Cannot [^\n]+$/);
      }
    });
    await fc.assert(property, { seed: SEED, numRuns: 150, interruptAfterTimeLimit: 5000 });
  }, 20_000);
});

it('text that never shows a packet ends', async () => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield Buffer.from('y\n'.repeat(100_000));
  }
  const outcome = await diagnoseStream('-', endless());
  expect(outcome).toMatchObject({ kind: 'unusable' });
}, 20_000);
