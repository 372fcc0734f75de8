/** Waits for what a run makes of its rules. Owns nothing. Times: ms. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Lab } from '../../src/testbed/lab.ts';
import type { ShimProcess } from '../../src/testbed/shim-process.ts';
import { Session } from './session.ts';

/** A run looks at its rules that often. */
export const CHECK_MS = 5000;

/** Its status says so within three checks of its rules. */
export async function becomes(shim: ShimProcess, status: Record<string, unknown>): Promise<void> {
  for (let waited = 0; waited < 3 * CHECK_MS; waited += 250) {
    const now = shim.status();
    if (Object.entries(status).every(([key, value]) => matches(now[key], value))) return;
    await pause(250);
  }
  expect(shim.status(), JSON.stringify(shim.lines().slice(-3))).toMatchObject(status);
}

function matches(now: unknown, wanted: unknown): boolean {
  if (typeof wanted !== 'object' || wanted === null) return now === wanted;
  const values = now as Record<string, unknown>;
  return Object.entries(wanted).every(([key, value]) => values[key] === value);
}

/** While a phantom answers: one that lives by translation. */
export async function translatedSession(lab: Lab, withinMs = 10_000): Promise<Session> {
  const session = new Session(lab);
  expect(await session.until('connected', 5000)).not.toBe(-1);
  expect(await session.echoes('translated', withinMs)).toBe(true);
  return session;
}
