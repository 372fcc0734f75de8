/**
 * What `status` says, as JSON (keys are API) and as a page for people. Reads the engine's counters
 * and the worker's statistics; owns nothing.
 */
import { WOULD } from '../engine/codes.ts';
import { COUNTER_COUNT } from '../engine/limits.ts';
import type { EngineMemory } from '../engine/memory.ts';
import { countFlows } from './flow-view.ts';
import type { Quantiles } from './histogram.ts';
import { CODES, STATS } from './registry.ts';
import type { Verdict } from './removal.ts';

export interface RuntimeFigures {
  readonly packets: number;
  readonly latencyUs: { p50: number; p99: number; p999: number; max: number };
  /** Of the packet threads' garbage collectors. */
  readonly gcPauseUs: Quantiles;
  readonly budgetExceeded: number;
  readonly shed: number;
  readonly injected: number;
  readonly injectFailed: number;
  readonly heartbeatMs: number;
}

/** Before the packet thread has begun. */
export const NO_FIGURES: RuntimeFigures = {
  packets: 0,
  latencyUs: { p50: 0, p99: 0, p999: 0, max: 0 },
  gcPauseUs: { count: 0, p50: 0, p99: 0, p999: 0, max: 0 },
  budgetExceeded: 0,
  shed: 0,
  injected: 0,
  injectFailed: 0,
  heartbeatMs: 0,
};

/** `recording`: asked for, and possible. Files and packets of this run; `lost` are in none. */
export interface EvidenceFacts {
  readonly recording: boolean;
  readonly dir: string;
  readonly files: number;
  readonly packets: number;
  readonly lost: number;
}

export interface StatusFacts {
  readonly version: string;
  readonly mode: string;
  readonly hook: string;
  readonly targets: readonly string[];
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly startedMs: number;
  readonly endsAt: string | undefined;
  /** The last day of its stay, whether that is over, and the ticket that it belongs to. */
  readonly expires: string | undefined;
  readonly expired: boolean;
  readonly ticket: string | undefined;
  /** As it is, and why where `auto` was asked for and `full` is. */
  readonly inspect: 'auto' | 'full';
  readonly fullBecause: string;
  /** As it is, and why where `kernel` was asked for and `user` is; connections of the kernel's. */
  readonly translate: 'user' | 'kernel';
  readonly userBecause: string;
  readonly kernelFlows: number;
  /** `reinstalled`: how often they were put back behind a reload of the ruleset. */
  readonly rules: { installed: boolean; backend: string; reinstalled: number };
  readonly budgetUs: number;
  /** One per packet worker, and how many packets each has had. */
  readonly memories: readonly EngineMemory[];
  readonly packetsByQueue: readonly number[];
  readonly runtime: RuntimeFigures;
  /** Events that no ring had room for, so that neither log nor report knows of them. */
  readonly eventsLost: number;
  /** How many destinations each fault is known of. */
  readonly knownFaults: Readonly<Record<string, number>>;
  readonly evidence: EvidenceFacts;
  /** What `report` says. */
  readonly removal: Verdict;
}

export type Status = Readonly<ReturnType<typeof statusOf>>;

export function statusOf(facts: StatusFacts) {
  const counters = sumOf(facts.memories.map((memory) => new Float64Array(memory.counters)));
  const flows = countFlows(facts.memories);
  const { runtime } = facts;
  return {
    schema: 1,
    version: facts.version,
    pid: process.pid,
    state: facts.reasons.length === 0 ? 'ok' : 'degraded',
    reasons: facts.reasons,
    mode: facts.mode,
    hook: facts.hook,
    targets: facts.targets,
    ready: facts.ready,
    uptimeMs: Math.round(performance.now() - facts.startedMs),
    endsAt: facts.endsAt ?? null,
    expires: facts.expires ?? null,
    expired: facts.expired,
    ticket: facts.ticket ?? null,
    inspect: facts.inspect,
    fullBecause: facts.fullBecause === '' ? null : facts.fullBecause,
    rules: facts.rules,
    packets: runtime.packets,
    packetsByQueue: facts.packetsByQueue,
    flows: {
      current: flows.current,
      peak: flows.peak,
      capacity: flows.capacity,
      evicted: flows.evicted,
    },
    translate: facts.translate,
    userBecause: facts.userBecause === '' ? null : facts.userBecause,
    translated: { kernel: facts.kernelFlows, userspace: flows.translated },
    findings: byKind(counters, 'finding', 0),
    interventions: byKind(counters, 'intervention', 0),
    adjustments: byKind(counters, 'adjustment', 0),
    wouldIntervene: {
      ...byKind(counters, 'intervention', WOULD),
      ...byKind(counters, 'adjustment', WOULD),
    },
    counters: Object.fromEntries(STATS.map(([number, name]) => [name, counters[number] ?? 0])),
    offloaded: flows.settled,
    injected: runtime.injected,
    injectFailed: runtime.injectFailed,
    latencyUs: runtime.latencyUs,
    gcPauseUs: runtime.gcPauseUs,
    budgetUs: facts.budgetUs,
    budgetExceeded: runtime.budgetExceeded,
    shed: runtime.shed,
    heartbeatMs: runtime.heartbeatMs,
    eventsLost: facts.eventsLost,
    knownFaults: facts.knownFaults,
    evidence: facts.evidence,
    removal: facts.removal,
  };
}

function sumOf(pages: readonly Float64Array[]): Float64Array {
  const sums = new Float64Array(COUNTER_COUNT);
  for (const page of pages)
    for (const [i, count] of page.entries()) sums[i] = (sums[i] ?? 0) + count;
  return sums;
}

/** Counts that are not zero, by code name. */
function byKind(counters: Float64Array, kind: string, offset: number): Record<string, number> {
  const out: Record<string, number> = {};
  for (const entry of CODES) {
    const count = counters[entry.code + offset] ?? 0;
    if (entry.kind === kind && count > 0) out[entry.name] = count;
  }
  return out;
}

export function statusText(status: Status): string {
  const s: Readonly<Record<string, unknown>> = status;
  const flows = s['flows'] as { current: number; peak: number; capacity: number };
  const latency = s['latencyUs'] as { p50: number; p99: number; max: number };
  const rules = s['rules'] as { installed: boolean; backend: string };
  const why = status.reasons.length > 0 ? `: ${status.reasons.join('; ')}` : '';
  const lines = [
    `seqshim ${s['version']} (pid ${s['pid']}) ${status.state}${why}`,
    row('mode', `${s['mode']}, hook ${s['hook']}, rules by ${rules.backend}`),
    row('targets', (s['targets'] as readonly string[]).join(', ')),
    row('running', `${Math.round(Number(s['uptimeMs']) / 1000)} s${ends(s['endsAt'])}`),
    ...stayText(s),
    row('packets', `${s['packets']} inspected, ${s['shed']} shed under load`),
    ...queuesText(s['packetsByQueue'] as readonly number[]),
    ...bypassText(s),
    row('flows', `${flows.current} now, ${flows.peak} at most, room for ${flows.capacity}`),
    ...translateText(s),
    row('latency', `p50 ${latency.p50} µs, p99 ${latency.p99} µs, max ${latency.max} µs`),
    ...counts('found', s['findings']),
    ...counts('did', s['interventions']),
    ...counts('also', s['adjustments']),
    ...counts('would have done', s['wouldIntervene']),
    ...evidenceText(status.evidence),
  ];
  return `${lines.join('\n')}\n`;
}

/** Said where there is some, or none can be had. */
function evidenceText({ recording, dir, files, packets, lost }: EvidenceFacts): string[] {
  if (packets === 0 && lost === 0 && recording) return [];
  const missing = lost === 0 ? '' : `, ${lost} not recorded`;
  const state = recording ? '' : ' (not recording)';
  const where = `${files} ${files === 1 ? 'file' : 'files'}`;
  return [row('evidence', `${packets} packets in ${where}${missing}: ${dir}${state}`)];
}

/** Why it is here, and until when. */
function stayText(s: Readonly<Record<string, unknown>>): string[] {
  const over = s['expired'] === true ? ', which is over: is it still needed?' : '';
  return [
    ...(s['ticket'] === null ? [] : [row('ticket', String(s['ticket']))]),
    ...(s['expires'] === null ? [] : [row('until', `${s['expires']}${over}`)]),
  ];
}

function queuesText(packets: readonly number[]): string[] {
  return packets.length < 2 ? [] : [row('queues', `${packets.length}: ${packets.join(', ')}`)];
}

function bypassText(s: Readonly<Record<string, unknown>>): string[] {
  if (s['inspect'] !== 'auto') {
    const why = s['fullBecause'] === null ? '' : `: ${s['fullBecause']}`;
    return [row('inspected', `every packet${why}`)];
  }
  const counters = s['counters'] as Record<string, number>;
  const { bypassedPackets = 0, bypassedOctets = 0 } = counters;
  const stayed = `${bypassedPackets} packets, ${bypassedOctets} octets`;
  return [row('bypassed', `${stayed}; ${s['offloaded']} connections now`)];
}

/** Said where the kernel translates, or was asked to. */
function translateText(s: Readonly<Record<string, unknown>>): string[] {
  const { kernel, userspace } = s['translated'] as { kernel: number; userspace: number };
  if (s['userBecause'] !== null) return [row('translated', `by seqshim: ${s['userBecause']}`)];
  if (s['translate'] !== 'kernel' && kernel === 0) return [];
  const until = kernel > 0 ? ' (rule KEEP-SEQSHIM stays until they end)' : '';
  return [row('translated', `${kernel} by the kernel${until}, ${userspace} by seqshim`)];
}

function row(name: string, value: string): string {
  return `  ${name.padEnd(16)}${value}`;
}

function ends(at: unknown): string {
  return at === null || at === undefined ? '' : `, ends at ${at} unless: seqshim keep`;
}

function counts(name: string, value: unknown): string[] {
  const entries = Object.entries(value as Record<string, number>);
  return entries.map(([code, count], i) => row(i === 0 ? name : '', `${code} ${count}`));
}
