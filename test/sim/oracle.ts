/**
 * The oracle of the random simulations: one seed run without the shim, with it, and with it
 * observing. Never worse than without the shim; what it is for, saved; a healthy path untouched.
 */
import { expect } from 'vitest';
import { ACK, decodePacket, SYN } from '../../src/datapath/sim/packet.ts';
import { type RandomPlan, randomPlan } from '../../src/datapath/sim/random-plan.ts';
import type { ShimPlan } from '../../src/datapath/sim/shim-plan.ts';
import { runWorld, type WorldResult } from '../../src/datapath/sim/world.ts';
import type { ConnectionPlan, ConnectionResult } from '../../src/datapath/sim/world-plan.ts';
import { FLOW_ENDED, KEEPALIVE_SENT, RST_RELEASED } from '../../src/engine/codes.ts';
import { CODES } from '../../src/telemetry/registry.ts';
import { judgeMoves } from './moves.ts';

const GENUINE_RESET_MS = 1000;

function counters(result: WorldResult): Float64Array {
  if (result.shim === null) throw new Error('this run had no shim');
  return result.shim.engine.counters;
}

function interventions(result: WorldResult): string[] {
  const counted = counters(result);
  return CODES.filter((c) => c.kind !== 'finding' && counted[c.code] !== 0).map((c) => c.name);
}

function oneWayUs(random: RandomPlan): number {
  return random.plan.nearLink.delayUs + random.plan.farLink.delayUs;
}

export interface Verdict {
  /** Connections that ended badly without the shim, and how many of these it saved. */
  readonly broken: number;
  readonly saved: number;
  /** Worse than without the shim, with a lost probe to blame. */
  readonly excused: number;
}

/**
 * What one seed shows; throws with the seed on the first claim that fails. `idle`: what is done of
 * idle flows, which then need not leave the healthy path alone.
 */
export function judge(seed: number, idle?: ShimPlan['idle']): Verdict {
  const random = randomPlan(seed);
  const without = runWorld(random.plan, null);
  const enforcing = { seed, off: [], observe: false, ...(idle === undefined ? {} : { idle }) };
  const withShim = runWorld(random.plan, enforcing);
  const observing = runWorld(random.plan, { ...enforcing, observe: true });
  const shim = withShim.shim;
  if (shim === null) throw new Error('this run had no shim');
  const note = `seed ${seed} ${random.kinds} ${random.talks}`;

  expect(observing.traceHash, `${note}: observe mode changed something`).toBe(without.traceHash);
  expect(withShim.badPackets, `${note}: bad checksums`).toBe(0);
  expect(shim.contractBroken, `${note}: bytes changed under ACCEPT`).toBe(0);
  expect(shim.delivered, `${note}: a packet left twice`).toBeLessThanOrEqual(shim.arrived);
  expect(withShim.sackOutside, `${note}: SACK of the wrong numbers`).toBe(0);
  const connections = random.plan.connections.length;
  const asked = counters(withShim)[KEEPALIVE_SENT] ?? 0;
  const injections = shim.injectedFar - asked;
  expect(injections, `${note}: too many injections`).toBeLessThanOrEqual(60 * connections);
  const ended = (counters(withShim)[RST_RELEASED] ?? 0) + (counters(withShim)[FLOW_ENDED] ?? 0);
  expect(shim.injectedNear, `${note}: injected towards the client`).toBeLessThanOrEqual(ended);
  judgeMoves(random, enforcing, withShim, note);
  if (random.kinds.every((kind) => kind === 'none')) {
    judgeHealthy(random, without, withShim, note);
  }
  let saved = 0;
  let broken = 0;
  let excused = 0;
  // On a re-used port the servers remember how the connection before ended.
  let comparable = true;
  without.connections.forEach((before, i) => {
    const after = withShim.connections[i] as ConnectionResult;
    const what = `${note} connection ${i} ${JSON.stringify({ before, after })}`;
    if (judgeConnection(random, i, before, after, withShim, comparable, what)) excused++;
    if (random.reuse && before.client.reason !== after.client.reason) comparable = false;
    if (!before.whole) broken++;
    if (!before.whole && after.whole) saved++;
  });
  return { saved, broken, excused };
}

/**
 * Byte-identical and untouched, unless the network itself brought an old SYN to the server again.
 */
function judgeHealthy(
  random: RandomPlan,
  without: WorldResult,
  withShim: WorldResult,
  note: string,
): void {
  const { nearLink, farLink } = random.plan;
  const did = interventions(withShim);
  // RFC 9293 §3.5, "old duplicate SYN": a second ISN for one SYN, after the connection's end.
  if (nearLink.duplication + farLink.duplication > 0 && `${did}` === 'synack-dropped') return;
  if (counters(withShim)[KEEPALIVE_SENT] !== 0) {
    expect(did, `${note}: interventions on a healthy path`).toEqual(['keepalive-sent']);
    return; // its answers are new packets
  }
  expect(did, `${note}: interventions on a healthy path`).toEqual([]);
  expect(withShim.traceHash, `${note}: a healthy path was changed`).toBe(without.traceHash);
}

/**
 * Was one of the bare ACKs lost that could have told the truth (a probe, its answer)? Linux answers
 * once per 500 ms and a genuine reset must arrive within a second, so it can have been the only
 * one.
 */
function wasBlinded(withShim: WorldResult, connection: ConnectionPlan): boolean {
  return withShim.lost.some((bytes) => {
    const packet = decodePacket(bytes);
    if (packet === null || packet.flags !== ACK || packet.payload.length > 0) return false;
    return [packet.srcPort, packet.dstPort].includes(connection.clientPort);
  });
}

/**
 * Did the client end before the first sign of the conflict, if there was one? An exact reset on an
 * untainted flow whose far end has spoken passes at once, always (DESIGN §4.2). A twin that still
 * has the half-open connection before on its port resets without offering a SYN-ACK.
 */
function wasUnforeseeable(random: RandomPlan, connection: ConnectionPlan, endUs: number): boolean {
  const isns = new Set<number>();
  const ack = (connection.client.iss + 1) | 0;
  let conflictUs = Number.POSITIVE_INFINITY;
  runWorld(random.plan, { seed: random.plan.seed, observe: false, off: [] }, (point, us, bytes) => {
    if (point !== 'path-in' || conflictUs < us) return;
    const packet = decodePacket(bytes);
    if (packet?.dstPort !== connection.clientPort || packet.ack !== ack) return;
    if ((packet.flags & SYN) === 0) return;
    isns.add(packet.seq);
    if (isns.size > 1) conflictUs = us;
  });
  return endUs - random.plan.clientDelayUs <= conflictUs;
}

function judgeConnection(
  random: RandomPlan,
  i: number,
  before: ConnectionResult,
  after: ConnectionResult,
  withShim: WorldResult,
  comparable: boolean,
  what: string,
): boolean {
  expect(after.client.wrongOctets + after.server.wrongOctets, `${what}: bent stream`).toBe(0);
  const connection = random.plan.connections[i];
  if (connection === undefined) return false;
  if (before.whole && comparable && !after.whole) {
    const excused = random.lossy && wasBlinded(withShim, connection);
    expect(excused, `${what}: worse than without the shim`).toBe(true);
    return true;
  }
  if (random.lossy) return false;
  const rivals = random.kinds[i] === 'conflict' || random.kinds[i] === 'twin';
  if (rivals && !after.whole && !before.whole) {
    if (wasUnforeseeable(random, connection, after.client.endedUs)) return false;
  }
  if (connection.refused) {
    if (random.reuse) return false; // an older connection's TIME-WAIT may answer first
    // Behind a phantom a refusal looks like a reset of an answered SYN, and is checked as one.
    const laterUs = random.kinds[i] === 'phantom' ? GENUINE_RESET_MS * 1000 : 0;
    const byUs = before.client.endedUs + laterUs;
    expect(after.client.endedUs, `${what}: refused late`).toBeLessThanOrEqual(byUs);
  } else if (random.talks[i] === 'abort') {
    // Its port was never free: the connection before it, saved, lived on.
    if (random.reuse && after.client.reason === 'open' && after.client.establishedUs < 0)
      return false;
    const byUs = after.server.abortedUs + oneWayUs(random) + GENUINE_RESET_MS * 1000;
    expect(after.server.abortedUs, `${what}: never came to its reset`).toBeGreaterThan(0);
    expect(after.client.reason, `${what}: the genuine reset is missing`).toBe('reset');
    expect(after.client.endedUs, `${what}: the genuine reset came late`).toBeLessThanOrEqual(byUs);
  } else if (!random.reuse) {
    expect(after.whole, `${what}: not saved`).toBe(true);
  }
  return false;
}
