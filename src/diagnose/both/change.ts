/**
 * What the path did to a connection, seen from both sides. Owns the kinds, which are API: names in
 * `--json`, each with what it is called in a table.
 */
import type { Direction } from '../flow.ts';

export const CHANGE_KINDS = {
  addresses: 'addresses, ports',
  sequence: 'sequence numbers',
  'sequence-again': 'translation made anew',
  acknowledgement: 'acknowledgements',
  'sack-translated': 'SACK blocks',
  'sack-left': 'SACK left alone',
  'sack-changed': 'SACK blocks',
  mss: 'MSS',
  'window-scale': 'window scale',
  timestamps: 'timestamps',
  'sack-permitted': 'SACK permitted',
  option: 'other options',
  window: 'window',
  ttl: 'TTL',
  dscp: 'DSCP',
  ecn: 'ECN',
  'ip-id': 'IP ID',
  payload: 'payload',
  dropped: 'dropped',
  duplicated: 'duplicated',
  invented: 'invented',
  reordered: 'reordered',
  delayed: 'delayed',
} as const;

export type ChangeKind = keyof typeof CHANGE_KINDS;

export interface Change {
  readonly kind: ChangeKind;
  readonly dir: Direction;
  /** Packets to which it was done, of so many that could be compared. */
  readonly packets: number;
  readonly of: number;
  /** An example, as each capture has it; empty where a capture has nothing. */
  readonly clientSaw: string;
  readonly serverSaw: string;
  readonly what: string;
  /** The first few, in each capture. */
  readonly clientFrames: readonly number[];
  readonly serverFrames: readonly number[];
  readonly numbers: Readonly<Record<string, number>>;
}

/** What every path does, or may do: no rewriting. */
const ORDINARY: ReadonlySet<ChangeKind> = new Set([
  'ttl',
  'dropped',
  'duplicated',
  'reordered',
  'delayed',
]);

export function isRewriting({ kind, numbers }: Change): boolean {
  return !ORDINARY.has(kind) || numbers['uneven'] === 1;
}
