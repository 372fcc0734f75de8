/**
 * The comparison in `--json` (schema 1, additive): `both`, and its findings among the others. Owns
 * the names. Sequence numbers are unsigned, times microseconds.
 */
import { formatSeq } from '../../engine/wire/seq.ts';
import type { Hypothesis } from '../finding.ts';
import { CLIENT, type Direction, SERVER } from '../flow.ts';
import { sideName } from '../wording.ts';
import type { BothFinding } from './both-findings.ts';
import type { Change } from './change.ts';
import { isRewriting } from './change.ts';
import { clientToServer } from './compare-numbers.ts';
import { type Comparison, comparedPackets, type FlowComparison } from './compare-sides.ts';
import type { Side, SideFlow } from './side-packet.ts';

/** `hypotheses` are of the client's side. */
export function bothJson(
  comparison: Comparison,
  findings: readonly BothFinding[],
  hypotheses: readonly Hypothesis[] = [],
) {
  const { client, server, clock, match, flows } = comparison;
  return {
    schema: 1,
    inputs: [inputJson(client, 'client'), inputJson(server, 'server')],
    flows: flows.map(({ pair }) => endsJson(pair.client)),
    findings: findings.map((finding) => ({ input: client.name, ...finding })),
    hypotheses: hypotheses.map((hypothesis) => ({ input: client.name, ...hypothesis })),
    both: {
      clockOffsetUs: clock === undefined ? null : tenths(clock.offsetUs),
      clockErrorUs: clock?.errorUs === undefined ? null : tenths(clock.errorUs),
      clockDriftPpm: clock === undefined ? null : tenths(clock.driftPpm),
      clockStepped: clock?.isStepped ?? false,
      flows: flows.map(flowJson),
      ambiguous: match.ambiguous.map(endsJson),
      onlyClient: match.onlyClient.map(endsJson),
      onlyServer: match.onlyServer.map(endsJson),
    },
  };
}

function inputJson({ name, kind, packets, notKept }: Side, side: string): object {
  return { name, kind, side, packets, notKept };
}

function endsJson({ id, client, clientPort, server, serverPort, firstFrame }: SideFlow): object {
  return { id, client, clientPort, server, serverPort, firstFrame };
}

function flowJson(flow: FlowComparison): object {
  const { pair, changes, ways, undecided } = flow;
  return {
    id: pair.client.id,
    serverFlow: pair.server.id,
    matchedBy: pair.by,
    rewritten: changes.some(isRewriting),
    clientOffset: formatSeq(clientToServer(ways[CLIENT])),
    serverOffset: formatSeq(clientToServer(ways[SERVER])),
    toServer: wayJson(flow, CLIENT),
    toClient: wayJson(flow, SERVER),
    undecided,
    notCompared: pair.client.notKept + pair.server.notKept,
    changes: changes.map(changeJson),
  };
}

function wayJson(flow: FlowComparison, dir: Direction): object {
  const { sent, got } = flow.ways[dir];
  return { sent: sent.length, arrived: got.length, compared: comparedPackets(flow, dir) };
}

function changeJson({ dir, ...rest }: Change): object {
  return { ...rest, from: sideName(dir) };
}

function tenths(us: number): number {
  return Math.round(us * 10) / 10;
}
