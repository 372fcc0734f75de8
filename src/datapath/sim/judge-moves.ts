/**
 * When a connection may be moved onto another SYN-ACK (DESIGN §4.1): the one that the client chose
 * has no end point behind it, or all that could have shown one was lost on the way. Held against
 * the packets themselves, not against what the engine believes. Times: virtual microseconds.
 */
import { REANCHORED } from '../../engine/codes.ts';
import { EV_ARG, EV_CODE, EV_NOW_MS, EV_PORTS } from '../../engine/events.ts';
import { type Violation, violation } from './claims.ts';
import { ACK, decodePacket, type Packet, RST, SYN } from './packet.ts';
import { doubles, kindsOf } from './plan-facts.ts';
import type { RandomPlan } from './random-plan.ts';
import { drainEvents } from './scenario.ts';
import type { Sighting } from './sightings.ts';
import type { WorldResult } from './world.ts';
import type { ConnectionPlan } from './world-plan.ts';

/** Numbers this close to an ISN, and behind it, are of its connection. */
const SPACE = 1 << 20;
/**
 * Linux answers out of the window once in so long: of probes closer than this, one; and a SYN that
 * comes again counts with them (tcp_check_req, one `last_oow_ack_time` for both).
 */
const ANSWERS_US = 500_000;
/** Faults that can hide a living end point from everybody behind them. */
const HIDING_KINDS = ['drop', 'idle', 'jump'] as const;

interface Move {
  readonly clientPort: number;
  readonly atUs: number;
  readonly isn: number;
  readonly otherIsn: number;
}

/** Was a connection moved away from a living end point? Takes the events of the run. */
export function judgeMoves(
  plan: RandomPlan,
  withShim: WorldResult,
  seen: readonly Sighting[],
): readonly Violation[] {
  const moves = movesOf(withShim);
  const counted = withShim.shim?.engine.counters[REANCHORED] ?? 0;
  // Nobody drains the ring of events: behind its end they are lost, and the moves told are judged.
  const lost = withShim.shim?.events.lostCount() ?? 0;
  if (moves.length !== counted && lost === 0) {
    return violation('moved-rightly', { told: moves.length, counted });
  }
  return moves.flatMap((move) => judgeMove(plan, withShim, move, seen));
}

function judgeMove(
  plan: RandomPlan,
  withShim: WorldResult,
  move: Move,
  sightings: readonly Sighting[],
): readonly Violation[] {
  const seen = lookBack(plan, move, sightings);
  if (seen === null) return violation('moved-rightly', { unknownPort: move.clientPort });
  const i = plan.connections.indexOf(seen.connection);
  if (isEmpty(plan, seen.connection, move)) return [];
  const kinds = kindsOf(plan, seen.connection);
  // Had the server itself given up? Of two behind one address the result does not tell which.
  const abortedUs = withShim.connections[i]?.server.abortedUs ?? -1;
  const hasEnded = abortedUs >= 0 && abortedUs <= move.atUs && !kinds.includes('twin');
  if (hasEnded && isServers(plan, seen.connection, move)) return [];
  const lost = withShim.lost.filter((bytes) => isAnswering(plan, seen.connection, move, bytes));
  // An answer that a fault drops, or a firewall that has forgotten the connection, is lost too; and
  // one in numbers that the firewall has changed since the SYN-ACK is of no connection known here.
  const { heard, asked, answerable } = seen;
  const hidden = HIDING_KINDS.some((kind) => kinds.includes(kind)) ? answerable : 0;
  const answersDue = answerable - seen.foreign - lost.length - hidden;
  if (heard === 0 && asked > 1 && answersDue <= 0) return [];
  return violation('moved-rightly', { atUs: move.atUs, heard, asked, lost: lost.length }, i);
}

function movesOf({ shim }: WorldResult): Move[] {
  if (shim === null) return [];
  return drainEvents(shim.events)
    .filter((event) => event[EV_CODE] === REANCHORED)
    .map((event) => ({
      clientPort: (event[EV_PORTS] as number) >>> 16,
      atUs: shim.worldMs(event[EV_NOW_MS] as number) * 1000,
      isn: event[EV_ARG] as number,
      otherIsn: event[EV_ARG + 1] as number,
    }));
}

/**
 * Does nobody stand behind what the client chose? The phantom; the rival of a conflict, whose
 * SYN-ACK overtook the server's on the way; and any end point whose numbers a firewall has changed
 * by just as much. A twin is as alive as the server.
 */
function isEmpty(plan: RandomPlan, connection: ConnectionPlan, move: Move): boolean {
  const isServer = isServers(plan, connection, move);
  return plan.faultPlans.some((fault) => {
    if (fault.kind === 'phantom') {
      return fault.phantom.clientPort === move.clientPort && move.isn === fault.phantom.isn;
    }
    if (fault.kind === 'jump') {
      const by = (move.otherIsn - move.isn) | 0;
      return (
        fault.clientPort === move.clientPort && fault.jumps.some(({ server }) => server === by)
      );
    }
    if (fault.kind !== 'conflict' || isServer) return false;
    return fault.conflict.clientPort === move.clientPort;
  });
}

/** Is what the client chose the server's own SYN-ACK? */
function isServers(plan: RandomPlan, connection: ConnectionPlan, move: Move): boolean {
  return move.isn === ((connection.server.iss + plan.offsets.server) | 0);
}

interface Seen {
  readonly connection: ConnectionPlan;
  /** Probes, those that Linux answers, and segments of the chosen end point, before the move. */
  readonly asked: number;
  readonly answerable: number;
  readonly heard: number;
  /**
   * Segments in the chosen numbers that acknowledge what the client never sent: its own numbers
   * were changed on the way. Conntrack calls such an ACK INVALID, a socket answers and drops it
   * (RFC 9293 §3.10.7.4): it proves no end point of this connection.
   */
  readonly foreign: number;
}

function lookBack(plan: RandomPlan, move: Move, sightings: readonly Sighting[]): Seen | null {
  let connection: ConnectionPlan | undefined;
  let asked = 0;
  let askedUs = Number.NEGATIVE_INFINITY;
  let answerable = 0;
  let answeredUs = askedUs;
  let synAckUs = -1;
  let heard = 0;
  let foreign = 0;
  for (const { point, atUs: us, packet } of sightings) {
    if (us >= move.atUs) break;
    if (packet.srcPort !== move.clientPort && packet.dstPort !== move.clientPort) continue;
    if (point === 'client-out' && (packet.flags & (SYN | ACK)) === SYN) {
      const before = connection;
      connection = plan.connections.find(
        ({ clientPort, client }) => clientPort === move.clientPort && client.iss === packet.seq,
      );
      asked = answerable = heard = foreign = 0;
      askedUs = Number.NEGATIVE_INFINITY;
      answeredUs = connection === before ? us : askedUs;
      synAckUs = -1;
    }
    if (connection === undefined) continue;
    if (point === 'path-out' && isBare(packet) && packet.seq === connection.client.iss) {
      if (us - askedUs >= ANSWERS_US) {
        asked++;
        askedUs = us;
      }
      if (us - answeredUs >= ANSWERS_US) {
        answerable++;
        answeredUs = us;
      }
    }
    if (point !== 'path-in') continue;
    if ((packet.flags & SYN) !== 0 && packet.seq === move.isn) {
      // A SYN that the network doubled has used up an answer as well.
      if (synAckUs >= 0 && us - synAckUs < ANSWERS_US && doubles(plan)) answerable--;
      else synAckUs = us;
    }
    if (!isOf(packet, move)) continue;
    const acked = (packet.ack - connection.client.iss) | 0;
    if (acked > 0 && acked <= SPACE) heard++;
    else foreign++;
  }
  return connection === undefined ? null : { connection, asked, answerable, heard, foreign };
}

function isBare(packet: Packet): boolean {
  return packet.flags === ACK && packet.payload.length === 0;
}

/** A segment in the chosen numbers; one at the number behind the other's ISN may be the other's. */
function isOf(packet: Packet, move: Move): boolean {
  if ((packet.flags & (SYN | RST | ACK)) !== ACK) return false;
  const ahead = (packet.seq - move.isn - 1) | 0;
  const others = packet.seq === ((move.otherIsn + 1) | 0) && packet.payload.length === 0;
  return ahead >= 0 && ahead <= SPACE && !(others && ahead !== 0);
}

/** A probe, or the bare ACK that answers one, in the numbers of either side of the middlebox. */
function isAnswering(
  plan: RandomPlan,
  connection: ConnectionPlan,
  move: Move,
  bytes: Uint8Array,
): boolean {
  const packet = decodePacket(bytes);
  const { client, server } = plan.offsets;
  if (packet !== null && doubles(plan) && (packet.flags & (SYN | ACK)) === (SYN | ACK)) {
    // The answer to a SYN that the network has doubled.
    return [0, server].some((by) => ((packet.seq + by) | 0) === move.isn);
  }
  if (packet === null || !isBare(packet)) return false;
  if (packet.srcPort === connection.clientPort) {
    return [0, client].some((by) => packet.seq === ((connection.client.iss + by) | 0));
  }
  if (packet.dstPort !== connection.clientPort) return false;
  return [0, server].some((by) => isOf({ ...packet, seq: (packet.seq + by) | 0 }, move));
}
