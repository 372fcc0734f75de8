/**
 * Connections that are over: where room is needed, those of which nothing is to be said are counted
 * and let go, so that memory is bounded by those that are open, and a capture of a million short
 * ones is analysed whole.
 *
 * Owns the counts, and which of the ended ones stay because something was found. Microseconds of
 * the capture; without times nothing is known to be over.
 */
import type { Severity } from '../telemetry/code-entry.ts';
import { AddressTurns } from './address-turns.ts';
import { flowFindings } from './analyse.ts';
import { CLIENT, type Flow, SERVER } from './flow.ts';
import { UNKNOWN } from './packet-record.ts';

export const END_KINDS = ['closed', 'reset', 'unanswered', 'replaced'] as const;
export type EndKind = (typeof END_KINDS)[number];

/** So long it has to be silent: what still comes then belongs to another connection. */
const QUIET_US: Readonly<Record<EndKind, number>> = {
  closed: 2_000_000,
  // What was a false reset shows in what comes behind it.
  reset: 20_000_000,
  // One SYN, and not again in the time of five timers.
  unanswered: 30_000_000,
  replaced: 0,
};

/** Connections with a fault that stay, and those with nothing but a note: the first ones. */
export const FAULTY_COUNT_MAX = 8192;
const NOTED_COUNT_MAX = 1024;

/** Of findings whose connections did not stay. */
export interface FindingCount {
  readonly code: string;
  readonly severity: Severity;
  count: number;
}

export class EndedFlows {
  connections = 0;
  packets = 0;
  octets = 0;
  /** Came when their connection had been counted already. */
  latePackets = 0;
  /** Seen from their SYN on, with an answer. */
  whole = 0;
  readonly ends: Record<EndKind, number> = { closed: 0, reset: 0, unanswered: 0, replaced: 0 };
  readonly findings = new Map<string, FindingCount>();
  readonly addresses = new AddressTurns();
  /** Judged, and kept for what was found; bounded as above. */
  private readonly kept = new Set<Flow>();
  private faulty = 0;
  private noted = 0;

  /** Marks those of `flows` that are let go. `nowUs`: the capture's. */
  fold(flows: readonly Flow[], nowUs: number): number {
    if (nowUs === UNKNOWN) return 0;
    const before = this.connections;
    // In the order in which they began, which is that of `flows`.
    for (const flow of flows) {
      if (this.kept.has(flow)) continue;
      const end = endOf(flow);
      if (end === undefined || nowUs - flow.lastUs < QUIET_US[end]) continue;
      if (this.mayGo(flow)) this.count(flow, end);
    }
    return this.connections - before;
  }

  private mayGo(flow: Flow): boolean {
    const showed = this.addresses.take(flow);
    const findings = flowFindings(flow, { frame: 'frame', captureInterface: '' });
    if (findings.length === 0 && !showed) return true;
    const isFaulty = showed || findings.some(({ severity }) => severity !== 'note');
    const isRoom = isFaulty ? this.faulty < FAULTY_COUNT_MAX : this.noted < NOTED_COUNT_MAX;
    if (isRoom || showed) {
      this.kept.add(flow);
      if (isFaulty) this.faulty += 1;
      else this.noted += 1;
      return false;
    }
    for (const { code, severity } of findings) this.countFinding(code, severity);
    return true;
  }

  private countFinding(code: string, severity: Severity): void {
    const key = `${code} ${severity}`;
    const known = this.findings.get(key);
    if (known === undefined) this.findings.set(key, { code, severity, count: 1 });
    else known.count += 1;
  }

  private count(flow: Flow, end: EndKind): void {
    flow.isLetGo = true;
    this.connections += 1;
    this.ends[end] += 1;
    for (const half of flow.halves) {
      this.packets += half.packets;
      this.octets += half.dataOctets;
    }
    if (flow.halves[CLIENT].offers.length > 0 && flow.halves[SERVER].packets > 0) this.whole += 1;
  }
}

function endOf(flow: Flow): EndKind | undefined {
  const [client, server] = flow.halves;
  if (client.finSeen && server.finSeen) return 'closed';
  if (flow.isReplaced) return 'replaced';
  if (server.packets === 0 && client.offers.length > 0) return 'unanswered';
  return flow.packets.hasReset ? 'reset' : undefined;
}
