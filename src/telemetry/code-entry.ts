/** What the registry says of a code. Leaf: no imports. */

export type CodeKind = 'finding' | 'intervention' | 'adjustment';
export type Severity = 'note' | 'warning' | 'error';
/** How an argument is written: seq unsigned, support as a list of words, others as numbers. */
export type ArgumentKind = 'seq' | 'ms' | 'octets' | 'count' | 'ttl' | 'shift' | 'code' | 'support';

export interface CodeEntry {
  readonly code: number;
  readonly name: string;
  readonly kind: CodeKind;
  readonly severity: Severity;
  /** JSON and log keys of the event's arguments, in order. */
  readonly args: readonly (readonly [key: string, kind: ArgumentKind])[];
  /** One sentence, present tense for findings, past for actions. */
  readonly summary: string;
}

/** A code of what the network did. */
export const finding = (
  number: number,
  name: string,
  severity: Severity,
  args: CodeEntry['args'],
  summary: string,
): CodeEntry => ({ code: number, name, kind: 'finding', severity, args, summary });

/** A code of what seqshim did. */
export const action = (
  number: number,
  name: string,
  kind: CodeKind,
  args: CodeEntry['args'],
  summary: string,
): CodeEntry => ({ code: number, name, kind, severity: 'note', args, summary });
