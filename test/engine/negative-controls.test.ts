/**
 * The public negative controls (ANCHORS §e.1) through the engine: healthy traffic, however odd,
 * leaves byte-identical, nothing is dropped, nothing is injected.
 */
import { describe, expect, it } from 'vitest';
import { STAT_PACKETS, STAT_RETRANSMISSION } from '../../src/engine/codes.ts';
import { INFO_CSUM_NOT_VERIFIED, VERDICT_ACCEPT } from '../../src/engine/verdict.ts';
import { ARENA_OFF, EngineRun } from '../helpers/engine-run.ts';
import { CAPTURES_NOTE, CAPTURES_PRESENT, publicCapture } from '../helpers/public-captures.ts';

const CONTROLS = [
  'bug-3286-01',
  'bug-2430',
  'bug-4376',
  'bug-6269',
  'bug-5881',
  'ssh-dups',
  'fast009',
  'timestamp',
  'accecn',
] as const;

/** Actions stand at 64 to 127 in `codes.ts`: a healthy flow causes none. */
const FIRST_ACTION = 64;
const ACTION_END = 128;

interface Options {
  info: number;
  /** Short captures are made whole with zeros, so that more than their headers is tracked. */
  pad: boolean;
  /** Near and far exchanged: the same capture seen from the server. */
  mirrored: boolean;
}

function replay(part: string, { info, pad, mirrored }: Options): EngineRun {
  const run = new EngineRun(256, 7);
  let nowMs = 1000;
  let startUs = -1;
  for (const { bytes, off, len, linkOff, linkBytes, wireBytes, timeUs } of publicCapture(part)
    .frames) {
    if (len === 0) continue;
    const missing = pad ? Math.max(wireBytes - linkBytes, 0) : 0;
    const packet = new Uint8Array(len + missing);
    packet.set(bytes.subarray(off, off + len));
    expect(linkOff).toBeLessThanOrEqual(off);
    if (startUs < 0) startUs = timeUs;
    const dueMs = 1000 + Math.floor((timeUs - startUs) / 1000);
    for (; nowMs < dueMs; nowMs += Math.min(100, dueMs - nowMs)) tick(run, nowMs);
    const dir = run.direction(packet) ^ (mirrored ? 1 : 0);
    const verdict = run.feed(packet, dir, info, nowMs);
    expect(verdict).toBe(VERDICT_ACCEPT);
    const after = run.arena.subarray(ARENA_OFF, ARENA_OFF + packet.length);
    expect(Buffer.compare(after, packet)).toBe(0);
    tick(run, nowMs);
  }
  for (let i = 0; i < 200; i++) tick(run, nowMs + i * 100);
  return run;
}

function tick(run: EngineRun, nowMs: number): void {
  run.engine.tick(nowMs);
  run.drain();
}

describe(CAPTURES_NOTE, () => {
  const cases = CONTROLS.flatMap((part) => [
    { part, info: 0, pad: false, mirrored: false },
    { part, info: 0, pad: true, mirrored: false },
    { part, info: 0, pad: true, mirrored: true },
    { part, info: INFO_CSUM_NOT_VERIFIED, pad: false, mirrored: false },
  ]);
  it.runIf(CAPTURES_PRESENT)('ssh-dups: 166 retransmissions are seen, as tshark sees them', () => {
    const run = replay('ssh-dups', { info: 0, pad: false, mirrored: false });
    expect(run.counters[STAT_RETRANSMISSION]).toBe(166);
  });

  it.runIf(CAPTURES_PRESENT).each(cases)(
    '$part passes unchanged (info $info, padded $pad, mirrored $mirrored)',
    ({ part, ...options }) => {
      const run = replay(part, options);
      expect(run.counters[STAT_PACKETS]).toBeGreaterThan(0);
      const actions = run.counters.subarray(FIRST_ACTION, ACTION_END);
      expect([...actions].flatMap((n, i) => (n > 0 ? [i + FIRST_ACTION] : []))).toEqual([]);
      expect(run.injected).toEqual([]);
    },
  );
});
