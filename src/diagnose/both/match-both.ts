/**
 * Matches the packets of connections that both captures have, in two passes: what is matched
 * without a clock gives the clock, and with that what was sent several times is told apart.
 *
 * Owns nothing. Direction 0 is sent by the client, so its sender's capture is the client's.
 */
import { CLIENT, type Direction, SERVER } from '../flow.ts';
import { UNKNOWN } from '../packet-record.ts';
import { type ClockOffset, offsetAt, type TimePair } from './clock-offset.ts';
import { learnShifts } from './learn-shift.ts';
import type { FlowPair } from './match-flows.ts';
import { type Matched, matchRest, matchUnder, type TimeScale } from './match-packets.ts';
import { OctetCoverage } from './octet-coverage.ts';
import type { SidePacket } from './side-packet.ts';

/** Translations that one connection had, one after the other. */
const SHIFT_COUNT_MAX = 4;
/** One packet alone may be somebody else's. */
const SHIFT_CERTAIN_MIN = 2;
/** Two hosts' reading of a time can be this much off, microseconds. */
const SLACK_US = 100;

/** One direction: what was sent, what arrived, and how they belong together. */
export interface Way {
  readonly dir: Direction;
  readonly sent: readonly SidePacket[];
  readonly got: readonly SidePacket[];
  /** Added to the sender's numbers; the first is the connection's, others came later. */
  readonly shifts: readonly number[];
  readonly matched: Matched;
}

interface Left {
  sent: SidePacket[];
  got: SidePacket[];
}

export function matchWays(pair: FlowPair, clock: ClockOffset | undefined): readonly [Way, Way] {
  const there = waySides(pair, CLIENT);
  const back = waySides(pair, SERVER);
  const lefts: readonly [Left, Left] = [{ ...there }, { ...back }];
  const matched: readonly [Matched, Matched] = [nothing(), nothing()];
  const shifts: readonly [number[], number[]] = [
    [learnShifts(there.sent, there.got)[0]?.shift ?? 0],
    [learnShifts(back.sent, back.got)[0]?.shift ?? 0],
  ];
  matchAll(lefts, shifts, clock, matched);
  addLaterShifts(there.sent, lefts[CLIENT].got, shifts[CLIENT]);
  addLaterShifts(back.sent, lefts[SERVER].got, shifts[SERVER]);
  if (shifts[CLIENT].length + shifts[SERVER].length > 2) matchAll(lefts, shifts, clock, matched);
  for (const dir of [CLIENT, SERVER] as const) orderShifts(shifts[dir], matched[dir]);
  for (const dir of [CLIENT, SERVER] as const) {
    const peer = dir === CLIENT ? SERVER : CLIENT;
    const sides = dir === CLIENT ? there : back;
    matchRest(lefts[dir], sides.sent, shifts[dir][0] ?? 0, shifts[peer][0] ?? 0, matched[dir]);
  }
  return [
    { dir: CLIENT, ...there, shifts: shifts[CLIENT], matched: matched[CLIENT] },
    { dir: SERVER, ...back, shifts: shifts[SERVER], matched: matched[SERVER] },
  ];
}

function waySides({ client, server }: FlowPair, dir: Direction): Left {
  const of = (packets: readonly SidePacket[]) => packets.filter((packet) => packet.dir === dir);
  const [sender, receiver] = dir === CLIENT ? [client, server] : [server, client];
  return { sent: of(sender.packets), got: of(receiver.packets) };
}

function nothing(): Matched {
  return { pairs: [], lost: [], extra: [], copies: [], resegmented: 0 };
}

function matchAll(
  lefts: readonly [Left, Left],
  shifts: readonly [readonly number[], readonly number[]],
  clock: ClockOffset | undefined,
  matched: readonly [Matched, Matched],
): void {
  for (const dir of [CLIENT, SERVER] as const) {
    const peer = dir === CLIENT ? SERVER : CLIENT;
    for (const shift of shifts[dir]) {
      for (const ackShift of shifts[peer]) {
        matchUnder(lefts[dir], shift, ackShift, scaleOf(clock, dir), matched[dir]);
      }
    }
  }
}

/**
 * A firewall that made its translation anew: what the first shift does not explain agrees on
 * another. Octets that it does explain were cut or merged on the way.
 */
function addLaterShifts(
  sent: readonly SidePacket[],
  left: readonly SidePacket[],
  shifts: number[],
): void {
  const coverage = new OctetCoverage(sent, shifts[0] ?? 0);
  const unexplained = left.filter((packet) => !coverage.touches(packet, 0));
  for (const { shift, certain } of learnShifts(sent, unexplained)) {
    if (shifts.length >= SHIFT_COUNT_MAX) return;
    if (certain >= SHIFT_CERTAIN_MIN && !shifts.includes(shift)) shifts.push(shift);
  }
}

/** The one that the connection began with comes first; one that no packet travelled under goes. */
function orderShifts(shifts: number[], { pairs }: Matched): void {
  const began = new Map<number, number>();
  for (const { shift, sent } of pairs) {
    began.set(shift, Math.min(began.get(shift) ?? sent.frame, sent.frame));
  }
  if (began.size === 0) return;
  const inOrder = [...began].sort(([, a], [, b]) => a - b).map(([shift]) => shift);
  shifts.splice(0, shifts.length, ...inOrder);
}

function scaleOf(clock: ClockOffset | undefined, dir: Direction): TimeScale | undefined {
  if (clock === undefined) return undefined;
  const slackUs = (clock.errorUs ?? 0) + SLACK_US;
  if (dir === CLIENT) {
    return { toSender: (gotUs) => gotUs - offsetAt(clock, gotUs - clock.offsetUs), slackUs };
  }
  return { toSender: (gotUs) => gotUs + offsetAt(clock, gotUs), slackUs };
}

/** What tells the clock: packets that are one and the same whatever the time. */
export function timePairs(ways: readonly [Way, Way]): TimePair[] {
  return ways.flatMap(({ dir, matched }) =>
    matched.pairs.flatMap(({ sent, got }) => {
      if (sent.timeUs === UNKNOWN || got.timeUs === UNKNOWN) return [];
      const [clientUs, serverUs] =
        dir === CLIENT ? [sent.timeUs, got.timeUs] : [got.timeUs, sent.timeUs];
      return [{ clientUs, serverUs, dir }];
    }),
  );
}
