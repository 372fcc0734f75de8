/**
 * Thousands of random worlds under the oracle. A seed replays everything; `SEQSHIM_SEED` moves the
 * whole window, and every failure names its seed. Worlds that once went wrong are kept as
 * scenarios.
 */
import { describe, expect, it } from 'vitest';
import { judge } from './oracle.ts';
import { LIMIT_MS, SEED } from './seed.ts';

const RUN_COUNT = 2000;
const CHUNK = 250;
/** Its second connection is saved and lives on when the plan would use its port again. */
const PORT_IN_USE = 114_568_717;
/** The client's ACK is lost, and the server's answers to two probes; the twin resets both. */
const ACK_LOST = 169_551_956;
/** A port is used again; of its first connection the twin has a half-open one. */
const TWIN_REMEMBERS = 169_546_504;

/** Of some ten thousand worlds one: more than a handful here is no chance. */
const EXCUSED_MAX = 5;

describe('random handshakes', () => {
  let excused = 0;

  it('a saved connection keeps its port', () => {
    expect(() => judge(PORT_IN_USE)).not.toThrow();
  });

  it('a server that repeats its SYN-ACK is not taken for dead', () => {
    expect(judge(ACK_LOST)).toEqual({ saved: 0, broken: 0, excused: 0 });
  });

  it('a reset that nothing announced passes, as it would without the shim', () => {
    expect(() => judge(TWIN_REMEMBERS)).not.toThrow();
  });

  for (let from = 0; from < RUN_COUNT; from += CHUNK) {
    it(
      `are never worse with the shim: seeds ${SEED + from} to ${SEED + from + CHUNK - 1}`,
      () => {
        let saved = 0;
        let broken = 0;
        for (let i = 0; i < CHUNK; i++) {
          const result = judge(SEED + from + i);
          saved += result.saved;
          broken += result.broken;
          excused += result.excused;
        }
        expect(saved / broken, 'share of broken connections that were saved').toBeGreaterThan(0.4);
      },
      LIMIT_MS,
    );
  }

  it('are hardly ever worse for a lost probe', () => {
    expect(excused).toBeLessThanOrEqual(EXCUSED_MAX);
  });
});
