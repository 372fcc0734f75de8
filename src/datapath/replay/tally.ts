/** What the engine's counters say was found, done, or would have been done. Owns nothing. */
import { WOULD } from '../../engine/codes.ts';
import { CODES } from '../../telemetry/registry.ts';

export interface Tally {
  /** Code and how often, in the registry's order; findings and actions. */
  readonly done: readonly (readonly [code: number, count: number])[];
  /** Actions in observe mode. */
  readonly would: readonly (readonly [code: number, count: number])[];
}

/** What was counted since `before`. */
export function tallyOf(counters: Float64Array, before: Float64Array): Tally {
  const since = (index: number) => (counters[index] ?? 0) - (before[index] ?? 0);
  const done: [number, number][] = [];
  const would: [number, number][] = [];
  for (const { code, kind } of CODES) {
    const count = since(code);
    if (count > 0) done.push([code, count]);
    const observed = kind === 'finding' ? 0 : since(code + WOULD);
    if (observed > 0) would.push([code, observed]);
  }
  return { done, would };
}
