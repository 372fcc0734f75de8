/**
 * From the attempts of an `ssh -v` text to suspects, and how they go together with what packets in
 * the same text say. Owns which attempt is judged (the first that failed) and who wins.
 *
 * A verdict about an attempt has flow 0: it is about no connection of packets. Frames are lines.
 */
import type { Hypothesis } from '../finding.ts';
import type { Flow } from '../flow.ts';
import { SUSPECT_IDS, SUSPECTS, type SuspectId } from '../suspects.ts';
import { captureLine, fillNames } from '../wording.ts';
import type { SshAttempt } from './ssh-attempt.ts';
import { SSH_EVIDENCE } from './ssh-evidence.ts';
import { SSH_RULES } from './ssh-rules.ts';

/** Any interface: the text does not say which one. */
const INTERFACE = 'any';
const NO_FLOW = 0;

/** The capture that shows what the text cannot, of the attempt's own address. */
export function captureOf(attempt: SshAttempt): string {
  return captureLine(attempt.address || attempt.host, attempt.port || '22', INTERFACE);
}

export function judgeAttempt(attempt: SshAttempt): Hypothesis[] {
  return SUSPECT_IDS.map((id) => judge(id, attempt));
}

function judge(id: SuspectId, attempt: SshAttempt): Hypothesis {
  for (const [when, verdict, because] of SSH_RULES[id]) {
    const proof = SSH_EVIDENCE[when](attempt);
    if (proof === undefined) continue;
    const text = because.replace('%', () => proof.says);
    const decide = verdict === 'ruled-out' ? '' : decideCommand(id, attempt);
    return { id, flow: NO_FLOW, verdict, because: text, frames: proof.frames, decide };
  }
  throw new Error(`the table has no last row for ${id}`);
}

function decideCommand(id: SuspectId, attempt: SshAttempt): string {
  if (id === 'isn-randomization' || id === 'offload') return captureOf(attempt);
  const port = attempt.port || '22';
  const names = { server: attempt.host || attempt.address, client: '', port, where: '' };
  return fillNames(SUSPECTS[id].command, names);
}

/** The attempt that the packets are of: the only one that failed, on the same port. */
export function attemptOfFlow(attempts: readonly SshAttempt[], flow: Flow): SshAttempt | undefined {
  const failed = attempts.filter((attempt) => attempt.hasFailed());
  const named = failed.filter(({ host, address }) => [host, address].includes(flow.server));
  const candidates = named.length > 0 ? named : failed;
  const [only] = candidates;
  if (only === undefined || candidates.length > 1) return undefined;
  const samePort = flow.serverPort === '' || (only.port || '22') === flow.serverPort;
  return samePort ? only : undefined;
}

/** Packets come first; the text adds what it settles and they leave open. */
export function mergeHypotheses(
  packets: readonly Hypothesis[],
  text: readonly Hypothesis[],
): Hypothesis[] {
  return packets.map((one) => {
    const other = text.find(({ id }) => id === one.id);
    if (other === undefined) return one;
    const isOpen = one.verdict === 'undecided' || one.verdict === 'possible';
    const settles = other.verdict === 'ruled-out' || other.verdict === 'confirmed';
    const better = one.verdict === 'undecided' && other.verdict === 'possible';
    return (isOpen && settles) || better ? { ...other, flow: one.flow } : one;
  });
}
