/** Bugs that the simulator must find: each planted in the engine, each found within a minute. */
import { describe, expect, it } from 'vitest';
import type { Claim } from '../../src/datapath/sim/claims.ts';
import { type PlantedBug, plantBug } from './planted-bug.ts';
import { LIMIT_MS, SEED } from './seed.ts';

const MINUTE_MS = 60_000;
const WORLDS_EACH = 20;

const BUGS: readonly (readonly [PlantedBug, readonly Claim[]])[] = [
  [
    {
      name: 'an off-by-one in the translation',
      file: 'src/engine/normalize/translate.ts',
      right: 'seg.segSeq = seqAdd(get32(core.buf, seg.tcpOff + 4), -rows[row + DELTA]!);',
      wrong: 'seg.segSeq = seqAdd(get32(core.buf, seg.tcpOff + 4), 1 - rows[row + DELTA]!);',
    },
    ['saved', 'stream-whole', 'not-worse', 'sack-true'],
  ],
  [
    {
      name: 'a lost re-injection',
      file: 'src/engine/normalize/held.ts',
      right: '  if (still && bytes > 0) {\n    injectCopy(',
      wrong: '  if (still && bytes > 0) {\n    if (bytes < 0) injectCopy(',
    },
    ['reset-arrives', 'refusal-arrives', 'not-worse'],
  ],
  [
    {
      name: 'SACK shifted the wrong way, where a connection is translated',
      file: 'src/engine/normalize/translate.ts',
      right: '  shiftSack(core, delta);',
      wrong: '  shiftSack(core, -delta);',
    },
    ['sack-true'],
  ],
  [
    {
      name: 'SACK shifted the wrong way, where a firewall forgot it',
      file: 'src/engine/normalize/sack-blocks.ts',
      right: 'put32(core.buf, at, seqAdd(get32(core.buf, at), -delta));',
      wrong: 'put32(core.buf, at, seqAdd(get32(core.buf, at), delta));',
    },
    ['sack-true'],
  ],
  [
    {
      name: 're-anchoring a quiet server',
      file: 'src/engine/normalize/question.ts',
      right: '  return acked > 0 && seqLeq(core.seg.segAck, nxt);',
      wrong: '  return core.seg.payloadBytes > 0 && acked > 0 && seqLeq(core.seg.segAck, nxt);',
    },
    // Moved onto the rival, it is not saved either.
    ['moved-rightly', 'saved', 'not-worse'],
  ],
  [
    {
      name: 'a reset that is never released',
      file: 'src/engine/normalize/reset.ts',
      right: '  if (seqLeq(words[base + R_CHECK_DEADLINE_MS]!, core.nowMs)) {',
      wrong: '  if (seqLeq(words[base + R_CHECK_DEADLINE_MS]!, core.nowMs) && slot < 0) {',
    },
    ['reset-arrives', 'engine-sound', 'timers-bounded', 'refusal-arrives'],
  ],
];

/** What other work the machine has does not count. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

describe('a bug planted in the engine', () => {
  it.each(BUGS.map(([bug, claims]) => ({ ...bug, claims })))(
    '$name is found',
    async ({ claims, ...bug }) => {
      const runBlock = await plantBug(bug);
      const startedMs = cpuMs();
      let worlds = 0;
      let broken: Claim[] = [];
      for (; broken.length === 0 && cpuMs() - startedMs < MINUTE_MS; worlds += WORLDS_EACH) {
        const { failures } = runBlock(SEED + worlds, WORLDS_EACH);
        broken = failures.flatMap(({ violations }) => violations.map(({ claim }) => claim));
      }
      const tookMs = Math.round(cpuMs() - startedMs);
      console.log(`${bug.name}: ${broken[0]} within ${worlds} worlds, ${tookMs} ms`);
      expect(
        broken.some((claim) => claims.includes(claim)),
        `${broken}`,
      ).toBe(true);
    },
    LIMIT_MS,
  );

  it('none: the same worlds hold', async () => {
    const runBlock = await plantBug({
      name: 'none',
      file: 'src/engine/assert.ts',
      right: 'if (!claim)',
      wrong: 'if (claim === false)',
    });
    expect(runBlock(SEED, 5 * WORLDS_EACH).failures).toEqual([]);
  });
});
