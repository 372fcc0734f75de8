/**
 * What `report` says: what was found and done in a stretch of time, by destination and code, and
 * whether seqshim is still of use. JSON keys are API. Reads the history; owns nothing.
 *
 * Totals are the engine's counters. Destinations are known of events only: what happens to each
 * packet of a connection (`segment-translated`, `sack-repaired`) has no event, and stands in the
 * totals alone.
 */
import { endpoint } from './event-log.ts';
import {
  ALL,
  CONNECTIONS,
  type Counts,
  EVENTS_LOST,
  type History,
  nameOf,
  WOULD_PREFIX,
} from './history.ts';
import { codeByName } from './registry.ts';
import { type Judgement, judgeAll, judgeDestination, type Verdict } from './removal.ts';

type CodeCounts = Readonly<Record<string, number>>;

export interface ByKind {
  readonly findings: CodeCounts;
  readonly interventions: CodeCounts;
  readonly adjustments: CodeCounts;
  readonly wouldIntervene: CodeCounts;
}

export interface DestinationReport extends ByKind {
  readonly address: string;
  readonly port: number;
  /** RFC 3339; null: none was found. */
  readonly lastFault: string | null;
  readonly canaries: number;
  readonly canariesClean: number;
  readonly verdict: Verdict | null;
  readonly because: string | null;
}

export interface RepairReport extends ByKind {
  readonly schema: 1;
  /** Whole hours, or days where it is longer ago. */
  readonly from: string;
  readonly to: string;
  readonly historySince: string;
  readonly connections: number;
  readonly eventsLost: number;
  readonly destinations: readonly DestinationReport[];
  readonly verdict: Verdict;
  readonly because: string;
}

const NOTHING: Counts = new Map();

export function reportOf(history: History, fromDate: number, nowDate: number): RepairReport {
  const counts = history.countsSince(fromDate);
  const all = counts.get(ALL) ?? NOTHING;
  const connections = all.get(CONNECTIONS) ?? 0;
  const judged: Judgement[] = [];
  const destinations: DestinationReport[] = [];
  const named = new Set<string>();
  for (const known of history.destinations) {
    const { address, port, lastFault } = known;
    const name = nameOf(address, port);
    named.add(name);
    const judgement = lastFault === 0 ? undefined : judgeDestination(known, fromDate);
    if (judgement !== undefined) judged.push(judgement);
    const kinds = byKind(counts.get(name) ?? NOTHING);
    if (judgement === undefined && isEmpty(kinds)) continue;
    destinations.push({
      address,
      port,
      ...kinds,
      lastFault: lastFault === 0 ? null : new Date(lastFault).toISOString(),
      canaries: Math.max(known.canaries, known.canariesClean),
      canariesClean: known.canariesClean,
      verdict: judgement?.verdict ?? null,
      because: judgement?.because ?? null,
    });
  }
  for (const [name, of] of counts) {
    if (name !== ALL && !named.has(name)) destinations.push(faultless(name, of));
  }
  const lost = history.countsSince(0).get(ALL)?.get(EVENTS_LOST) ?? 0;
  return {
    schema: 1,
    from: new Date(history.beginOf(fromDate)).toISOString(),
    to: new Date(nowDate).toISOString(),
    historySince: new Date(history.sinceDate).toISOString(),
    connections,
    eventsLost: lost,
    ...byKind(all),
    destinations: destinations.sort((a, b) => (b.lastFault ?? '').localeCompare(a.lastFault ?? '')),
    ...judgeAll(judged, lost, connections),
  };
}

/** Something was found there, and nothing that seqshim repairs. */
function faultless(name: string, counts: Counts): DestinationReport {
  const [address = '', port] = name.split(' ');
  return {
    address,
    port: Number(port),
    ...byKind(counts),
    lastFault: null,
    canaries: 0,
    canariesClean: 0,
    verdict: null,
    because: null,
  };
}

function byKind(counts: Counts): ByKind {
  const out = {
    findings: {} as Record<string, number>,
    interventions: {} as Record<string, number>,
    adjustments: {} as Record<string, number>,
    wouldIntervene: {} as Record<string, number>,
  };
  for (const [key, count] of [...counts].sort(([a], [b]) => a.localeCompare(b))) {
    const would = key.startsWith(WOULD_PREFIX);
    const name = would ? key.slice(WOULD_PREFIX.length) : key;
    const kind = codeByName(name)?.kind;
    if (kind === undefined) continue;
    if (would) out.wouldIntervene[name] = count;
    else out[`${kind}s`][name] = count;
  }
  return out;
}

function isEmpty(kinds: ByKind): boolean {
  return Object.values(kinds).every((counts) => Object.keys(counts).length === 0);
}

const VERDICTS: Readonly<Record<Verdict, string>> = {
  safe: 'safe to remove',
  needed: 'still needed',
  unknown: 'not enough evidence',
};

export function reportText(report: RepairReport): string {
  const head = [
    `from ${report.from} to ${report.to}, ${report.connections} connections`,
    ...kindLines('  ', report),
  ];
  if (report.eventsLost > 0) head.push(`  ${report.eventsLost} events were lost`);
  const rows = report.destinations.flatMap((of) => [
    '',
    endpoint(of.address, of.port),
    ...kindLines('  ', of),
    ...(of.verdict === null ? [] : [`  ${VERDICTS[of.verdict]}: ${of.because}`]),
  ]);
  const verdict = `${VERDICTS[report.verdict]}: ${report.because}`;
  return `${[...head, ...rows, '', verdict].join('\n')}\n`;
}

function kindLines(indent: string, of: ByKind): string[] {
  const rows: readonly (readonly [string, CodeCounts])[] = [
    ['found', of.findings],
    ['did', of.interventions],
    ['also', of.adjustments],
    ['would have done', of.wouldIntervene],
  ];
  return rows.flatMap(([name, counts]) => {
    const list = Object.entries(counts).map(([code, count]) => `${code} ${count}`);
    return list.length === 0 ? [] : [`${indent}${name.padEnd(16)}${list.join(', ')}`];
  });
}
