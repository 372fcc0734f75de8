/**
 * What an `ssh -v` text says, for a person and for `--json`: how far each ssh came, how it ended,
 * the capture that shows the rest. Owns the words and the JSON names of `sshAttempts`.
 */
import { plural } from '../wording.ts';
import { wrapText } from '../wrap-text.ts';
import { captureOf } from './judge-ssh.ts';
import type { EndKind, Multiplexing, SshAttempt, Stage } from './ssh-attempt.ts';

/** So many are told in full. */
const ATTEMPT_COUNT_FULL = 5;

const STAGE_WORDS: Readonly<Record<Stage, string>> = {
  begun: 'it had not begun to connect',
  connecting: 'it asked for a connection',
  connected: 'the connection was established; no version of the server’s came',
  spoke: 'it sent its version; none of the server’s came',
  banner: 'the server’s version came',
  kex: 'it proposed algorithms',
  keys: 'the keys were exchanged',
  auth: 'the user was being checked',
  authenticated: 'the user was let in',
  session: 'the session was open',
};

const END_WORDS: Readonly<Record<EndKind, string>> = {
  finished: 'as it should',
  unresolved: 'the name has no address',
  refused: 'refused',
  unreachable: 'no way to the server',
  timeout: 'no answer in time',
  reset: 'reset (RST) in the server’s name',
  closed: 'closed by the other side',
  'turned-away': 'turned away by the server',
  'no-common-algorithm': 'no algorithm in common',
  corrupted: 'damaged data',
  'host-key': 'the server’s key was not accepted',
  denied: 'the user was not accepted',
  failed: 'it failed',
  unfinished: 'none in this text: ssh hung, or the text was cut',
};

const MASTER_WORDS: Readonly<Record<Multiplexing, string>> = {
  none: '',
  'no-master': 'no master was there, so ssh made a connection of its own',
  'through-master': 'the session ran in the connection of a master',
  'master-failed': 'the master did not take it',
};

/** Those that failed first. */
export function attemptLines(attempts: readonly SshAttempt[]): string[] {
  const failed = attempts.filter((attempt) => attempt.hasFailed());
  const rest = attempts.filter((attempt) => !attempt.hasFailed());
  const lines = [...failed, ...rest].slice(0, ATTEMPT_COUNT_FULL).flatMap(oneAttempt);
  const more = attempts.length - ATTEMPT_COUNT_FULL;
  return more > 0 ? [...lines, `${plural(more, 'more ssh', 'more of ssh')} (--json)`, ''] : lines;
}

function oneAttempt(attempt: SshAttempt): string[] {
  const { firstLine, lastLine, end, multiplexing, proxyLine, tries } = attempt;
  const { stage } = attempt;
  const to = attempt.host === '' ? 'ssh' : `ssh to ${attempt.host} port ${attempt.port || '22'}`;
  const lines = [`${to} (lines ${firstLine} to ${lastLine})`];
  const at = attempt.lineOf(stage);
  if (proxyLine === 0) {
    lines.push(...wrapText('  how far: ', STAGE_WORDS[stage] + (at > 0 ? ` (line ${at})` : '')));
  }
  if (end === undefined) lines.push('  the end: not in this text');
  else {
    const said = end.text === '' ? '' : `: “${end.text}”`;
    lines.push(...wrapText('  the end: ', `${END_WORDS[end.kind]} (line ${end.line}${said})`));
  }
  for (const { address, port, line, failed } of tries) {
    lines.push(`  tried in vain: ${address} port ${port}, ${failed} (line ${line})`);
  }
  const master = MASTER_WORDS[multiplexing];
  if (master !== '') lines.push(`  multiplexing: ${master} (line ${attempt.multiplexingLine})`);
  if (proxyLine > 0) {
    const mixed = `not told apart: a proxy (line ${proxyLine}) may tell its own story in between`;
    lines.push(...wrapText('  how far: ', mixed));
  }
  if (attempt.hasFailed() && end?.kind !== 'unresolved') {
    lines.push(
      '  what shows the rest, on this machine, while it fails:',
      `    ${captureOf(attempt)}`,
    );
  }
  return [...lines, ''];
}

export function attemptJson(attempt: SshAttempt): object {
  const { end, reached, tries } = attempt;
  return {
    firstLine: attempt.firstLine,
    lastLine: attempt.lastLine,
    clientVersion: attempt.client,
    serverVersion: attempt.server,
    host: attempt.host,
    address: attempt.address,
    port: attempt.port,
    stage: attempt.stage,
    stageLines: Object.fromEntries(reached),
    failed: attempt.hasFailed(),
    ...(end === undefined ? {} : { end }),
    multiplexing: attempt.multiplexing,
    ...(attempt.proxyLine > 0 ? { proxyLine: attempt.proxyLine } : {}),
    tries,
    decide: attempt.hasFailed() ? captureOf(attempt) : '',
  };
}
