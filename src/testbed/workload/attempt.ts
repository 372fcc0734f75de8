/** What came of one attempt of a workload. A leaf. Times: ms. */
export interface Attempted {
  readonly ok: boolean;
  readonly ms: number;
  /** Of what is measured; 0 where nothing got through. */
  readonly bitsPerSecond?: number;
  /** Why it failed, in one line. */
  readonly error?: string;
}

const ERROR_MAX = 160;

export function failed(ms: number, ...told: readonly string[]): Attempted {
  const lines = told.flatMap((text) => text.trim().split('\n')).filter((line) => line !== '');
  const error = lines.at(-1)?.slice(0, ERROR_MAX) ?? 'it took too long, and was ended';
  return { ok: false, ms: Math.round(ms), error };
}
