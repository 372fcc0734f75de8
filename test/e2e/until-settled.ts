/** Waits for the bypass of live sessions. Owns nothing. */
import { expect } from 'vitest';
import type { ShimProcess } from '../../src/testbed/shim-process.ts';
import type { Session } from './session.ts';

/** They talk until all are settled: a bypass begins while nothing waits in the queue. */
export async function untilSettled(shim: ShimProcess, sessions: readonly Session[]): Promise<void> {
  for (let i = 0; i < 50 && shim.status()['offloaded'] !== sessions.length; i++) {
    for (const session of sessions) expect(await session.echoes('hello')).toBe(true);
  }
  expect(shim.status()['offloaded']).toBe(sessions.length);
}
