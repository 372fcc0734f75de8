/**
 * What became of packets on the way, one direction: hops, dropped, duplicated, invented, reordered,
 * delayed. Nothing is said to be dropped or invented where the other capture may just not have it:
 * outside its time, or where it shows itself to have missed packets.
 *
 * Owns these rules. Times in microseconds on the sender's clock, lengths in octets.
 */
import { ACK, RST, SYN } from '../../engine/wire/segment.ts';
import { type Seq, seqLt, seqMax } from '../../engine/wire/seq.ts';
import { CLIENT } from '../flow.ts';
import { hasFlags, UNKNOWN } from '../packet-record.ts';
import { formatDuration, plural, seqText } from '../wording.ts';
import type { Change, ChangeKind } from './change.ts';
import { framesOf } from './compare-fields.ts';
import type { Way } from './match-both.ts';
import { OctetCoverage } from './octet-coverage.ts';
import type { SidePacket } from './side-packet.ts';

const FRAME_COUNT_MAX = 8;
/** A packet may be on its way for longer than any other was: this much is waited at the least. */
const TRANSIT_SPARE_US = 10_000;
/** Longer than the quickest by this much was kept somewhere, and worth a line. */
const DELAY_WORTH_US = 10_000;

/** When the captures were on, and between the clocks; undefined without a clock. */
export interface Transit {
  /** Server's clock minus client's at a time of the client's. */
  readonly offsetUs: (clientUs: number) => number;
  readonly client: { readonly firstUs: number; readonly lastUs: number };
  readonly server: { readonly firstUs: number; readonly lastUs: number };
}

export interface Fate {
  readonly changes: readonly Change[];
  readonly invented: readonly SidePacket[];
  /** Packets of which the other capture may have missed their match. */
  readonly undecided: number;
}

export function compareTransit(way: Way, peer: Way, transit: Transit | undefined): Fate {
  const changes: Change[] = [...hopChange(way), ...orderChange(way), ...delayChange(way, transit)];
  const judge = new CoverJudge(way, peer, transit);
  const dropped = way.matched.lost.filter(({ packet }) => judge.isDropped(packet));
  const invented = way.matched.extra.filter((packet) => judge.isInvented(packet));
  const { copies, lost, extra } = way.matched;
  if (dropped.length > 0) {
    const octets = dropped.reduce((sum, one) => sum + one.octets, 0);
    const packets = dropped.map(({ packet }) => packet);
    changes.push({ ...oneSided(way, packets, 'dropped', true), numbers: { octets } });
  }
  if (copies.length > 0) changes.push(oneSided(way, copies, 'duplicated', false));
  for (const group of alike(invented)) changes.push(oneSided(way, group, 'invented', false));
  const undecided = lost.length - dropped.length + extra.length - invented.length;
  return { changes, invented, undecided };
}

/** Whether the other capture would have had it. */
class CoverJudge {
  private readonly way: Way;
  private readonly transit: Transit | undefined;
  private readonly arrived: OctetCoverage;
  private readonly spareUs: number;
  /** The sender's capture has the SYN: it was on before anything of the connection was sent. */
  private readonly beganBefore: boolean;
  /** In the receiver's numbers, and in the sender's. */
  private readonly highestAck: Seq | undefined;
  private readonly highestSent: Seq | undefined;

  constructor(way: Way, peer: Way, transit: Transit | undefined) {
    this.way = way;
    this.transit = transit;
    this.arrived = new OctetCoverage(way.got, 0);
    this.spareUs = TRANSIT_SPARE_US + (transit === undefined ? 0 : slowestUs(way, transit));
    this.beganBefore = [...way.sent, ...peer.got].some(
      (packet) => hasFlags(packet, SYN) && !hasFlags(packet, ACK),
    );
    this.highestAck = highest(peer.sent.map(({ segAck }) => segAck));
    const data = way.sent.filter(({ payloadOctets }) => payloadOctets > 0);
    this.highestSent = highest(data.map(({ segSeq }) => segSeq));
  }

  isDropped(packet: SidePacket): boolean {
    if (!this.isCovered(packet, true)) return false;
    const { segSeq, payloadOctets } = packet;
    if (segSeq === null || payloadOctets === 0) return true;
    // The receiver acknowledged what its capture never had: the capture missed it.
    const shift = this.way.shifts[0] ?? 0;
    if (this.arrived.touches(packet, shift)) return true;
    const end = (segSeq + shift + payloadOctets) | 0;
    return this.highestAck === undefined || seqLt(this.highestAck, end);
  }

  isInvented(packet: SidePacket): boolean {
    if (!this.isCovered(packet, false)) return false;
    const { segSeq, payloadOctets } = packet;
    if (segSeq === null || payloadOctets === 0) return true;
    // The sender went on behind octets that its capture never had: the capture missed them.
    const shift = this.way.shifts[0] ?? 0;
    const end = (segSeq - shift + payloadOctets) | 0;
    return this.highestSent === undefined || seqLt(this.highestSent, end);
  }

  private isCovered({ timeUs }: SidePacket, isSent: boolean): boolean {
    const { transit, way, spareUs } = this;
    if (transit === undefined || timeUs === UNKNOWN) return false;
    const ofClient = (way.dir === CLIENT) === isSent;
    const there = ofClient ? timeUs + transit.offsetUs(timeUs) : timeUs - transit.offsetUs(timeUs);
    const other = ofClient ? transit.server : transit.client;
    return isSent
      ? there >= other.firstUs && there + spareUs <= other.lastUs
      : (this.beganBefore || there - spareUs >= other.firstUs) && there <= other.lastUs;
  }
}

function highest(numbers: readonly (Seq | null)[]): Seq | undefined {
  let found: Seq | undefined;
  for (const seq of numbers) {
    if (seq !== null) found = found === undefined ? seq : seqMax(found, seq);
  }
  return found;
}

function slowestUs(way: Way, transit: Transit): number {
  return delaysOf(way, transit).reduce((most, delayUs) => Math.max(most, delayUs), 0);
}

/** One-way times; only their differences are certain. */
function delaysOf({ dir, matched }: Way, transit: Transit): number[] {
  return matched.pairs.flatMap(({ sent, got }) => {
    if (sent.timeUs === UNKNOWN || got.timeUs === UNKNOWN) return [];
    const offsetUs = transit.offsetUs(dir === CLIENT ? sent.timeUs : got.timeUs);
    return [got.timeUs - sent.timeUs - (dir === CLIENT ? offsetUs : -offsetUs)];
  });
}

function delayChange(way: Way, transit: Transit | undefined): Change[] {
  if (transit === undefined) return [];
  const delays = delaysOf(way, transit);
  const leastUs = delays.reduce((least, one) => Math.min(least, one), Number.POSITIVE_INFINITY);
  const late = way.matched.pairs.filter((_, index) => {
    return (delays[index] ?? 0) - leastUs > DELAY_WORTH_US;
  });
  if (late.length === 0) return [];
  const mostUs = delays.reduce((most, one) => Math.max(most, one), 0) - leastUs;
  return [
    {
      ...base(way, 'delayed', late.length),
      what: `up to ${formatDuration(mostUs)} longer than the quickest`,
      ...framesOf(late, way.dir),
      numbers: { extraUs: Math.round(mostUs) },
    },
  ];
}

function hopChange(way: Way): Change[] {
  const counts = new Map<number, number>();
  for (const { sent, got } of way.matched.pairs) {
    if (sent.ttl === UNKNOWN || got.ttl === UNKNOWN) continue;
    counts.set(sent.ttl - got.ttl, (counts.get(sent.ttl - got.ttl) ?? 0) + 1);
  }
  const hops = [...counts.keys()].sort((a, b) => a - b);
  const [first] = hops;
  if (first === undefined || (hops.length === 1 && first === 0)) return [];
  const pairs = way.matched.pairs.filter(({ sent, got }) => sent.ttl - got.ttl !== 0);
  const example = pairs[0];
  const [sent, got] = [String(example?.sent.ttl ?? ''), String(example?.got.ttl ?? '')];
  const uneven = hops.length > 1 || first < 0;
  return [
    {
      ...base(way, 'ttl', pairs.length),
      clientSaw: way.dir === CLIENT ? sent : got,
      serverSaw: way.dir === CLIENT ? got : sent,
      what: uneven ? `changed by ${hops.map((one) => -one).join(', ')}` : plural(first, 'hop'),
      ...framesOf(pairs, way.dir),
      numbers: uneven ? { uneven: 1 } : { hops: first },
    },
  ];
}

/** Arrived behind a packet that was sent later. */
function orderChange(way: Way): Change[] {
  const inOrder = [...way.matched.pairs].sort((a, b) => a.sent.frame - b.sent.frame);
  let newest = 0;
  const late = inOrder.filter(({ got }) => {
    const isLate = got.frame < newest;
    newest = Math.max(newest, got.frame);
    return isLate;
  });
  if (late.length === 0) return [];
  const what = 'arrived before one that was sent earlier';
  return [{ ...base(way, 'reordered', late.length), what, ...framesOf(late, way.dir) }];
}

function base(way: Way, kind: ChangeKind, packets: number): Change {
  return {
    kind,
    dir: way.dir,
    packets,
    of: way.matched.pairs.length,
    clientSaw: '',
    serverSaw: '',
    what: '',
    clientFrames: [],
    serverFrames: [],
    numbers: {},
  };
}

/** Of packets that one capture has and the other does not. */
function oneSided(
  way: Way,
  packets: readonly SidePacket[],
  kind: 'dropped' | 'duplicated' | 'invented',
  isSent: boolean,
): Change {
  const [first] = packets;
  const frames = packets.slice(0, FRAME_COUNT_MAX).map(({ frame }) => frame);
  const ofClient = (way.dir === CLIENT) === isSent;
  const seen = first === undefined ? '' : packetText(first);
  const nothing = kind === 'duplicated' ? '' : 'not there';
  return {
    ...base(way, kind, packets.length),
    of: isSent ? way.sent.length : way.got.length,
    clientSaw: ofClient ? seen : nothing,
    serverSaw: ofClient ? nothing : seen,
    what: { dropped: 'never arrived', duplicated: 'arrived twice', invented: 'nobody sent it' }[
      kind
    ],
    clientFrames: ofClient ? frames : [],
    serverFrames: ofClient ? [] : frames,
  };
}

function packetText(packet: SidePacket): string {
  const { segSeq, payloadOctets } = packet;
  return `${kindText(packet)} ${seqText(segSeq)}${payloadOctets > 0 ? ` (${payloadOctets})` : ''}`;
}

function kindText(packet: SidePacket): string {
  if (hasFlags(packet, RST)) return 'RST';
  if (hasFlags(packet, SYN)) return hasFlags(packet, ACK) ? 'SYN-ACK' : 'SYN';
  return packet.payloadOctets > 0 ? 'data' : 'ACK';
}

/** Resets, SYN-ACKs and the rest are told apart. */
function alike(packets: readonly SidePacket[]): SidePacket[][] {
  const groups = new Map<string, SidePacket[]>();
  for (const packet of packets) {
    const name = kindText(packet);
    groups.set(name, [...(groups.get(name) ?? []), packet]);
  }
  return [...groups.values()];
}
