/**
 * Everything `diagnose` found in one input, and the same as `--json` (schema 1, additive). Owns the
 * JSON names; sequence numbers are unsigned there, units stand last.
 */
import { formatSeq } from '../engine/wire/seq.ts';
import type { Analysis } from './analyse.ts';
import { END_KINDS, type EndedFlows } from './ended-flows.ts';
import type { Finding } from './finding.ts';
import { findingsByFlow } from './findings-by-flow.ts';
import type { Flow } from './flow.ts';
import { CLIENT, SERVER } from './flow.ts';
import { UNKNOWN } from './packet-record.ts';
import { attemptJson } from './ssh-debug/print-attempts.ts';
import type { SshAttempt } from './ssh-debug/ssh-attempt.ts';
import { importantFrames, timelineOf } from './timeline.ts';
import type { Wording } from './wording.ts';

export type InputKind = 'tcpdump-text' | 'capture' | 'ssh-debug' | 'probe';

/** The name under which `tolerated` counts what was not looked at. */
export const NOT_KEPT = 'packets beyond the limit of connections';

/** What the capture says of itself: with it, what is not in it proves nothing. */
export const LOST = 'packets that the capture lost: what is missing here may have been there';

/** Of an evidence file: what went on in place of a packet, or was made. */
export const REPLACEMENTS = 'packets that seqshim delivered in place of others, or sent';

export interface InputSummary {
  readonly name: string;
  readonly kind: InputKind;
  readonly packets: number;
  readonly lines: number;
  /** What was tolerated, by name; only what occurred. */
  readonly tolerated: Readonly<Record<string, number>>;
}

export interface Report extends Analysis {
  readonly input: InputSummary;
  readonly flows: readonly Flow[];
  /** Connections that are not among `flows` any more, counted. */
  readonly ended?: EndedFlows;
  /** Of `ssh -v` in the text. */
  readonly sshAttempts?: readonly SshAttempt[];
  readonly wording: Wording;
}

export function reportJson(reports: readonly Report[]) {
  const groups = new Map(reports.map((report) => [report, findingsByFlow(report.findings)]));
  return {
    schema: 1,
    inputs: reports.map(({ input, enough, ended }) => ({
      ...input,
      enough,
      ...(ended === undefined || ended.connections === 0 ? {} : { counted: countedJson(ended) }),
    })),
    flows: reports.flatMap((report) =>
      report.flows.map((flow) => ({
        input: report.input.name,
        ...flowJson(flow, groups.get(report)?.get(flow.id) ?? []),
      })),
    ),
    findings: reports.flatMap((report) =>
      report.findings.map((finding) => ({ input: report.input.name, ...finding })),
    ),
    hypotheses: reports.flatMap((report) =>
      report.hypotheses.map((hypothesis) => ({ input: report.input.name, ...hypothesis })),
    ),
    sshAttempts: reports.flatMap((report) =>
      (report.sshAttempts ?? []).map((one) => ({ input: report.input.name, ...attemptJson(one) })),
    ),
  };
}

/** Connections that were looked at, and are not in `flows`. */
function countedJson({ connections, packets, octets, ends, findings }: EndedFlows): object {
  return {
    connections,
    packets,
    octets,
    ...Object.fromEntries(END_KINDS.map((kind) => [kind, ends[kind]])),
    findings: [...findings.values()],
  };
}

/** All connections of the input that were looked at. */
export function connectionCount({ flows, ended }: Pick<Report, 'flows' | 'ended'>): number {
  return flows.length + (ended?.connections ?? 0);
}

function flowJson(flow: Flow, findings: readonly Finding[]): object {
  const client = flow.halves[CLIENT];
  const server = flow.halves[SERVER];
  const important = importantFrames(findings);
  return {
    id: flow.id,
    client: flow.client,
    clientPort: flow.clientPort,
    server: flow.server,
    serverPort: flow.serverPort,
    firstFrame: flow.firstFrame,
    lastFrame: flow.lastFrame,
    packets: client.packets + server.packets,
    clientIsns: client.offers.map(({ isn }) => formatSeq(isn)),
    serverIsns: server.offers.map(({ isn }) => formatSeq(isn)),
    clientDataOctets: client.dataOctets,
    serverDataOctets: server.dataOctets,
    ...known('durationUs', flow.lastUs === UNKNOWN ? UNKNOWN : flow.lastUs - flow.firstUs),
    ...known('shortestReplyOfServerUs', server.shortestReplyUs),
    ...known('shortestReplyOfClientUs', client.shortestReplyUs),
    timeline: findings.length === 0 ? [] : timelineOf(flow, important),
  };
}

function known(name: string, value: number): Record<string, number> {
  return value === UNKNOWN ? {} : { [name]: Math.round(value * 1000) / 1000 };
}
