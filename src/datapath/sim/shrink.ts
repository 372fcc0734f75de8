/**
 * Makes a trial that shows something smaller, as long as it still shows it: connections, faults and
 * further runs taken away, losses off, numbers plain, talks shorter. Owns nothing. The same trial
 * always shrinks to the same one: what is tried, and how often, depends on it alone.
 */
import type { FaultPlan } from './fault-plan.ts';
import type { Trial } from './judge-world.ts';
import { type RandomPlan, withFaults } from './random-plan.ts';
import type { Step } from './script.ts';
import type { ConnectionPlan, SidePlan } from './world-plan.ts';

const TRIES_MAX = 2000;

export interface Shrunk {
  readonly trial: Trial;
  readonly tries: number;
}

/** `shows`: does a smaller trial still show what this one does? */
export function shrink(trial: Trial, shows: (smaller: Trial) => boolean): Shrunk {
  let smallest = trial;
  let tries = 0;
  for (let again = true; again; ) {
    again = false;
    for (const smaller of smallerTrials(smallest)) {
      if (tries >= TRIES_MAX) return { trial: smallest, tries };
      tries++;
      if (!shows(smaller)) continue;
      smallest = smaller;
      again = true;
      break;
    }
  }
  return { trial: smallest, tries };
}

/** The largest steps first. */
function* smallerTrials(trial: Trial): Generator<Trial> {
  const { plan, shim, also } = trial;
  for (const i of also.keys()) yield { ...trial, also: also.filter((_, k) => k !== i) };
  for (const smaller of smallerPlans(plan)) yield { ...trial, plan: smaller };
  if (shim.settles === true) yield { ...trial, shim: { ...shim, settles: false } };
  if (shim.idle !== undefined) {
    const { idle: _, ...plain } = shim;
    yield { ...trial, shim: plain };
  }
}

function* smallerPlans(plan: RandomPlan): Generator<RandomPlan> {
  const { connections, faultPlans, twins } = plan;
  for (const i of connections.keys()) {
    if (connections.length > 1) yield { ...plan, connections: without(connections, i) };
  }
  for (const i of faultPlans.keys()) yield withFaults(plan, without(faultPlans, i));
  for (const i of twins.keys()) yield { ...plan, twins: without(twins, i) };
  yield* plainerPaths(plan);
  for (const [i, fault] of faultPlans.entries()) {
    for (const smaller of smallerFaults(fault)) {
      yield withFaults(plan, faultPlans.with(i, smaller));
    }
  }
  for (const [i, connection] of connections.entries()) {
    for (const smaller of smallerConnections(connection)) {
      yield { ...plan, connections: connections.with(i, smaller) };
    }
  }
}

function* plainerPaths(plan: RandomPlan): Generator<RandomPlan> {
  const { nearLink, farLink, offsets, clientDelayUs, family } = plan;
  for (const key of ['loss', 'duplication', 'reordering'] as const) {
    if (nearLink[key] > 0) yield { ...plan, nearLink: { ...nearLink, [key]: 0 } };
    if (farLink[key] > 0) yield { ...plan, farLink: { ...farLink, [key]: 0 } };
  }
  if ((offsets.client | offsets.server) !== 0) {
    yield withFaults({ ...plan, offsets: { client: 0, server: 0 } }, plan.faultPlans);
  }
  if (clientDelayUs > 0) yield { ...plan, clientDelayUs: 0 };
  if (family === 6) yield { ...plan, family: 4 };
}

function* smallerFaults(fault: FaultPlan): Generator<FaultPlan> {
  if (fault.kind === 'forgery' || fault.kind === 'blind') {
    const { resets } = fault;
    if (resets.length > 2) yield { ...fault, resets: resets.slice(0, resets.length >> 1) };
    if (resets.length > 2) yield { ...fault, resets: resets.slice(resets.length >> 1) };
    for (const i of resets.keys()) {
      if (resets.length > 1) yield { ...fault, resets: without(resets, i) };
    }
  } else if (fault.kind === 'jump') {
    for (const i of fault.jumps.keys()) {
      if (fault.jumps.length > 1) yield { ...fault, jumps: without(fault.jumps, i) };
    }
  } else if (fault.kind === 'conflict' && fault.conflict.repeats) {
    yield { ...fault, conflict: { ...fault.conflict, repeats: false } };
  }
}

function* smallerConnections(connection: ConnectionPlan): Generator<ConnectionPlan> {
  const { client, server } = connection;
  const both = (change: (side: SidePlan) => SidePlan): ConnectionPlan => ({
    ...connection,
    client: change(client),
    server: change(server),
  });
  for (const [i, step] of client.steps.entries()) {
    const k = server.steps.findIndex((other) => answers(step, other));
    if (k >= 0) yield withSteps(connection, without(client.steps, i), without(server.steps, k));
    if (step.do === 'sleep') yield withSteps(connection, without(client.steps, i), server.steps);
  }
  for (const [k, step] of server.steps.entries()) {
    if (step.do === 'sleep') yield withSteps(connection, client.steps, without(server.steps, k));
  }
  if ([...client.steps, ...server.steps].some((step) => 'octets' in step && step.octets > 1)) {
    yield withSteps(connection, client.steps.map(halved), server.steps.map(halved));
  }
  if (client.timestamps || server.timestamps) yield both((one) => ({ ...one, timestamps: false }));
  if (client.sack || server.sack) yield both((one) => ({ ...one, sack: false }));
  if (client.wndScale >= 0 || server.wndScale >= 0) yield both((one) => ({ ...one, wndScale: -1 }));
  if (Number.isFinite(client.readOctetsPerMs + server.readOctetsPerMs)) {
    yield both((one) => ({ ...one, readOctetsPerMs: Number.POSITIVE_INFINITY }));
  }
}

function answers(step: Step, other: Step): boolean {
  if (step.do === 'send') return other.do === 'expect' && other.octets === step.octets;
  return step.do === 'expect' && other.do === 'send' && other.octets === step.octets;
}

function halved(step: Step): Step {
  return 'octets' in step ? { ...step, octets: Math.max(1, step.octets >> 1) } : step;
}

function withSteps(
  connection: ConnectionPlan,
  client: readonly Step[],
  server: readonly Step[],
): ConnectionPlan {
  return {
    ...connection,
    client: { ...connection.client, steps: client },
    server: { ...connection.server, steps: server },
  };
}

function without<T>(list: readonly T[], i: number): T[] {
  return list.filter((_, k) => k !== i);
}
