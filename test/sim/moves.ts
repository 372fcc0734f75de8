/**
 * When a connection may be moved onto another SYN-ACK (DESIGN §4.1): the one that the client chose
 * has no end point behind it, or all that could have shown one was lost on the way. Held against
 * the packets themselves, not against what the engine believes. Times: virtual microseconds.
 */
import { expect } from 'vitest';
import { ACK, decodePacket, type Packet, RST, SYN } from '../../src/datapath/sim/packet.ts';
import type { RandomPlan } from '../../src/datapath/sim/random-plan.ts';
import { drainEvents } from '../../src/datapath/sim/scenario.ts';
import { runWorld, type WorldResult } from '../../src/datapath/sim/world.ts';
import type { ConnectionPlan } from '../../src/datapath/sim/world-plan.ts';
import { REANCHORED } from '../../src/engine/codes.ts';
import { EV_ARG, EV_CODE, EV_NOW_MS, EV_PORTS } from '../../src/engine/events.ts';

/** Numbers this close to an ISN, and behind it, are of its connection. */
const SPACE = 1 << 20;
/** Linux answers out of the window once in so long: of probes closer than this, one. */
const ANSWERS_US = 500_000;

type ShimPlan = Parameters<typeof runWorld>[1];

interface Move {
  readonly clientPort: number;
  readonly atUs: number;
  readonly isn: number;
  readonly otherIsn: number;
}

/** Throws with the seed on the first connection that was moved away from a living end point. */
export function judgeMoves(
  random: RandomPlan,
  shimPlan: ShimPlan,
  withShim: WorldResult,
  note: string,
): void {
  const moves = movesOf(withShim);
  expect(moves.length, `${note}: moves told`).toBe(withShim.shim?.engine.counters[REANCHORED]);
  for (const move of moves) {
    const seen = replay(random, shimPlan, move);
    const i = random.plan.connections.indexOf(seen.connection);
    if (isEmpty(random, i, move)) continue;
    const what = `${note} connection ${i} ${JSON.stringify({ move, asked: seen.asked })}`;
    expect(seen.heard, `${what}: moved although its end point had spoken`).toBe(0);
    expect(seen.asked, `${what}: moved unasked`).toBeGreaterThan(1);
    const lost = withShim.lost.filter((bytes) => isAnswering(random, seen.connection, move, bytes));
    expect(
      lost.length - seen.asked,
      `${what}: moved although an answer was due`,
    ).toBeGreaterThanOrEqual(0);
  }
}

function movesOf({ shim, endUs }: WorldResult): Move[] {
  if (shim === null) throw new Error('this run had no shim');
  const startMs = (shim.nowMs() - Math.floor(endUs / 1000)) | 0;
  return drainEvents(shim.events)
    .filter((event) => event[EV_CODE] === REANCHORED)
    .map((event) => ({
      clientPort: (event[EV_PORTS] as number) >>> 16,
      atUs: (((event[EV_NOW_MS] as number) - startMs) | 0) * 1000,
      isn: event[EV_ARG] as number,
      otherIsn: event[EV_ARG + 1] as number,
    }));
}

/**
 * Does nobody stand behind what the client chose? The phantom; and the rival of a conflict, whose
 * SYN-ACK overtook the server's on the way. A twin is as alive as the server.
 */
function isEmpty(random: RandomPlan, i: number, move: Move): boolean {
  if (random.kinds[i] === 'phantom') return true;
  const server = random.plan.connections[i]?.server.iss ?? 0;
  return random.kinds[i] === 'conflict' && move.isn !== ((server + random.plan.offsets.server) | 0);
}

interface Seen {
  readonly connection: ConnectionPlan;
  /** Answers due, and segments of the chosen end point that arrived, before the move. */
  readonly asked: number;
  readonly heard: number;
}

function replay(random: RandomPlan, shimPlan: ShimPlan, move: Move): Seen {
  let connection: ConnectionPlan | undefined;
  let asked = 0;
  let askedUs = 0;
  let heard = 0;
  runWorld(random.plan, shimPlan, (point, us, bytes) => {
    const packet = decodePacket(bytes);
    if (packet === null || us >= move.atUs) return;
    if (![packet.srcPort, packet.dstPort].includes(move.clientPort)) return;
    if (point === 'client-out' && (packet.flags & (SYN | ACK)) === SYN) {
      connection = random.plan.connections.find(
        ({ clientPort, client }) => clientPort === move.clientPort && client.iss === packet.seq,
      );
      asked = heard = 0;
    }
    if (connection === undefined) return;
    const isProbe = isBare(packet) && packet.seq === connection.client.iss;
    if (point === 'path-out' && isProbe && (asked === 0 || us - askedUs >= ANSWERS_US)) {
      asked++;
      askedUs = us;
    }
    if (point === 'path-in' && isOf(packet, move)) heard++;
  });
  if (connection === undefined) throw new Error('what was moved was no connection of the plan');
  return { connection, asked, heard };
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
  random: RandomPlan,
  connection: ConnectionPlan,
  move: Move,
  bytes: Uint8Array,
): boolean {
  const packet = decodePacket(bytes);
  if (packet === null || !isBare(packet)) return false;
  const { client, server } = random.plan.offsets;
  if (packet.srcPort === connection.clientPort) {
    return [0, client].some((by) => packet.seq === ((connection.client.iss + by) | 0));
  }
  if (packet.dstPort !== connection.clientPort) return false;
  return [0, server].some((by) => isOf({ ...packet, seq: (packet.seq + by) | 0 }, move));
}
