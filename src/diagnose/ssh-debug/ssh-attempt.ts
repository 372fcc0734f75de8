/**
 * One run of ssh as its -v output tells it: how far it came, how it ended, over what. Owns the
 * shape and the names of stages and ends, which `--json` has. Lines are 1-based, 0 where there is
 * none; times in microseconds of the day, UNKNOWN without.
 */
import { UNKNOWN } from '../packet-record.ts';
import type { SocketError } from './ssh-messages.ts';

/** In their order (RFC 4253 §4, §7, RFC 4252). */
export const STAGES = [
  'begun',
  'connecting',
  'connected',
  'spoke',
  'banner',
  'kex',
  'keys',
  'auth',
  'authenticated',
  'session',
] as const;
export type Stage = (typeof STAGES)[number];

export type EndKind =
  | 'finished'
  | 'unresolved'
  | 'refused'
  | 'unreachable'
  | 'timeout'
  | 'reset'
  | 'closed'
  | 'turned-away'
  | 'no-common-algorithm'
  | 'corrupted'
  | 'host-key'
  | 'denied'
  | 'failed'
  /** The text has no end: ssh hung, or the text was cut. */
  | 'unfinished';

export interface End {
  readonly kind: EndKind;
  readonly line: number;
  /** As ssh wrote it. */
  readonly text: string;
}

export interface Try {
  readonly address: string;
  readonly port: string;
  readonly line: number;
  readonly failed: SocketError;
}

export type Multiplexing = 'none' | 'no-master' | 'through-master' | 'master-failed';

export class SshAttempt {
  readonly firstLine: number;
  lastLine: number;
  client = '';
  host = '';
  address = '';
  port = '';
  server = '';
  readonly reached = new Map<Stage, number>();
  /** Addresses that were tried in vain. */
  readonly tries: Try[] = [];
  multiplexing: Multiplexing = 'none';
  multiplexingLine = 0;
  /** The line that starts a proxy: what follows may be that one's. */
  proxyLine = 0;
  noMutualLine = 0;
  /** Whether what is not told did not happen: with -v, or in words that say where it was. */
  stagesTold = false;
  /** The end was met by the first thing that ssh wrote. */
  firstWriteFailed = false;
  end: End | undefined;
  beginUs = UNKNOWN;
  endUs = UNKNOWN;

  constructor(line: number) {
    this.firstLine = line;
    this.lastLine = line;
  }

  reach(stage: Stage, line: number): void {
    if (!this.reached.has(stage)) this.reached.set(stage, line);
  }

  lineOf(stage: Stage): number {
    return this.reached.get(stage) ?? 0;
  }

  /** The last stage, in their order. */
  get stage(): Stage {
    return STAGES.findLast((stage) => this.reached.has(stage)) ?? 'begun';
  }

  hasFailed(): boolean {
    return this.end !== undefined && this.end.kind !== 'finished';
  }
}
