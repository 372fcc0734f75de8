/**
 * What a connection may expect of the shim: nothing worse than without it, its genuine resets and
 * refusals, and to be saved where that is what the shim is for. Owns nothing. Times: virtual
 * microseconds.
 */
import {
  type Claim,
  DISPUTED_RESET_MS,
  GENUINE_RESET_MS,
  LATER_LOSSY_MS,
  LATER_MS,
  type Violation,
  violation,
} from './claims.ts';
import type { FaultKind } from './fault-plan.ts';
import { ACK, decodePacket, type Packet, RST, SYN } from './packet.ts';
import { aborts, isLossy, isReused, kindsOf, oneWayUs } from './plan-facts.ts';
import type { RandomPlan } from './random-plan.ts';
import type { Sighting } from './sightings.ts';
import type { WorldResult } from './world.ts';
import type { ConnectionPlan, ConnectionResult } from './world-plan.ts';

/** What the handshake suffers, one fault alone: every connection has to be saved. */
const SAVED_KINDS: readonly FaultKind[] = ['conflict', 'phantom', 'forgery', 'blind', 'twin'];

export interface ConnectionJudgement {
  readonly violations: readonly Violation[];
  /** Worse than without the shim, with a lost probe to blame. */
  readonly excused: boolean;
  /** How much later it ended with the shim than without, where both were whole; else -1. */
  readonly laterUs: number;
  /** The same, where nothing was lost; else 0. */
  readonly laterCleanUs: number;
}

/** `comparable`: the connections before it on its port ended as they do without the shim. */
export function judgeConnection(
  plan: RandomPlan,
  i: number,
  without: WorldResult,
  withShim: WorldResult,
  comparable: boolean,
  seen: readonly Sighting[],
): ConnectionJudgement {
  const connection = plan.connections[i] as ConnectionPlan;
  const before = without.connections[i] as ConnectionResult;
  const after = withShim.connections[i] as ConnectionResult;
  const say = (claim: Claim, figures: Violation['figures'] = {}) =>
    violation(claim, { ...figures, ...figuresOf(before, after) }, i);
  const wrongOctets = after.client.wrongOctets + after.server.wrongOctets;
  const bent = wrongOctets === 0 ? [] : say('stream-whole', { wrongOctets });
  if (before.whole && comparable && !after.whole) {
    const blinded = wasBlinded(plan, withShim, connection);
    const struck = isLossy(plan) && (blinded || isStruckLater(plan, i, before));
    const excused = struck || wasTakenByWindow(plan, connection, before);
    const violations = [...bent, ...(excused ? [] : say('not-worse'))];
    return { violations, excused, laterUs: -1, laterCleanUs: 0 };
  }
  // On a re-used port it waits until the connection before, which may have been saved, is over.
  const first = i === 0 || !isReused(plan);
  // What has not closed without it has no end to be later than, not even where a reset ended it.
  const over = before.client.reason === 'finished';
  const bothWhole = before.whole && after.whole && over && comparable && first;
  const endedUs = after.client.endedUs >= 0 ? after.client.endedUs : withShim.endUs;
  const laterUs = bothWhole ? endedUs - before.client.endedUs : -1;
  const oldSegments = after.client.oldDataSegments + after.server.oldDataSegments;
  const lost = isLossy(plan) || oldSegments > 0;
  const mostMs = lost ? LATER_LOSSY_MS : LATER_MS;
  const isLate = laterUs > mostMs * 1000;
  // What carries nothing is whole even where it never ends: moved from whom nobody heard.
  const neverHeard = () => after.client.endedUs < 0 && wasBlinded(plan, withShim, connection);
  const excused =
    isLate && isLossy(plan) && (neverHeard() || isStruckLater(plan, i, before, endedUs));
  const late = isLate && !excused ? say('not-late', { laterUs, mostMs }) : [];
  const ends = judgeEnd(plan, i, before, after, seen);
  const ended = ends === null ? [] : say(ends.claim, ends.figures);
  const violations = [...bent, ...late, ...ended];
  const countedUs = excused ? -1 : laterUs;
  return { violations, excused, laterUs: countedUs, laterCleanUs: lost ? 0 : laterUs };
}

/**
 * Was it over, without the shim, before its firewall changed the numbers, and with it at `endedUs`
 * not yet? Where others are lost it takes longer, and is struck.
 */
function isStruckLater(
  plan: RandomPlan,
  i: number,
  before: ConnectionResult,
  endedUs = Number.POSITIVE_INFINITY,
): boolean {
  const { clientPort, startUs } = plan.connections[i] as ConnectionPlan;
  const strikes = (atUs: number) => before.client.endedUs < atUs && atUs < endedUs;
  return plan.faultPlans.some(
    (fault) =>
      fault.kind === 'jump' &&
      fault.clientPort === clientPort &&
      fault.jumps.some(({ atUs }) => strikes(startUs + atUs)),
  );
}

/**
 * Did the server take an ACK of before the numbers moved, and a FIN with it, although a reset then
 * ended both? It does within MAX.SND.WND (RFC 5961 §5.2), which a scale that the client knows
 * nothing of makes too large. With the shim new SYNs offer none.
 */
function wasTakenByWindow(
  plan: RandomPlan,
  connection: ConnectionPlan,
  before: ConnectionResult,
): boolean {
  const kinds = kindsOf(plan, connection);
  const isMisread = kinds.includes('jump') && kinds.includes('stripped-option');
  return isMisread && before.client.reason === 'reset' && before.server.reason === 'reset';
}

function figuresOf(before: ConnectionResult, after: ConnectionResult): Violation['figures'] {
  const side = (of: ConnectionResult) =>
    `${of.whole ? 'whole' : 'broken'} (client ${of.client.reason} at ${of.client.endedUs} us with ` +
    `${of.client.receivedOctets} octets, server ${of.server.reason} at ${of.server.endedUs} us ` +
    `with ${of.server.receivedOctets})`;
  return { without: side(before), with: side(after) };
}

interface Wrong {
  readonly claim: Claim;
  readonly figures: Violation['figures'];
}

/** Its end, on a path that loses nothing. */
function judgeEnd(
  plan: RandomPlan,
  i: number,
  before: ConnectionResult,
  after: ConnectionResult,
  seen: readonly Sighting[],
): Wrong | null {
  const connection = plan.connections[i] as ConnectionPlan;
  const kinds = kindsOf(plan, connection);
  const reuse = isReused(plan);
  if (isLossy(plan)) return null;
  const simple = kinds.length < 2 && kinds.every((kind) => SAVED_KINDS.includes(kind));
  const rivals = kinds.includes('conflict') || kinds.includes('twin');
  if (rivals && !after.whole && !before.whole) {
    if (wasUnforeseeable(plan, connection, after.client.endedUs, seen)) return null;
  }
  if (connection.refused) {
    if (reuse) return null; // an older connection's TIME-WAIT may answer first
    // Behind a phantom a refusal looks like a reset of an answered SYN, and is checked as one.
    const laterUs = kinds.includes('phantom') ? GENUINE_RESET_MS * 1000 : 0;
    const byUs = before.client.endedUs + laterUs;
    const late = before.client.endedUs >= 0 && after.client.endedUs > byUs;
    return late ? { claim: 'refusal-arrives', figures: { byUs } } : null;
  }
  // A firewall that changes the numbers changes those of a genuine reset too: it is inexact then.
  if (aborts(connection) && kinds.includes('jump')) return null;
  // Without a fault it is its script that does not come so far, with the shim and without.
  const abortedUs = Math.max(before.server.abortedUs, after.server.abortedUs);
  if (aborts(connection) && kinds.length === 0 && abortedUs < 0) return null;
  if (aborts(connection)) {
    const wrong = judgeAbort(plan, simple, reuse, GENUINE_RESET_MS, before, after);
    if (wrong === null || !rivals) return wrong;
    if (wasSilent(connection, seen)) {
      return judgeAbort(plan, simple, reuse, DISPUTED_RESET_MS, before, after);
    }
    const again = wasHeardAgain(connection, after.server.abortedUs, seen);
    return again ? null : wrong;
  }
  // Without a fault it is its script that does not end.
  if (reuse || !simple || kinds.length === 0 || after.whole) return null;
  return { claim: 'saved', figures: { kinds: `${kinds}` } };
}

function judgeAbort(
  plan: RandomPlan,
  simple: boolean,
  reuse: boolean,
  mostMs: number,
  before: ConnectionResult,
  after: ConnectionResult,
): Wrong | null {
  // Its port was never free: the connection before it, saved, lived on.
  if (reuse && after.client.reason === 'open' && after.client.establishedUs < 0) return null;
  const { abortedUs } = before.server;
  const tookUs = before.client.endedUs - abortedUs;
  const arrived = abortedUs >= 0 && before.client.reason === 'reset' && tookUs >= 0;
  // Where more than one fault is at work the reset counts if it arrives without the shim, and as
  // late as it does.
  const usualUs = simple ? oneWayUs(plan) : Math.max(oneWayUs(plan), tookUs);
  const byUs = after.server.abortedUs + usualUs + mostMs * 1000;
  const aborted = after.server.abortedUs >= 0;
  const inTime = after.client.reason === 'reset' && after.client.endedUs <= byUs;
  const due = simple || (aborted && arrived);
  if (!due || (aborted && inTime)) return null;
  return { claim: 'reset-arrives', figures: { abortedUs: after.server.abortedUs, byUs } };
}

/**
 * Was one of the bare ACKs lost that could have told the truth (a probe, its answer)? Linux answers
 * once per 500 ms and a genuine reset must arrive within a second, so it can have been the only
 * one. An end point whose every answer is lost cannot be told from a dead one.
 */
export function wasBlinded(
  plan: RandomPlan,
  result: WorldResult,
  connection: ConnectionPlan,
): boolean {
  // A firewall that forgets within seconds is kept awake by packets that the shim withholds, too.
  const kinds = kindsOf(plan, connection);
  if (kinds.includes('drop') || kinds.includes('idle')) return true;
  const isBareAck = ({ flags, payload }: Packet) => flags === ACK && payload.length === 0;
  return hasLost(result, connection, isBareAck);
}

/** Was such a packet of the connection lost, in either direction? */
export function hasLost(
  { lost }: WorldResult,
  { clientPort }: ConnectionPlan,
  isSuch: (packet: Packet) => boolean,
): boolean {
  return lost.some((bytes) => {
    const packet = decodePacket(bytes);
    if (packet === null || !isSuch(packet)) return false;
    return [packet.srcPort, packet.dstPort].includes(clientPort);
  });
}

/**
 * Did the client end before the first sign of the conflict, if there was one? An exact reset on an
 * untainted flow whose far end has spoken passes at once, always (DESIGN §4.2). A twin that still
 * has the half-open connection before on its port resets without offering a SYN-ACK.
 */
function wasUnforeseeable(
  plan: RandomPlan,
  connection: ConnectionPlan,
  endUs: number,
  seen: readonly Sighting[],
): boolean {
  const isns = new Set<number>();
  const ack = (connection.client.iss + 1) | 0;
  for (const { packet, atUs } of offPath(connection, seen)) {
    if (packet.ack !== ack || (packet.flags & SYN) === 0) continue;
    isns.add(packet.seq);
    if (isns.size > 1) return endUs - plan.clientDelayUs <= atUs;
  }
  return true;
}

/** Did nothing but SYN-ACKs and resets come, from whomever? */
function wasSilent(connection: ConnectionPlan, seen: readonly Sighting[]): boolean {
  return offPath(connection, seen).every(({ packet }) => (packet.flags & (SYN | RST)) !== 0);
}

/**
 * Did an ACK that the server had sent come once more behind its genuine reset, doubled on the way?
 * Without timestamps it says what a living end point says that answers.
 */
function wasHeardAgain(
  connection: ConnectionPlan,
  abortedUs: number,
  seen: readonly Sighting[],
): boolean {
  if (connection.client.timestamps && connection.server.timestamps) return false;
  const heard = new Set<string>();
  let isOver = false;
  for (const { packet, atUs } of offPath(connection, seen)) {
    const { flags, seq, ack, ipId, payload } = packet;
    if ((flags & RST) !== 0 && atUs > abortedUs) isOver = true;
    if (flags !== ACK || payload.length > 0) continue;
    const name = `${seq} ${ack} ${ipId}`;
    if (isOver && heard.has(name)) return true;
    heard.add(name);
  }
  return false;
}

/** What came off the path for this connection, in order. */
function offPath({ clientPort }: ConnectionPlan, seen: readonly Sighting[]): readonly Sighting[] {
  return seen.filter(({ point, packet }) => point === 'path-in' && packet.dstPort === clientPort);
}
