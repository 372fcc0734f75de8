/** Metrics: names are API, figures are those of `status`, and the text is Prometheus's. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as codes from '../../src/engine/codes.ts';
import { FLOW_PROVEN } from '../../src/engine/flow/layout.ts';
import { HISTOGRAM_BYTES, Histogram, totalsOf } from '../../src/telemetry/histogram.ts';
import {
  counterName,
  LATENCY_BOUNDS_US,
  METRICS,
  metricsMarkdown,
  type Snapshot,
} from '../../src/telemetry/metrics.ts';
import { Prometheus } from '../../src/telemetry/prometheus.ts';
import { CODES, STATS } from '../../src/telemetry/registry.ts';
import { statusOf } from '../../src/telemetry/status.ts';
import { VERSION } from '../../src/version.ts';
import { ROOT } from '../cli/cli-run.ts';
import { readExposition } from './exposition.ts';
import { memoryOf } from './flow-memory.ts';
import { factsOf } from './status-facts.ts';

const memory = memoryOf([{ flags: FLOW_PROVEN }]);
const counters = new Float64Array(memory.counters);
counters[codes.SYNACK_CONFLICT] = 7;
counters[codes.RST_DROPPED] = 2;
counters[codes.REANCHORED + codes.WOULD] = 4;
counters[codes.STAT_FLOW_PICKED_UP] = 6;
counters[codes.STAT_BYPASSED_OCTETS] = 4096;
const histogram = new Histogram(new ArrayBuffer(HISTOGRAM_BYTES), 0);
histogram.record(9, 2);
histogram.record(100, 1);
histogram.record(3_000_000, 1);
const snapshot: Snapshot = {
  status: statusOf(
    factsOf(memory, {
      packetsByQueue: [1000, 234],
      reasons: ['x'],
      expires: '2027-03-31',
      ticket: 'NET-1',
    }),
  ),
  latency: totalsOf([histogram], LATENCY_BOUNDS_US),
};

describe('METRICS', () => {
  it('have these names, types and labels, and one for each counter of the engine', () => {
    const derived = STATS.map(([, name]) => counterName(name));
    const rows = METRICS.map(({ name, type, labels }) => [name, type, ...labels].join(' '));
    expect(rows.filter((row) => !derived.includes(row.split(' ')[0] ?? ''))).toEqual([
      'seqshim_build_info gauge version node',
      'seqshim_collected_timestamp_seconds gauge',
      'seqshim_uptime_seconds gauge',
      'seqshim_ready gauge',
      'seqshim_degraded gauge',
      'seqshim_enforcing gauge',
      'seqshim_rules_installed gauge',
      'seqshim_queue_packets_total counter queue',
      'seqshim_flows gauge',
      'seqshim_flows_capacity gauge',
      'seqshim_flows_settled gauge',
      'seqshim_flows_translated gauge by',
      'seqshim_findings_total counter code',
      'seqshim_interventions_total counter code',
      'seqshim_adjustments_total counter code',
      'seqshim_would_intervene_total counter code',
      'seqshim_verdict_latency_seconds histogram',
      'seqshim_latency_budget_seconds gauge',
      'seqshim_budget_exceeded_total counter',
      'seqshim_shed_packets_total counter',
      'seqshim_injected_packets_total counter',
      'seqshim_inject_failures_total counter',
      'seqshim_events_lost_total counter',
      'seqshim_evidence_recording gauge',
      'seqshim_evidence_packets_total counter',
      'seqshim_evidence_lost_total counter',
      'seqshim_heartbeat_age_seconds gauge',
      'seqshim_known_faults gauge fault',
      'seqshim_removal gauge verdict',
      'seqshim_expires_timestamp_seconds gauge ticket',
      'process_start_time_seconds gauge',
      'process_resident_memory_bytes gauge',
    ]);
    const names = METRICS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    // `shed` has the metric of `status`; the others are named after themselves.
    expect(derived.filter((name) => !names.includes(name))).toEqual(['seqshim_shed_total']);
  });

  it('name the engine’s counters in base units', () => {
    expect(['flowsPickedUp', 'octets', 'bypassedOctets', 'passedMd5Ao'].map(counterName)).toEqual([
      'seqshim_flows_picked_up_total',
      'seqshim_bytes_total',
      'seqshim_bypassed_bytes_total',
      'seqshim_passed_md5_ao_total',
    ]);
  });

  it('each have a row in the documentation', () => {
    expect(metricsMarkdown().split('\n').length).toBe(METRICS.length + 2);
  });
});

describe('Prometheus', async () => {
  const text = await new Prometheus(() => snapshot).text();
  const samples = readExposition(text);
  const value = (name: string, labels: Record<string, string> = {}) =>
    samples.find((sample) => {
      const same = Object.entries(labels).every(([key, text]) => sample.labels[key] === text);
      return sample.name === name && same;
    })?.value;

  it('writes what the parser accepts, and the parser refuses what is wrong', () => {
    expect(samples.length).toBeGreaterThan(METRICS.length);
    for (const [from, to] of [
      ['# TYPE seqshim_flows gauge\n', ''],
      ['seqshim_packets_total 1234', 'seqshim_packets 1234'],
      ['le="+Inf"} 4', 'le="+Inf"} 5'],
      ['seqshim_flows 1', 'seqshim_flows 1\nseqshim_flows 1'],
      ['code="rst-dropped"', 'code="rst"dropped"'],
    ] as const) {
      expect(text).toContain(from);
      expect(() => readExposition(text.replace(from, to)), from).toThrow();
    }
  });

  it('says what status says', () => {
    const { status } = snapshot;
    expect(value('seqshim_packets_total')).toBe(status.packets);
    expect(value('seqshim_queue_packets_total', { queue: '1' })).toBe(234);
    expect(value('seqshim_flows')).toBe(status.flows.current);
    expect(value('seqshim_degraded')).toBe(1);
    expect(value('seqshim_ready')).toBe(1);
    expect(value('seqshim_budget_exceeded_total')).toBe(status.budgetExceeded);
    expect(value('seqshim_latency_budget_seconds')).toBe(0.0002);
    expect(value('seqshim_heartbeat_age_seconds')).toBe(0.006);
    expect(value('seqshim_known_faults', { fault: 'phantom' })).toBe(1);
    expect(value('seqshim_build_info', { version: VERSION })).toBe(1);
    const over = Date.UTC(2027, 3, 1) / 1000; // the whole of its last day counts
    expect(value('seqshim_expires_timestamp_seconds', { ticket: 'NET-1' })).toBe(over);
    for (const verdict of ['safe', 'needed', 'unknown']) {
      expect(value('seqshim_removal', { verdict })).toBe(verdict === status.removal ? 1 : 0);
    }
    for (const [, name] of STATS) {
      if (['packets', 'shed'].includes(name)) continue;
      expect(value(counterName(name)), name).toBe(status.counters[name]);
    }
  });

  it('has each code from the beginning, so that the first one is a rise', () => {
    expect(value('seqshim_findings_total', { code: 'synack-conflict' })).toBe(7);
    expect(value('seqshim_interventions_total', { code: 'rst-dropped' })).toBe(2);
    expect(value('seqshim_would_intervene_total', { code: 'reanchored' })).toBe(4);
    for (const { name, kind } of CODES) {
      expect(value(`seqshim_${kind}s_total`, { code: name }), name).toBeGreaterThanOrEqual(0);
    }
  });

  it('has the latency as a histogram in seconds', () => {
    const bucket = (le: string) => value('seqshim_verdict_latency_seconds_bucket', { le });
    expect([bucket('0.00001'), bucket('0.0001'), bucket('0.0002'), bucket('0.1024')]).toEqual([
      2, 2, 3, 3,
    ]);
    expect(bucket('+Inf')).toBe(4);
    expect(value('seqshim_verdict_latency_seconds_sum')).toBeCloseTo(3.000118, 6);
  });

  it('writes the figures of the moment, not those before', async () => {
    let status = snapshot.status;
    const prometheus = new Prometheus(() => ({ ...snapshot, status }));
    await prometheus.text();
    status = { ...status, packets: 5000, knownFaults: {} };
    const again = await prometheus.text();
    expect(again).toContain('\nseqshim_packets_total 5000\n');
    expect(again).not.toContain('fault="phantom"');
  });

  it('has no address in any label', () => {
    const address = /\d+\.\d+\.\d+\.\d+|[0-9a-f]*:[0-9a-f:]+/;
    for (const { labels } of samples) {
      for (const label of Object.values(labels)) expect(label).not.toMatch(address);
    }
  });
});

describe('what is made of the metrics', () => {
  const names = new Set(METRICS.map(({ name }) => name));
  const of = (file: string) => readFileSync(`${ROOT}/systemd/${file}`, 'utf8');
  /** With what a histogram adds to its name. */
  function foreign(text: string): string[] {
    const used = text.match(/\b(seqshim|process)_[a-z0-9_]+/g) ?? [];
    expect(used.length).toBeGreaterThan(3);
    return used.filter((name) => !names.has(name.replace(/_(bucket|sum|count)$/, '')));
  }

  it('the dashboard shows only metrics that there are', () => {
    const text = of('grafana-dashboard.json');
    const { panels } = JSON.parse(text) as { panels: { title: string; targets: unknown[] }[] };
    expect(panels.length).toBeGreaterThan(5);
    for (const { title, targets } of panels) expect(targets.length, title).toBeGreaterThan(0);
    const expressions = JSON.stringify(panels);
    expect(foreign(expressions)).toEqual([]);
  });

  it('the four alerts ask for metrics and labels that there are', () => {
    const text = of('prometheus-alerts.yml');
    expect(text.match(/^ +- alert: /gm)?.length).toBe(4);
    expect(foreign(text)).toEqual([]);
    for (const [, name = '', label = ''] of text.matchAll(/\b(seqshim_\w+)\{(\w+)=/g)) {
      expect(METRICS.find((metric) => metric.name === name)?.labels).toContain(label);
    }
  });
});
