/**
 * Which connection of the client's capture is which of the server's. By addresses and ports where
 * they are the same on both sides, then by ports, then by what only these two have in common
 * (payload, initial numbers, timestamps): NAT may have changed the rest. Whatever could be two
 * connections is left out and said, never guessed.
 *
 * Owns nothing.
 */
import { SYN } from '../../engine/wire/segment.ts';
import { hasFlags, UNKNOWN } from '../packet-record.ts';
import type { SideFlow, SidePacket } from './side-packet.ts';

/** In the order in which they are tried. */
export type MatchedBy = 'addresses' | 'ports' | 'content';

export interface FlowPair {
  readonly client: SideFlow;
  readonly server: SideFlow;
  readonly by: MatchedBy;
}

export interface FlowMatch {
  readonly pairs: readonly FlowPair[];
  /** More than one connection of the other side would fit. */
  readonly ambiguous: readonly SideFlow[];
  readonly onlyClient: readonly SideFlow[];
  readonly onlyServer: readonly SideFlow[];
}

/** So many packets of a connection are looked at for what tells it from the others. */
const TELLING_COUNT = 64;
/** Shorter payloads occur everywhere. */
const TELLING_OCTETS_MIN = 8;

export function matchFlows(client: readonly SideFlow[], server: readonly SideFlow[]): FlowMatch {
  const common = commonMarks(client, server);
  const pairs: FlowPair[] = [];
  const ambiguous = new Set<SideFlow>();
  let left = [...client];
  let right = [...server];
  for (const by of ['addresses', 'ports', 'content'] as const) {
    const groups = groupsOf(left, right, by);
    for (const { mine, theirs } of groups) {
      const found = pairGroup(mine, theirs, common);
      for (const [one, other] of found) pairs.push({ client: one, server: other, by });
      // The same addresses: whatever it is, it is one of these.
      if (by === 'addresses' && mine.length * theirs.length > 1) {
        const open = mine.filter((flow) => !found.some(([one]) => one === flow));
        const free = theirs.length - found.length;
        if (free > 0) for (const flow of open) ambiguous.add(flow);
      }
    }
    const taken = new Set(pairs.flatMap((pair) => [pair.client, pair.server]));
    left = left.filter((flow) => !taken.has(flow));
    right = right.filter((flow) => !taken.has(flow));
  }
  pairs.sort((a, b) => a.client.id - b.client.id);
  return {
    pairs,
    ambiguous: left.filter((flow) => ambiguous.has(flow)),
    onlyClient: left.filter((flow) => !ambiguous.has(flow)),
    onlyServer: right,
  };
}

interface Group {
  readonly mine: readonly SideFlow[];
  readonly theirs: readonly SideFlow[];
}

function groupsOf(
  client: readonly SideFlow[],
  server: readonly SideFlow[],
  by: MatchedBy,
): Group[] {
  const groups = new Map<string, { mine: SideFlow[]; theirs: SideFlow[] }>();
  const put = (flow: SideFlow, side: 'mine' | 'theirs') => {
    const name = groupName(flow, by);
    const group = groups.get(name) ?? { mine: [], theirs: [] };
    group[side].push(flow);
    groups.set(name, group);
  };
  for (const flow of client) put(flow, 'mine');
  for (const flow of server) put(flow, 'theirs');
  return [...groups.values()].filter(({ mine, theirs }) => mine.length * theirs.length > 0);
}

function groupName(flow: SideFlow, by: MatchedBy): string {
  const { client, clientPort, server, serverPort } = flow;
  if (by === 'content') return '';
  if (by === 'ports') return `${clientPort} ${serverPort}`;
  return `${client} ${clientPort} ${server} ${serverPort}`;
}

/** Those with marks in common; and the only one with the only one. */
function pairGroup(
  mine: readonly SideFlow[],
  theirs: readonly SideFlow[],
  common: ReadonlyMap<SideFlow, ReadonlyMap<SideFlow, number>>,
): (readonly [SideFlow, SideFlow])[] {
  const pairs: (readonly [SideFlow, SideFlow])[] = [];
  const free = new Set(theirs);
  for (const flow of mine) {
    const fits = [...(common.get(flow) ?? [])].filter(([other]) => free.has(other));
    fits.sort(([, a], [, b]) => b - a);
    const [best, next] = fits;
    if (best === undefined || best[1] === next?.[1]) continue;
    free.delete(best[0]);
    pairs.push([flow, best[0]]);
  }
  const [only] = theirs;
  const first = mine[0];
  if (pairs.length === 0 && theirs.length === 1 && mine.length === 1 && only && first) {
    if (groupIsNamed(first, only)) pairs.push([first, only]);
  }
  return pairs;
}

/**
 * Not any two connections: at least the ports are the same, and where both captures have payload
 * the two have something in common. Ports are used again every day.
 */
function groupIsNamed(one: SideFlow, other: SideFlow): boolean {
  if (one.clientPort !== other.clientPort || one.serverPort !== other.serverPort) return false;
  const [mine, theirs] = [allMarks(one), allMarks(other)];
  const hasPayload = (marks: ReadonlySet<string>) => [...marks].some(isPayloadMark);
  if (!hasPayload(mine) || !hasPayload(theirs)) return true;
  return [...mine].some((mark) => theirs.has(mark));
}

function isPayloadMark(mark: string): boolean {
  return mark.startsWith('head ');
}

function allMarks(flow: SideFlow): Set<string> {
  return new Set(flow.packets.slice(0, TELLING_COUNT).flatMap(marksOf));
}

/**
 * How many marks two connections share that no third one has. A banner that every server sends is
 * no mark.
 */
function commonMarks(
  client: readonly SideFlow[],
  server: readonly SideFlow[],
): Map<SideFlow, Map<SideFlow, number>> {
  const mine = ownersOf(client);
  const theirs = ownersOf(server);
  const common = new Map<SideFlow, Map<SideFlow, number>>();
  for (const [mark, flow] of mine) {
    const other = theirs.get(mark);
    if (flow === undefined || other === undefined) continue;
    const counts = common.get(flow) ?? new Map<SideFlow, number>();
    counts.set(other, (counts.get(other) ?? 0) + 1);
    common.set(flow, counts);
  }
  return common;
}

/** Undefined: more than one connection has it. */
function ownersOf(flows: readonly SideFlow[]): Map<string, SideFlow | undefined> {
  const owners = new Map<string, SideFlow | undefined>();
  for (const flow of flows) {
    for (const mark of allMarks(flow)) owners.set(mark, owners.has(mark) ? undefined : flow);
  }
  return owners;
}

function marksOf(packet: SidePacket): string[] {
  const { payloadOctets, payloadHash, headHash, tsVal, tsEcr, segSeq, flags } = packet;
  const marks: string[] = [];
  if (payloadOctets >= TELLING_OCTETS_MIN) {
    if (payloadHash !== UNKNOWN) marks.push(`payload ${payloadOctets} ${payloadHash}`);
    if (headHash !== UNKNOWN) marks.push(`head ${payloadOctets} ${headHash}`);
  }
  if (tsVal !== null) marks.push(`stamps ${tsVal} ${tsEcr}`);
  if (hasFlags(packet, SYN)) marks.push(`number ${segSeq} ${flags & 0x3f}`);
  return marks;
}
