/**
 * The one table of metrics: names, types, labels and what they are read from, which is what
 * `status` says. Names and labels are API: a test fails when one changes. No label holds an
 * address. Units are those of Prometheus (seconds, bytes). Owns the table only.
 */
import type { CodeKind } from './code-entry.ts';
import type { Totals } from './histogram.ts';
import { CODES, STATS } from './registry.ts';
import type { Status } from './status.ts';

export type MetricType = 'counter' | 'gauge' | 'histogram';

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Snapshot {
  readonly status: Status;
  /** Below LATENCY_BOUNDS_US, µs. */
  readonly latency: Totals;
}

export interface MetricEntry {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly labels: readonly string[];
  /** Of a histogram none: it is read from `latency`. */
  readonly read: (of: Snapshot) => readonly Sample[];
}

/** Doubling from 25 µs; the buckets of `histogram.ts` end at each of them. */
export const LATENCY_BOUNDS_US: readonly number[] = [
  10, 25, 50, 100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 102_400,
];

const VERDICTS = ['safe', 'needed', 'unknown'] as const;

function entry(
  name: string,
  type: MetricType,
  help: string,
  labels: readonly string[],
  read: MetricEntry['read'],
): MetricEntry {
  return { name, type, help, labels, read };
}

/** One sample without labels. */
function plain(
  name: string,
  type: MetricType,
  help: string,
  value: (of: Snapshot) => number | boolean,
): MetricEntry {
  return entry(name, type, help, [], (of) => [{ labels: {}, value: Number(value(of)) }]);
}

/** All codes of a kind from the beginning, so that the first one is seen as a rise. */
function byCode(
  name: string,
  help: string,
  kinds: readonly CodeKind[],
  counts: (status: Status) => Readonly<Record<string, number>>,
): MetricEntry {
  const codes = CODES.filter(({ kind }) => kinds.includes(kind)).map((code) => code.name);
  return entry(name, 'counter', help, ['code'], ({ status }) => {
    const found = counts(status);
    return codes.map((code) => ({ labels: { code }, value: found[code] ?? 0 }));
  });
}

function byLabel(label: string, counts: Readonly<Record<string, number>>): readonly Sample[] {
  return Object.entries(counts).map(([key, value]) => ({ labels: { [label]: key }, value }));
}

const DAY_SECONDS = 86_400;

const MAIN: readonly MetricEntry[] = [
  entry('seqshim_build_info', 'gauge', 'Always 1', ['version', 'node'], ({ status }) => [
    { labels: { version: status.version, node: process.version }, value: 1 },
  ]),
  plain(
    'seqshim_collected_timestamp_seconds',
    'gauge',
    'When these figures were taken',
    () => Math.round(Date.now()) / 1000,
  ),
  plain('seqshim_uptime_seconds', 'gauge', 'Since the start of the program', ({ status }) => {
    return status.uptimeMs / 1000;
  }),
  plain('seqshim_ready', 'gauge', '1 while the packet threads run', ({ status }) => status.ready),
  plain('seqshim_degraded', 'gauge', '1 while status gives a reason', ({ status }) => {
    return status.state !== 'ok';
  }),
  plain('seqshim_enforcing', 'gauge', '0 in observe mode', ({ status }) => {
    return status.mode === 'enforce';
  }),
  plain('seqshim_rules_installed', 'gauge', '1 while the firewall rules stand', ({ status }) => {
    return status.rules.installed;
  }),
  plain('seqshim_packets_total', 'counter', 'Packets inspected', ({ status }) => status.packets),
  entry(
    'seqshim_queue_packets_total',
    'counter',
    'Packets inspected by each queue, the first is 0',
    ['queue'],
    ({ status }) =>
      status.packetsByQueue.map((value, i) => ({ labels: { queue: String(i) }, value })),
  ),
  plain('seqshim_flows', 'gauge', 'Connections tracked now', ({ status }) => status.flows.current),
  plain('seqshim_flows_capacity', 'gauge', 'Connections there is room for', ({ status }) => {
    return status.flows.capacity;
  }),
  plain('seqshim_flows_settled', 'gauge', 'Connections whose plain packets bypass', (of) => {
    return of.status.offloaded;
  }),
  entry('seqshim_flows_translated', 'gauge', 'Connections translated now', ['by'], ({ status }) => {
    return byLabel('by', status.translated);
  }),
  byCode('seqshim_findings_total', 'What the network did', ['finding'], (s) => s.findings),
  byCode(
    'seqshim_interventions_total',
    'Actions that changed what an end received',
    ['intervention'],
    (s) => s.interventions,
  ),
  byCode('seqshim_adjustments_total', 'Other actions', ['adjustment'], (s) => s.adjustments),
  byCode(
    'seqshim_would_intervene_total',
    'Actions that observe mode decided and did not take',
    ['intervention', 'adjustment'],
    (s) => s.wouldIntervene,
  ),
  entry(
    'seqshim_verdict_latency_seconds',
    'histogram',
    'From the receipt of a packet to its verdict',
    [],
    () => [],
  ),
  plain('seqshim_latency_budget_seconds', 'gauge', 'Budget of a batch of packets', ({ status }) => {
    return status.budgetUs / 1e6;
  }),
  plain('seqshim_budget_exceeded_total', 'counter', 'Batches beyond the budget', ({ status }) => {
    return status.budgetExceeded;
  }),
  plain('seqshim_shed_packets_total', 'counter', 'Packets accepted uninspected', ({ status }) => {
    return status.shed;
  }),
  plain('seqshim_injected_packets_total', 'counter', 'Packets injected', ({ status }) => {
    return status.injected;
  }),
  plain('seqshim_inject_failures_total', 'counter', 'Packets not injected', ({ status }) => {
    return status.injectFailed;
  }),
  plain('seqshim_events_lost_total', 'counter', 'Events that were not logged', ({ status }) => {
    return status.eventsLost;
  }),
  plain('seqshim_evidence_recording', 'gauge', '1 while evidence is recorded', ({ status }) => {
    return status.evidence.recording;
  }),
  plain('seqshim_evidence_packets_total', 'counter', 'Packets in evidence files', (of) => {
    return of.status.evidence.packets;
  }),
  plain('seqshim_evidence_lost_total', 'counter', 'Packets that evidence files lack', (of) => {
    return of.status.evidence.lost;
  }),
  plain(
    'seqshim_heartbeat_age_seconds',
    'gauge',
    'Since the slowest packet thread turned',
    ({ status }) => status.heartbeatMs / 1000,
  ),
  entry(
    'seqshim_known_faults',
    'gauge',
    'Destinations of which a fault is known',
    ['fault'],
    ({ status }) => byLabel('fault', status.knownFaults),
  ),
  entry(
    'seqshim_removal',
    'gauge',
    '1 for what `seqshim report` says of the last seven days',
    ['verdict'],
    ({ status }) =>
      VERDICTS.map((verdict) => ({
        labels: { verdict },
        value: Number(status.removal === verdict),
      })),
  ),
  entry(
    'seqshim_expires_timestamp_seconds',
    'gauge',
    'When the last day of its stay is over, absent without --expires',
    ['ticket'],
    ({ status: { expires, ticket } }) => {
      if (expires === null) return [];
      return [
        { labels: { ticket: ticket ?? '' }, value: Date.parse(expires) / 1000 + DAY_SECONDS },
      ];
    },
  ),
  plain('process_start_time_seconds', 'gauge', 'Start of the process, Unix time', () => {
    return Math.round(Date.now() - process.uptime() * 1000) / 1000;
  }),
  plain('process_resident_memory_bytes', 'gauge', 'Resident memory', () => {
    return process.memoryUsage.rss();
  }),
];

/** They have a metric of their own, counted where `status` counts them. */
const ELSEWHERE = ['packets', 'shed'];

/** The engine's counters, each by its name: `flowsPickedUp`, `seqshim_flows_picked_up_total`. */
const FROM_COUNTERS: readonly MetricEntry[] = STATS.filter(
  ([, name]) => !ELSEWHERE.includes(name),
).map(([, name, what]) =>
  plain(counterName(name), 'counter', capitalised(what), ({ status }) => {
    return status.counters[name] ?? 0;
  }),
);

export const METRICS: readonly MetricEntry[] = [...MAIN, ...FROM_COUNTERS];

/** In Prometheus octets are bytes. */
export function counterName(stat: string): string {
  const words = stat.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return `seqshim_${words.replace('octets', 'bytes')}_total`;
}

function capitalised(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

/** The table of the documentation. */
export function metricsMarkdown(): string {
  const rows = METRICS.map(({ name, type, help, labels }) => {
    const labelled = labels.length === 0 ? '' : `{${labels.join(', ')}}`;
    return `| \`${name}${labelled}\` | ${type} | ${help} |`;
  });
  return ['| metric | type | meaning |', '|---|---|---|', ...rows].join('\n');
}
