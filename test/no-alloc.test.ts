/**
 * The packet path allocates nothing in steady state: heap growth over many packets, garbage
 * collected before, the least of several rounds (a compiler at work adds to some, an allocation per
 * packet to all). The method is shown to see one boxed number a packet.
 */
import { describe, expect, it } from 'vitest';
import { collectGarbage } from '../src/datapath/main-heap.ts';
import { EVIDENCE_SLOT_BYTES, EVIDENCE_SLOT_COUNT } from '../src/engine/limits.ts';
import { POLICY_EVIDENCE } from '../src/engine/memory.ts';
import { Ring } from '../src/engine/ring.ts';
import {
  HOOK_POSTROUTING,
  HOOK_PREROUTING,
  INFO_CSUM_NOT_VERIFIED as NOT_VERIFIED,
  TO_FAR,
  TO_NEAR,
} from '../src/engine/verdict.ts';
import { buildControl, ControlSegment } from '../src/engine/wire/build.ts';
import {
  fillIp4Checksum,
  fillTcpChecksum,
  replace32,
  tcpChecksumIsPartial,
  tcpChecksumOk,
} from '../src/engine/wire/checksum.ts';
import { parseSegment } from '../src/engine/wire/parse.ts';
import { Segment } from '../src/engine/wire/segment.ts';
import { ARENA_OFF, EngineRun } from './helpers/engine-run.ts';
import { arenaOf, seg } from './helpers/segment-builder.ts';

// On Node 24 the method itself leaves 43 kB, however many packets there are.
const PACKETS = 40_000;
const ROUNDS = 12;
/** What a round may leave behind: less than 2 bytes a packet, where the smallest object is 12. */
const NOISE_BYTES = PACKETS * 2;

/** Bytes that the quietest of the rounds left on the heap. */
function leastGrowth(work: (count: number) => void): number {
  for (let i = 0; i < 5; i++) work(PACKETS);
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    collectGarbage();
    const before = process.memoryUsage().heapUsed;
    work(PACKETS);
    least = Math.min(least, Math.abs(process.memoryUsage().heapUsed - before));
  }
  return least;
}

const SYN_FLAG = 0x02;
const ACK_FLAG = 0x10;

describe('steady state', () => {
  it('the method sees one boxed number, and one view, a packet', () => {
    const kept = { of: [0.5] as Array<number | object> };
    const bytes = new Uint8Array(64);
    const boxes = (count: number) => {
      for (let i = 0; i < count; i++) kept.of = [i + 0.5];
    };
    const views = (count: number) => {
      for (let i = 0; i < count; i++) kept.of[0] = bytes.subarray(i & 31);
    };
    expect(leastGrowth(boxes)).toBeGreaterThan(NOISE_BYTES);
    expect(leastGrowth(views)).toBeGreaterThan(NOISE_BYTES);
  });

  it('parsing, checksums and building allocate nothing', () => {
    const view = new Segment();
    const control = new ControlSegment();
    control.tsOn = 1;
    control.seq = -5;
    const packets = [
      seg({ payload: 'x'.repeat(1000), ts: [0xf0000001, 0xf0000002], seq: 0xfedcba98 }),
      seg({ family: 6, seq: 0xffffffff, ack: 0x80000000, sack: [[0xf0000000, 0xf0000010]] }),
      seg({ flags: SYN_FLAG, mss: 1460, wndScale: 7, sackPermitted: true, ts: [1, 2] }),
      seg({ options: [77, 4, 0, 0], payload: 'y'.repeat(999) }),
      seg({ protocol: 17 }),
    ].map((packet, i) => ({ ...arenaOf(packet, i), off: i, len: packet.length }));
    const out = new Uint8Array(128);
    let seen = 0;
    const growth = leastGrowth((count) => {
      for (let i = 0; i < count; i++) {
        const packet = packets[i % packets.length];
        if (packet === undefined) return;
        const { buf, words, off, len } = packet;
        if (parseSegment(buf, off, len, view) !== 0) continue;
        if (tcpChecksumOk(buf, words, view)) seen++;
        if (tcpChecksumIsPartial(buf, words, view)) seen++;
        replace32(buf, view.tcpOff + 16, view.segSeq, view.segSeq);
        fillTcpChecksum(buf, words, view);
        fillIp4Checksum(buf, view);
        seen += buildControl(out, 0, control);
      }
    });
    expect(seen).toBeGreaterThan(0);
    expect(growth).toBeLessThan(NOISE_BYTES);
  });

  it.each([
    ['without evidence', 0],
    ['with it', 1],
  ])('Engine.step() and tick() allocate nothing on an established flow, %s', (_how, evidence) => {
    const run = new EngineRun(1024, 7, false);
    const tape = new Ring(run.memory.evidence, EVIDENCE_SLOT_COUNT, EVIDENCE_SLOT_BYTES);
    new Int32Array(run.memory.policy)[POLICY_EVIDENCE] = evidence;
    const there = { srcPort: 40_000, dstPort: 22 };
    const back = { srcPort: 22, dstPort: 40_000, src: '10.0.0.2', dst: '10.0.0.1' };
    run.feed(seg({ ...there, flags: SYN_FLAG, seq: 0xfffffff0, wndScale: 7 }), TO_FAR, 0, 1);
    const synAck = { flags: SYN_FLAG | ACK_FLAG, seq: 0x80000000, ack: 0xfffffff1, wndScale: 7 };
    run.feed(seg({ ...back, ...synAck }), TO_NEAR, 0, 2);
    run.feed(seg({ ...there, seq: 0xfffffff1, ack: 0x80000001 }), TO_FAR, 0, 3);
    const data = seg({ ...there, seq: 0xfffffff1, ack: 0x80000001, payload: 'z'.repeat(100) });
    const ack = seg({ ...back, seq: 0x80000001, ack: 0x55, sack: [[0x60, 0x70]] });
    const second = ARENA_OFF + 512;
    run.arena.set(data, ARENA_OFF);
    run.arena.set(ack, second);
    // What it says is worth telling, and what comes behind it too.
    const reset = seg({ ...back, seq: 0x80000123, flags: 0x04 });
    const third = ARENA_OFF + 1024;
    run.arena.set(reset, third);
    let nowMs = 10;
    const growth = leastGrowth((count) => {
      for (let i = 0; i < count; i += 2) {
        run.engine.step(ARENA_OFF, data.length, TO_FAR, HOOK_POSTROUTING, 0, 0, nowMs);
        run.engine.step(second, ack.length, TO_NEAR, HOOK_PREROUTING, NOT_VERIFIED, 0, nowMs);
        if ((i & 63) !== 0) continue;
        run.engine.step(third, reset.length, TO_NEAR, HOOK_PREROUTING, 0, 0, nowMs);
        run.engine.tick(nowMs++);
        while (tape.peek() >= 0) tape.release();
      }
    });
    expect(tape.committedCount() > 0).toBe(evidence === 1);
    expect(growth).toBeLessThan(NOISE_BYTES);
  });
});
