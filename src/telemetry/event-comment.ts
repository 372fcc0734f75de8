/**
 * What was found or done about a packet, as the comment of that packet in a capture file: code,
 * cause, sentence, numbers. Owns the words.
 */
export interface Told {
  readonly code: string;
  readonly cause?: string | null | undefined;
  /** Decided, and not done. */
  readonly observed: boolean;
  readonly summary: string;
  readonly args: Readonly<Record<string, unknown>>;
}

export function eventComment({ code, cause, observed, summary, args }: Told): string {
  // A reset that comes before everything else is held for what it is.
  const isReason = cause !== null && cause !== undefined && cause !== code;
  const because = isReason ? ` because of ${cause}` : '';
  const only = observed ? ' (observed only, not done)' : '';
  const numbers = Object.entries(args).map(([key, value]) => `${key} ${String(value)}`);
  const told = numbers.length === 0 ? '' : ` (${numbers.join(', ')})`;
  return `seqshim: ${code}${because}${only}: ${summary}${told}`;
}
