/** Waits for the bypass of live sessions. Owns nothing. */
import { expect } from 'vitest';
import { LOAD_OCTETS } from '../../src/engine/limits.ts';
import type { ShimProcess } from '../../src/testbed/shim-process.ts';
import type { Session } from './session.ts';

/** They carry a load, and talk until all are settled: while nothing waits in the queue. */
export async function untilSettled(shim: ShimProcess, sessions: readonly Session[]): Promise<void> {
  const load = 'x'.repeat(2 * LOAD_OCTETS);
  for (const session of sessions) expect(await session.echoes(load, 20_000)).toBe(true);
  for (let i = 0; i < 50 && shim.status()['offloaded'] !== sessions.length; i++) {
    for (const session of sessions) expect(await session.echoes('hello')).toBe(true);
  }
  expect(shim.status()['offloaded']).toBe(sessions.length);
}
