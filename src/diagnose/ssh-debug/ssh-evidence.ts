/**
 * What one `ssh -v` says for or against a suspect: facts with their lines, no judgement. Owns the
 * names of the evidence and its words. How far ssh came counts only where no proxy tells its own
 * story in between.
 */
import type { Proof } from '../hypotheses-evidence.ts';
import { UNKNOWN } from '../packet-record.ts';
import { formatDuration } from '../wording.ts';
import type { EndKind, SshAttempt, Stage } from './ssh-attempt.ts';

type SshEvidence = (attempt: SshAttempt) => Proof | undefined;

/** No lookup and no keep-alive is over sooner. */
const PAUSE_US = 1_000_000;

const ended =
  (kinds: readonly EndKind[], from: Stage, before: Stage | undefined, says: string): SshEvidence =>
  (attempt) => {
    const { end, reached, proxyLine, stagesTold } = attempt;
    if (end === undefined || proxyLine > 0 || !kinds.includes(end.kind)) return undefined;
    if (!stagesTold || !reached.has(from) || hasReached(attempt, before)) return undefined;
    const frames = [...new Set([attempt.lineOf(from), end.line])];
    return { says: `${says} (line ${end.line})`, frames };
  };

const reachedStage =
  (stage: Stage, says: string): SshEvidence =>
  (attempt) => {
    const line = attempt.lineOf(stage);
    if (line === 0 || attempt.proxyLine > 0) return undefined;
    return { says: `${says} (line ${line})`, frames: [line] };
  };

/** Explicit words of ssh's hold with a proxy too. */
const told =
  (kind: EndKind): SshEvidence =>
  ({ end }) =>
    end?.kind === kind
      ? { says: `“${end.text}” (line ${end.line})`, frames: [end.line] }
      : undefined;

const ANY_END: readonly EndKind[] = ['reset', 'closed', 'timeout', 'failed', 'turned-away'];
/** A stage counts as reached with any behind it. */
const AFTER: Readonly<Partial<Record<Stage, readonly Stage[]>>> = {
  connected: ['connected', 'spoke', 'banner', 'kex', 'keys', 'auth', 'authenticated', 'session'],
  banner: ['banner', 'kex', 'keys', 'auth', 'authenticated', 'session'],
  keys: ['keys', 'auth', 'authenticated', 'session'],
  authenticated: ['authenticated', 'session'],
};

function hasReached({ reached }: SshAttempt, stage: Stage | undefined): boolean {
  if (stage === undefined) return false;
  return (AFTER[stage] ?? [stage]).some((one) => reached.has(one));
}

export const SSH_EVIDENCE = {
  unresolved: told('unresolved'),
  refused: ended(['refused'], 'connecting', 'connected', 'the connection was refused'),
  unanswered: ended(
    ['timeout', 'unreachable'],
    'connecting',
    'connected',
    'the request to connect got no answer',
  ),
  'through-master': ({ multiplexing, multiplexingLine: line }) =>
    multiplexing === 'through-master'
      ? { says: `ssh used the connection of a master (line ${line})`, frames: [line] }
      : undefined,
  'own-connection': reachedStage('connecting', 'ssh opened a connection of its own'),
  'first-write-reset': (attempt) =>
    attempt.firstWriteFailed && attempt.end?.kind === 'reset'
      ? ended(
          ['reset'],
          'connected',
          'banner',
          'the first thing that ssh wrote met a reset',
        )(attempt)
      : undefined,
  'before-banner': ended(
    ANY_END,
    'connected',
    'banner',
    'it was over before the server’s version came',
  ),
  'before-banner-reset': ended(
    ['reset'],
    'connected',
    'banner',
    'a reset before the server’s version',
  ),
  'banner-late': ended(
    ['timeout'],
    'connected',
    'banner',
    'the server’s version did not come in time',
  ),
  'closed-unsaid': ended(['closed'], 'connected', 'banner', 'closed without the server’s version'),
  'turned-away': told('turned-away'),
  greeted: reachedStage('banner', 'the server sent its version'),
  'no-common': told('no-common-algorithm'),
  corrupted: told('corrupted'),
  'kex-stalled': ended(
    ['timeout', 'closed', 'unfinished'],
    'kex',
    'keys',
    'nothing more came after the lists of algorithms, which are the first long packets',
  ),
  'before-keys': ended(ANY_END, 'banner', 'keys', 'it was over before the keys were exchanged'),
  keys: reachedStage('keys', 'the keys were exchanged'),
  denied: told('denied'),
  authenticated: reachedStage('authenticated', 'the user was let in'),
  'auth-stuck': ended(
    ['timeout', 'closed', 'failed', 'unfinished'],
    'auth',
    'authenticated',
    'it ended while the user was being checked',
  ),
  'server-other': (attempt) => {
    const { server, proxyLine } = attempt;
    const line = attempt.lineOf('banner');
    if (line === 0 || proxyLine > 0 || is74(server)) return undefined;
    return { says: `the server is ${server} (line ${line})`, frames: [line] };
  },
  'no-mutual-7.4': ({ server, noMutualLine: line }) =>
    line > 0 && is74(server)
      ? { says: `a server with 7.4, and “no mutual signature” (line ${line})`, frames: [line] }
      : undefined,
  'server-7.4': (attempt) =>
    is74(attempt.server)
      ? { says: `the server is ${attempt.server}`, frames: [attempt.lineOf('banner')] }
      : undefined,
  'session-died': ended(
    ['timeout', 'closed', 'reset', 'failed'],
    'authenticated',
    undefined,
    'an open session died',
  ),
  'ended-by-reset': ended(['reset'], 'connected', undefined, 'an established connection was reset'),
  'quick-end': quickEnd,
  other: () => ({ says: '', frames: [] }),
} as const satisfies Record<string, SshEvidence>;

export type SshEvidenceId = keyof typeof SSH_EVIDENCE;

/** By the times that `ts` or a log put before the lines. */
function quickEnd(attempt: SshAttempt): Proof | undefined {
  const { beginUs, endUs, end, proxyLine } = attempt;
  if (end === undefined || beginUs === UNKNOWN || endUs === UNKNOWN || proxyLine > 0) {
    return undefined;
  }
  const tookUs = endUs - beginUs;
  if (tookUs < 0 || tookUs > PAUSE_US) return undefined;
  return {
    says: `it was all over in ${formatDuration(tookUs)} (line ${end.line})`,
    frames: [attempt.lineOf('connecting'), end.line],
  };
}

function is74(server: string): boolean {
  return /^OpenSSH_7\.4(?!\d)/.test(server);
}
