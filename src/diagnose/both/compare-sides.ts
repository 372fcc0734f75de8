/**
 * Two captures, one comparison: connections matched, clocks matched, and what the path did to each
 * connection. Owns the order of the steps and what makes two captures incomparable.
 */
import { CLIENT, type Direction, SERVER } from '../flow.ts';
import { UNKNOWN } from '../packet-record.ts';
import { type Change, isRewriting } from './change.ts';
import { type ClockOffset, estimateClock, middleRoundTripUs, offsetAt } from './clock-offset.ts';
import { compareFields } from './compare-fields.ts';
import { compareNumbers } from './compare-numbers.ts';
import { compareTransit, type Transit } from './compare-transit.ts';
import { matchWays, timePairs, type Way } from './match-both.ts';
import { type FlowMatch, type FlowPair, matchFlows } from './match-flows.ts';
import type { Side, SidePacket } from './side-packet.ts';

export interface FlowComparison {
  readonly pair: FlowPair;
  readonly ways: readonly [Way, Way];
  readonly changes: readonly Change[];
  /** What one end got and the other never sent, by direction. */
  readonly invented: readonly [readonly SidePacket[], readonly SidePacket[]];
  /** Packets of which nothing can be said. */
  readonly undecided: number;
}

export interface Comparison {
  readonly client: Side;
  readonly server: Side;
  readonly match: FlowMatch;
  readonly clock: ClockOffset | undefined;
  readonly flows: readonly FlowComparison[];
  /** The first file is the server's side. */
  readonly isSwapped: boolean;
}

/** Shorter than capture times can tell. */
const ROUND_TRIP_TELLING_US = 5;

export function compareSides(client: Side, server: Side): Comparison {
  const match = matchFlows(client.flows, server.flows);
  const rough = match.pairs.map((pair) => matchWays(pair, undefined));
  const clock = estimateClock(rough.flatMap(timePairs));
  const isSwapped = looksSwapped(rough);
  const transit = clock === undefined ? undefined : transitOf(client, server, clock);
  const flows = match.pairs.map((pair) => compareFlow(pair, clock, transit));
  return { client, server, match, clock, flows, isSwapped };
}

function transitOf(client: Side, server: Side, clock: ClockOffset): Transit {
  return { offsetUs: (clientUs) => offsetAt(clock, clientUs), client, server };
}

function compareFlow(
  pair: FlowPair,
  clock: ClockOffset | undefined,
  transit: Transit | undefined,
): FlowComparison {
  const ways = matchWays(pair, clock);
  const [there, back] = ways;
  const fates = [
    compareTransit(there, back, transit),
    compareTransit(back, there, transit),
  ] as const;
  const changes = [
    ...addressChange(pair),
    ...compareNumbers(there, back),
    ...compareNumbers(back, there),
    ...compareFields(there.matched.pairs, CLIENT),
    ...compareFields(back.matched.pairs, SERVER),
    ...fates.flatMap((fate) => fate.changes),
  ];
  return {
    pair,
    ways,
    changes: [...changes.filter(isRewriting), ...changes.filter((one) => !isRewriting(one))],
    invented: [fates[CLIENT].invented, fates[SERVER].invented],
    undecided: fates[CLIENT].undecided + fates[SERVER].undecided,
  };
}

function addressChange({ client, server }: FlowPair): Change[] {
  const ends = (flow: FlowPair['client']) =>
    `${flow.client}:${flow.clientPort} → ${flow.server}:${flow.serverPort}`;
  if (ends(client) === ends(server)) return [];
  return [
    {
      kind: 'addresses',
      dir: CLIENT,
      packets: server.packets.length,
      of: server.packets.length,
      clientSaw: ends(client),
      serverSaw: ends(server),
      what: 'translated (NAT)',
      clientFrames: [client.firstFrame],
      serverFrames: [server.firstFrame],
      numbers: {},
    },
  ];
}

/**
 * A packet has fewer hops left the farther it has come, and its answer comes later where it was
 * sent. Both have to agree, or one be silent.
 */
function looksSwapped(rough: readonly (readonly [Way, Way])[]): boolean {
  const trips = rough.flatMap((ways) => middleRoundTripUs(timePairs(ways)) ?? []);
  const tripUs = trips.sort((a, b) => a - b)[trips.length >> 1] ?? 0;
  const hops = rough.flatMap((ways) =>
    ways.flatMap(({ matched }) => matched.pairs.flatMap(hopsOf)),
  );
  const far = hops.filter((one) => one > 0).length;
  const near = hops.filter((one) => one < 0).length;
  const byHops = near === far ? 0 : near > far ? -1 : 1;
  const byTime = Math.abs(tripUs) <= ROUND_TRIP_TELLING_US ? 0 : Math.sign(tripUs);
  return byHops + byTime < 0;
}

function hopsOf({ sent, got }: Way['matched']['pairs'][number]): number[] {
  return sent.ttl === UNKNOWN || got.ttl === UNKNOWN ? [] : [sent.ttl - got.ttl];
}

/** Packets of a direction that both captures have. */
export function comparedPackets({ ways }: FlowComparison, dir: Direction): number {
  return ways[dir].matched.pairs.length + ways[dir].matched.resegmented;
}
