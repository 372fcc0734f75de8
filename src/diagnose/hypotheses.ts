/**
 * What it is not: each suspect with what these packets say about it. Goes through the table and
 * fills in what was found. Owns the order (that of the suspects) and the deciding command.
 */
import type { Finding, Hypothesis } from './finding.ts';
import type { Flow } from './flow.ts';
import { SERVER } from './flow.ts';
import { type Case, caseOf, EVIDENCE } from './hypotheses-evidence.ts';
import { PACKET_RULES } from './hypotheses-rules.ts';
import { EVIDENCE_OF_ABSENCE, isLossy, weakenVerdict } from './lossy.ts';
import { SUSPECT_IDS, SUSPECTS, type SuspectId } from './suspects.ts';
import { captureCommand, fillNames, type Wording } from './wording.ts';

const SSH_PORT = '22';
const GREETING_OCTETS_MAX = 255;
/** Services that greet first as well, and are not ssh. */
const OTHER_GREETERS: ReadonlySet<string> = new Set(
  '21 23 25 110 119 143 465 587 993 995 3306 5900'.split(' '),
);

/** `findings` are those of the flow; `sshPort` is one that an `ssh -v` in the same input names. */
export function judgeHypotheses(
  flow: Flow,
  findings: readonly Finding[],
  wording: Wording,
  sshPort = '',
): Hypothesis[] {
  const about = caseOf(flow, findings, wording, mayBeSsh(flow, sshPort));
  return SUSPECT_IDS.map((id) => judge(id, about));
}

function judge(id: SuspectId, about: Case): Hypothesis {
  for (const [when, verdict, because] of PACKET_RULES[id]) {
    const proof = EVIDENCE[when](about);
    if (proof === undefined) continue;
    const { says, frames } = proof;
    const { flow, wording } = about;
    const isWeak = EVIDENCE_OF_ABSENCE.has(when) && isLossy(flow, wording);
    const weaker = isWeak ? weakenVerdict(verdict) : verdict;
    const why = because.replace('%', () => says);
    return {
      id,
      flow: flow.id,
      verdict: weaker,
      because: weaker === verdict ? why : `${why}; but packets are missing from this capture`,
      frames,
      decide: weaker === 'ruled-out' ? '' : decideCommand(id, about),
    };
  }
  throw new Error(`the table has no last row for ${id}`);
}

/** What the input leaves open about numbers and origins, the same capture shows. */
function decideCommand(id: SuspectId, { flow, wording }: Case): string {
  if (id === 'isn-randomization' || id === 'offload') return captureCommand(flow, wording);
  const nameless = flow.serverPort === '';
  return fillNames(SUSPECTS[id].command, {
    server: nameless ? '' : flow.server,
    client: nameless ? '' : flow.client,
    port: flow.serverPort,
    where: wording.captureInterface,
  });
}

/** On its port, on one that is not known, or where the server speaks first, and one line. */
export function mayBeSsh(flow: Flow, sshPort: string): boolean {
  const port = flow.serverPort;
  if (port === SSH_PORT || port === '' || port === sshPort) return true;
  const { firstData } = flow.halves[SERVER];
  const asked = flow.halves[0].firstData;
  if (firstData === undefined || OTHER_GREETERS.has(port)) return false;
  const first = asked === undefined || firstData.frame < asked.frame;
  return first && firstData.payloadOctets <= GREETING_OCTETS_MAX;
}
