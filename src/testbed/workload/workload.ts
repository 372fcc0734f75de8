/**
 * What clients do in a scenario, as scenario files write it (in kebab-case there): the kinds of
 * workloads, their keys and what is expected of each. Owns the schema. Times: ms.
 */
import * as v from 'valibot';
import { boundsSchema, countSchema, msSchema, octetsSchema } from '../scenario-values.ts';

const ATTEMPT_COUNT_MAX = 1000;
const AT_ONCE_MAX = 100;
const HOST_COUNT_MAX = 100;

/** Of one cell of the matrix. Without bounds a figure is shown and not judged. */
const expectationSchema = v.strictObject({
  /** Attempts that succeed, of all. */
  success: v.optional(boundsSchema(1)),
  /** Octets in time, of what the same path carries without the behaviours. */
  throughput: v.optional(boundsSchema(100)),
});
export type Expectation = v.InferOutput<typeof expectationSchema>;

const alone = {
  /** Of each address family. */
  attempts: v.optional(countSchema(ATTEMPT_COUNT_MAX), 4),
  /** An attempt that takes longer has failed. */
  timeoutMs: v.optional(msSchema, 10_000),
  without: v.optional(expectationSchema, {}),
  with: v.optional(expectationSchema, { success: 1 }),
};
const common = {
  ...alone,
  /** So many attempts side by side. */
  atOnce: v.optional(countSchema(AT_ONCE_MAX), 1),
};

const way = v.picklist(['up', 'down'], 'must be "up" (to the server) or "down"');

export const workloadSchema = v.variant('kind', [
  /** An ssh login that runs a command: it says something, is silent, says it again. */
  v.strictObject({
    kind: v.literal('ssh'),
    silenceMs: v.optional(msSchema, 0),
    ...common,
  }),
  /** A ControlMaster, and so many sessions through it, one after the other. */
  v.strictObject({
    kind: v.literal('ssh-mux'),
    sessions: v.optional(countSchema(100), 3),
    /** Before each session but the first: nothing is said meanwhile. */
    silenceMs: v.optional(msSchema, 0),
    ...common,
  }),
  /** `ansible -m ping` of so many hosts, `forks` at a time: each an attempt, `attempts` times. */
  v.strictObject({
    kind: v.literal('ansible'),
    hosts: v.optional(countSchema(HOST_COUNT_MAX), 4),
    forks: v.optional(countSchema(HOST_COUNT_MAX), 5),
    ...alone,
    attempts: v.optional(countSchema(ATTEMPT_COUNT_MAX), 1),
    timeoutMs: v.optional(msSchema, 60_000),
  }),
  /** A file, and whether it is the same at the other end. */
  v.strictObject({
    kind: v.literal('scp'),
    way: v.optional(way, 'up'),
    octets: v.optional(octetsSchema, 1_000_000),
    ...common,
  }),
  /** For so long as fast as it goes; one at a time. */
  v.strictObject({
    kind: v.literal('iperf3'),
    way: v.optional(way, 'up'),
    lastsMs: v.optional(msSchema, 3000),
    ...alone,
  }),
  /** Speaks to an echo server after `delayMs`, and once more after `silenceMs`. */
  v.strictObject({
    kind: v.literal('echo'),
    delayMs: v.optional(msSchema, 0),
    silenceMs: v.optional(msSchema, 0),
    ...common,
  }),
  /** A port that nobody listens on: refused, before the time is up. */
  v.strictObject({ kind: v.literal('refused'), ...common }),
  /** Many short connections from one process: each an attempt, `atOnce` at a time. */
  v.strictObject({ kind: v.literal('connections'), ...common }),
]);
export type Workload = v.InferOutput<typeof workloadSchema>;
export type WorkloadOf<K extends Workload['kind']> = Extract<Workload, { kind: K }>;

/** What it starts that not every lab needs. */
export function programOf({ kind }: Workload): 'ansible' | undefined {
  return kind === 'ansible' ? kind : undefined;
}

/** Has it a throughput that can be measured? */
export function isMeasured({ kind }: Workload): boolean {
  return kind === 'scp' || kind === 'iperf3';
}

/** As tables name it. */
export function workloadName(workload: Workload): string {
  return 'way' in workload ? `${workload.kind} ${workload.way}` : workload.kind;
}
