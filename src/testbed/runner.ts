/** Runs attempts of a scenario in a lab, one after the other or side by side. Times: ms. */
import { FaultyPath } from './faulty-path.ts';
import type { Lab } from './lab.ts';
import type { Finished } from './namespace.ts';
import type { Attempt, Scenario } from './scenarios.ts';

export interface Tally {
  readonly ok: number;
  readonly count: number;
  readonly ms: readonly number[];
  /** The last line of stderr of what failed. */
  readonly errors: readonly string[];
}

const CONNECT_S = 15;
const WORDS = 'the-session-works';

/** `connectS`: how long ssh waits for a connection. */
export async function attemptOnce(
  lab: Lab,
  family: 4 | 6,
  attempt: Attempt,
  connectS = CONNECT_S,
): Promise<Finished> {
  if (attempt.client === 'echo') return lab.echo(family, attempt.delayMs);
  return lab.ssh(family, `echo ${WORDS}`, ['-o', `ConnectTimeout=${connectS}`]);
}

export function succeeded(attempt: Attempt, finished: Finished): boolean {
  const words = attempt.client === 'echo' ? '"ok":true' : WORDS;
  return finished.exitCode === 0 && finished.stdout.includes(words);
}

/** `width` attempts at a time, on the path as it is, from ports that nobody remembers. */
export async function attempts(
  lab: Lab,
  family: 4 | 6,
  attempt: Attempt,
  count: number,
  width = 1,
  connectS = CONNECT_S,
): Promise<Tally> {
  const ms: number[] = [];
  const errors: string[] = [];
  let ok = 0;
  lab.takeFreshPorts();
  for (let done = 0; done < count; done += width) {
    const batch = Array.from({ length: Math.min(width, count - done) }, () =>
      attemptOnce(lab, family, attempt, connectS),
    );
    for (const finished of await Promise.all(batch)) {
      ms.push(Math.round(finished.ms));
      if (succeeded(attempt, finished)) ok++;
      else errors.push(finished.stderr.trim().split('\n').at(-1) || finished.stdout.trim());
    }
  }
  return { ok, count, ms, errors };
}

/** The scenario's fault is on for the time of the attempts. */
export async function runScenario(
  lab: Lab,
  scenario: Scenario,
  family: 4 | 6,
  count: number,
  options: { readonly offsets?: boolean; readonly width?: number } = {},
): Promise<Tally> {
  const fault = { ...scenario.fault, offsets: options.offsets ?? false };
  const path = await FaultyPath.open(lab, fault);
  try {
    return await attempts(lab, family, scenario.attempt, count, options.width ?? 1);
  } finally {
    await path.close();
  }
}
