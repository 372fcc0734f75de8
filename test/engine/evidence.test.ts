/** Which packets the engine tells to the evidence recorder, and that it decides as without. */
import { describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { beginsEvidence, EVD_DELIVERED, EVD_ORIGINAL } from '../../src/engine/evidence-tape.ts';
import { EVIDENCE_SLOT_COUNT } from '../../src/engine/limits.ts';
import {
  CHECKSUM_FILL_AUTO,
  POLICY_CHECKSUM_FILL,
  POLICY_EVIDENCE,
} from '../../src/engine/memory.ts';
import {
  INFO_CSUM_NOT_VERIFIED,
  TO_NEAR,
  VERDICT_ACCEPT,
  VERDICT_DROP,
  VERDICT_REWRITTEN,
} from '../../src/engine/verdict.ts';
import { tcpPseudoSum } from '../../src/engine/wire/checksum.ts';
import { parseSegment } from '../../src/engine/wire/parse.ts';
import { Segment } from '../../src/engine/wire/segment.ts';
import { ACTIONS } from '../../src/telemetry/actions.ts';
import { ARENA_OFF, EngineRun } from '../helpers/engine-run.ts';
import { A, ACK, B, C, EvidenceRun, RST, SYN } from '../helpers/evidence-run.ts';
import { corpus, mutate } from '../helpers/mutate.ts';
import { Random, SEED, SEED_HINT } from '../helpers/seed.ts';
import { seg } from '../helpers/segment-builder.ts';

const DAMAGED = 60_000;

function numbersOf(bytes: Uint8Array): Segment {
  const seg = new Segment();
  parseSegment(bytes, 0, 0xffff, seg);
  return seg;
}

describe('the evidence tape', () => {
  it('has the handshake, what was found, and what became of it', () => {
    const rig = new EvidenceRun();
    rig.connect();
    rig.fail();
    const taped = rig.taped();
    const seqs = taped.map(({ bytes }) => numbersOf(bytes).segSeq >>> 0);
    expect(seqs).toEqual([C, A, C + 1, B, A + 1, A + 1]);
    expect(taped.map(({ toFar }) => toFar)).toEqual([true, false, true, false, false, false]);
    expect(taped.map(({ verdict }) => verdict)).toEqual([
      VERDICT_ACCEPT,
      VERDICT_ACCEPT,
      VERDICT_ACCEPT,
      VERDICT_DROP,
      VERDICT_DROP,
      VERDICT_ACCEPT,
    ]);
    // synack-conflict and synack-dropped; rst-after-conflict, which is held; refuted and dropped.
    expect(taped.map(({ events }) => events)).toEqual([0, 0, 0, 2, 1, 2]);
  });

  it('has headers and no payload, but the length on the wire', () => {
    const rig = new EvidenceRun();
    rig.connect();
    rig.fail('a secret');
    for (const { bytes, wireBytes } of rig.taped()) {
      const { payloadOff, ipBytes } = numbersOf(bytes);
      expect([bytes.length, wireBytes]).toEqual([payloadOff, ipBytes]);
      expect(Buffer.from(bytes).includes('secret')).toBe(false);
    }
  });

  it('has as much payload as was asked for', () => {
    const rig = new EvidenceRun(4);
    rig.connect();
    rig.fail('SSH-2.0');
    const last = rig.taped().at(-1)?.bytes ?? new Uint8Array(0);
    expect(Buffer.from(last.subarray(-4)).toString()).toBe('SSH-');
  });

  it('has the packet as it was before it was rewritten, and as it was delivered', () => {
    const rig = new EvidenceRun();
    new Int32Array(rig.run.memory.policy)[POLICY_CHECKSUM_FILL] = CHECKSUM_FILL_AUTO;
    rig.connect();
    rig.taped();
    const arrives = seg({
      ...{ srcPort: 22, dstPort: 40_270, src: '10.0.0.2', dst: '10.0.0.1' },
      ...{ flags: SYN | ACK, seq: A, ack: C + 1 },
    });
    const partial = tcpPseudoSum(arrives, numbersOf(arrives));
    arrives.set([partial >> 8, partial & 0xff], 36);
    const { run, nowMs } = rig;
    expect(run.feed(arrives, TO_NEAR, INFO_CSUM_NOT_VERIFIED, nowMs)).toBe(VERDICT_REWRITTEN);
    const [original, delivered, ...others] = rig.taped();
    expect(others).toEqual([]);
    expect([original?.kind, delivered?.kind]).toEqual([EVD_ORIGINAL, EVD_DELIVERED]);
    expect(original?.bytes).toEqual(arrives);
    expect(delivered?.bytes).toEqual(run.arena.slice(ARENA_OFF, ARENA_OFF + arrives.length));
    expect(delivered?.bytes).not.toEqual(arrives);
  });

  it('has nothing of the plain data of a healthy connection behind its first packets', () => {
    const rig = new EvidenceRun();
    rig.connect();
    for (let i = 0; i < 100; i++) rig.in({ flags: ACK, seq: A + 1 + i, ack: C + 1, payload: 'x' });
    expect(rig.taped()).toHaveLength(4);
    // SACK blocks that nobody minds are no evidence; the end is.
    rig.in({ flags: ACK, seq: A + 101, ack: C + 1, sack: [[C - 20, C - 10]] });
    expect(rig.taped()).toHaveLength(0);
    rig.in({ flags: RST, seq: A + 101 });
    expect(rig.taped()).toHaveLength(1);
  });

  it('has no first packets of a connection that began before', () => {
    const rig = new EvidenceRun();
    for (let i = 0; i < 9; i++) rig.out({ flags: ACK, seq: C + i, ack: A, payload: 'x' });
    expect(rig.taped()).toEqual([]);
  });

  it('follows a connection for a while behind a finding, and not for ever', () => {
    const rig = new EvidenceRun();
    rig.connect();
    rig.fail();
    rig.taped();
    for (let i = 0; i < 200; i++) rig.out({ flags: ACK, seq: C + 1, ack: A + 12, payload: 'x' });
    expect(rig.taped()).toHaveLength(63);
  });

  it('is empty when nothing is to be recorded', () => {
    const rig = new EvidenceRun(-1);
    rig.connect();
    rig.fail();
    expect(rig.taped()).toEqual([]);
  });

  it('loses evidence and no packet when it is full, and says how much', () => {
    const rig = new EvidenceRun();
    rig.connect();
    for (let i = 0; i < EVIDENCE_SLOT_COUNT; i++) rig.in({ flags: RST, seq: A + 500 });
    const lost = rig.ring.lostCount();
    expect(lost).toBe(3);
    expect(rig.in({ flags: SYN | ACK, seq: B, ack: C + 1 })).toBe(VERDICT_DROP);
    expect(rig.ring.lostCount()).toBe(lost + 1);
    expect(rig.taped()).toHaveLength(EVIDENCE_SLOT_COUNT);
  });

  it('has a bit for every action', () => {
    for (const action of ACTIONS) {
      expect(action.code).toBeGreaterThanOrEqual(64);
      expect(action.code).toBeLessThan(96);
    }
  });

  it('begins with what was found or done, not with what was asked for', () => {
    expect(beginsEvidence(code.SYNACK_CONFLICT)).toBe(true);
    expect(beginsEvidence(code.RST_HELD)).toBe(true);
    expect(beginsEvidence(code.MSS_CLAMPED)).toBe(false);
    expect(beginsEvidence(code.KEEPALIVE_SENT)).toBe(false);
  });

  it(`changes no decision (${SEED_HINT})`, () => {
    const random = new Random(SEED);
    const packets = corpus();
    const with_ = new EngineRun(256, 7);
    const without = new EngineRun(256, 7);
    new Int32Array(with_.memory.policy)[POLICY_EVIDENCE] = 33;
    for (let i = 0; i < DAMAGED; i++) {
      const packet = packets[random.below(packets.length)] ?? new Uint8Array(0);
      const len = mutate(with_.arena, ARENA_OFF, packet, random);
      without.arena.set(with_.arena.subarray(ARENA_OFF, ARENA_OFF + len), ARENA_OFF);
      const dir = random.below(2);
      const info = random.below(4) === 0 ? INFO_CSUM_NOT_VERIFIED : 0;
      expect(with_.stepAt(len, dir, info, i)).toBe(without.stepAt(len, dir, info, i));
      const bytes = with_.arena.subarray(ARENA_OFF, ARENA_OFF + len);
      const same = Buffer.compare(bytes, without.arena.subarray(ARENA_OFF, ARENA_OFF + len)) === 0;
      expect(same).toBe(true);
      if ((i & 63) !== 0) continue;
      with_.engine.tick(i);
      without.engine.tick(i);
      with_.drain();
      without.drain();
    }
    expect(with_.counters).toEqual(without.counters);
    expect(with_.injected).toEqual(without.injected);
  });
});
