/**
 * A million damaged packets through Engine.step(), between healthy and failing handshakes: no
 * throw, no change to what was not understood or merely accepted, and what is changed or injected
 * is a whole segment with good checksums.
 */
import { describe, expect, it } from 'vitest';
import {
  CHECKSUM_FILL_AUTO,
  POLICY_CHECKSUM_FILL,
  POLICY_OBSERVE,
} from '../../src/engine/memory.ts';
import {
  INFO_CSUM_NOT_VERIFIED,
  INFO_GSO,
  TO_FAR,
  VERDICT_ACCEPT,
  VERDICT_DROP,
  VERDICT_REWRITTEN,
} from '../../src/engine/verdict.ts';
import { tcpChecksumOk } from '../../src/engine/wire/checksum.ts';
import { parseSegment, WIRE_OK } from '../../src/engine/wire/parse.ts';
import { Segment } from '../../src/engine/wire/segment.ts';
import { ARENA_OFF, EngineRun } from '../helpers/engine-run.ts';
import { corpus, MUTANT_BYTES_MAX, mutate } from '../helpers/mutate.ts';
import { Random, SEED, SEED_HINT } from '../helpers/seed.ts';
import { arenaOf, seg } from '../helpers/segment-builder.ts';

const COUNT = 1_000_000;
const OBSERVED_COUNT = 100_000;
const ACK = 0x10;
const SYN = 0x02;
const RST = 0x04;
const A = 4_294_967_000; // close to the wrap
const B = 77_000;
const C = 1000;

/** Both directions of a connection whose SYN is answered twice, with the reset and the data. */
function failingFlow(family: 4 | 6, srcPort: number): Array<[Uint8Array, number]> {
  const out = { family, srcPort, dstPort: 22 };
  const from = { 4: '10.0.0.2', 6: 'fd00::2' }[family];
  const to = { 4: '10.0.0.1', 6: 'fd00::1' }[family];
  const back = { family, srcPort: 22, dstPort: srcPort, src: from, dst: to };
  const ts = (a: number, b: number): [number, number] => [a, b];
  return [
    [seg({ ...out, flags: SYN, seq: C, mss: 1460, wndScale: 7, ts: ts(5, 0) }), 0],
    [seg({ ...back, flags: SYN | ACK, seq: A, ack: C + 1, wndScale: 2, ts: ts(9, 5) }), 1],
    [seg({ ...out, seq: C + 1, ack: A + 1, ts: ts(6, 9) }), 0],
    [seg({ ...back, flags: SYN | ACK, seq: B, ack: C + 1, wndScale: 7, ts: ts(900, 5) }), 1],
    [seg({ ...out, seq: C + 1, ack: A + 1, ts: ts(6, 9), payload: 'SSH-2.0-x\r\n' }), 0],
    [seg({ ...back, flags: RST, seq: A + 1 }), 1],
    [seg({ ...back, flags: SYN | ACK, seq: B, ack: C + 1, wndScale: 7, ts: ts(950, 5) }), 1],
    [seg({ ...back, seq: B + 1, ack: C + 12, ts: ts(990, 6), sack: [[C + 20, C + 30]] }), 1],
    [seg({ ...back, seq: A + 1, ack: C + 1, ts: ts(10, 6), payload: 'SSH-2.0-y\r\n' }), 1],
  ];
}

/** What one run did; `complaints` says what it must not have done. */
interface Tally {
  complaints: string[];
  badInjections: number;
  injectedCount: number;
  accepted: number;
  dropped: number;
  rewritten: number;
  notUnderstood: number;
}

/** `count` packets, damaged and whole, from `SEED`; `policy` is the engine's policy page. */
function run(count: number, policy: (words: Int32Array) => void): Tally {
  const random = new Random(SEED);
  const bench = new EngineRun(256, SEED, false);
  policy(new Int32Array(bench.memory.policy));
  const packets = corpus();
  const flows: Array<Array<[Uint8Array, number]>> = [];
  for (let i = 0; i < 40; i++) flows.push(failingFlow(i % 2 === 0 ? 4 : 6, 40_000 + i));
  const words = new Uint32Array(bench.arena.buffer);
  const before = new Uint8Array(MUTANT_BYTES_MAX);
  const view = new Segment();
  const tally: Tally = {
    complaints: [],
    badInjections: 0,
    injectedCount: 0,
    accepted: 0,
    dropped: 0,
    rewritten: 0,
    notUnderstood: 0,
  };
  const complaints = tally.complaints;
  let nowMs = 0x7fff0000; // int32 milliseconds wrap in the middle of the run
  const onInject = (packet: Uint8Array) => {
    const { buf, words: own } = arenaOf(packet);
    const result = parseSegment(buf, 0, packet.length, view);
    if (result !== WIRE_OK || !tcpChecksumOk(buf, own, view)) tally.badInjections++;
  };
  for (let i = 0; i < count && complaints.length === 0; i++) {
    // Damaged packets in the middle of real conversations; one in three goes undamaged.
    const flow = flows[(i >> 5) % flows.length] ?? [];
    const [scripted, scriptedDir] = flow[random.below(flow.length)] ?? [];
    const useScript = scripted !== undefined && random.below(3) > 0;
    const packet = useScript ? scripted : packets[random.below(packets.length)];
    if (packet === undefined) throw new Error('empty corpus');
    const dir = useScript && scriptedDir !== undefined ? scriptedDir : random.below(2);
    const whole = useScript && random.below(2) === 0;
    const len = whole ? packet.length : mutate(bench.arena, ARENA_OFF, packet, random);
    if (whole) bench.arena.set(packet, ARENA_OFF);
    for (let k = 0; k < len; k++) before[k] = bench.arena[ARENA_OFF + k] ?? 0;
    const understood = parseSegment(bench.arena, ARENA_OFF, len, view) === WIRE_OK;
    const ipBytes = view.ipBytes;
    const info = [0, 0, 0, INFO_CSUM_NOT_VERIFIED, INFO_GSO][random.below(5)] ?? 0;
    const verdict = bench.stepAt(len, dir, info, nowMs | 0);
    const changed = !sameBytes(before, bench.arena, len);
    if (!understood && (verdict !== VERDICT_ACCEPT || changed)) complaints.push('not understood');
    if (verdict === VERDICT_ACCEPT && changed) complaints.push('accepted but changed');
    if (verdict === VERDICT_REWRITTEN) {
      tally.rewritten++;
      const kernelFills = dir === TO_FAR && (info & INFO_GSO) !== 0;
      const again = parseSegment(bench.arena, ARENA_OFF, len, view);
      if (again !== WIRE_OK || view.ipBytes !== ipBytes) complaints.push('rewritten apart');
      else if (!kernelFills && !tcpChecksumOk(bench.arena, words, view))
        complaints.push('checksum');
    } else if (verdict === VERDICT_DROP) tally.dropped++;
    else if (understood) tally.accepted++;
    else tally.notUnderstood++;
    if (complaints.length > 0) {
      complaints.push(`packet ${i}: ${Buffer.from(before.subarray(0, len)).toString('hex')}`);
    }
    if (random.below(8) === 0) {
      nowMs += random.below(40) === 0 ? 60_000 : random.below(200);
      bench.engine.tick(nowMs | 0);
      bench.drain(onInject);
    }
  }
  tally.injectedCount = bench.injectedCount;
  return tally;
}

describe(`Engine.step() (${SEED_HINT})`, () => {
  it(`survives ${COUNT} damaged packets`, { timeout: 180_000 }, () => {
    const tally = run(COUNT, (words) => {
      words[POLICY_CHECKSUM_FILL] = CHECKSUM_FILL_AUTO;
    });
    expect(tally.complaints).toEqual([]);
    expect(tally.badInjections).toBe(0);
    // Every path was taken, or this test says nothing.
    expect(tally.accepted).toBeGreaterThan(COUNT / 10);
    expect(tally.notUnderstood).toBeGreaterThan(COUNT / 10);
    expect(tally.dropped).toBeGreaterThan(COUNT / 1000);
    expect(tally.rewritten).toBeGreaterThan(COUNT / 1000);
    expect(tally.injectedCount).toBeGreaterThan(COUNT / 1000);
  });

  it(`changes, drops and injects nothing in observe mode`, { timeout: 60_000 }, () => {
    const tally = run(OBSERVED_COUNT, (words) => {
      words[POLICY_OBSERVE] = 1;
      words[POLICY_CHECKSUM_FILL] = CHECKSUM_FILL_AUTO;
    });
    expect(tally).toMatchObject({ complaints: [], dropped: 0, rewritten: 0, injectedCount: 0 });
    expect(tally.accepted).toBeGreaterThan(OBSERVED_COUNT / 10);
  });
});

function sameBytes(before: Uint8Array, arena: Uint8Array, len: number): boolean {
  for (let k = 0; k < len; k++) if (before[k] !== arena[ARENA_OFF + k]) return false;
  return true;
}
