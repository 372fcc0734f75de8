/**
 * Collects what plots need while the packets go by, for `--html` only: a connection keeps no more
 * than its story. Owns the points of all connections of one input, bounded by POINTS_MAX together.
 *
 * Numbers are unwrapped: octets that go on counting where the 32 bits begin again. RFC 7323 §2.2
 * (window scale), RFC 2018 (SACK).
 */
import { ACK, FIN, RST, SYN } from '../../engine/wire/segment.ts';
import { type Seq, seqDiff } from '../../engine/wire/seq.ts';
import { CLIENT, type Direction, type Flow, SERVER, type Seen, sequenceOctets } from '../flow.ts';
import { hasFlags, UNKNOWN } from '../packet-record.ts';
import { AGAIN, PlotLane, type Point, type PointBudget, ZERO_WINDOW } from './plot-lane.ts';

const POINTS_MAX = 400_000;
const SACK_COUNT_MAX = 4096;
/** Further ahead is another space of numbers, not progress. */
const PROGRESS_OCTETS = 1 << 30;

export interface SackBlock {
  readonly timeUs: number;
  /** In the numbers of the side that sent the data. */
  readonly lo: number;
  readonly hi: number;
}

/** The numbers of one side, counted on. */
class NumberLine {
  /** The highest that was sent, undefined before the first packet. */
  high: number | undefined;

  place(seq: Seq): number {
    const high = this.high ?? seq >>> 0;
    return high + seqDiff(seq, high | 0);
  }

  advance(to: number): void {
    const ahead = this.high === undefined ? 0 : to - this.high;
    if (this.high === undefined || (ahead > 0 && ahead < PROGRESS_OCTETS)) this.high = to;
  }
}

export class PlotPoints {
  /** By who sent them. */
  readonly lanes: readonly [PlotLane, PlotLane];
  readonly numbers: readonly [NumberLine, NumberLine] = [new NumberLine(), new NumberLine()];
  /** About the data of this direction. */
  readonly sacks: readonly [SackBlock[], SackBlock[]] = [[], []];
  readonly sacksSeen: [number, number] = [0, 0];
  private readonly point: Point = {
    frame: 0,
    timeUs: 0,
    lo: 0,
    hi: 0,
    ack: 0,
    edge: 0,
    flags: 0,
    kind: 0,
    packets: 1,
  };

  constructor(budget: PointBudget) {
    this.lanes = [new PlotLane(budget), new PlotLane(budget)];
  }

  add(flow: Flow, seen: Seen, sackBlocks: readonly Seq[]): void {
    const { point } = this;
    const { dir } = seen;
    const peer = dir === CLIENT ? SERVER : CLIENT;
    point.frame = seen.frame;
    point.timeUs = seen.timeUs;
    point.flags = seen.flags & (SYN | FIN | RST);
    point.kind = 0;
    this.placeData(seen, dir);
    this.placeAck(flow, seen, dir, peer);
    this.lanes[dir].add(point);
    for (let at = 0; at + 1 < sackBlocks.length; at += 2) {
      this.addSack(peer, seen.timeUs, sackBlocks[at] ?? 0, sackBlocks[at + 1] ?? 0);
    }
  }

  private placeData(seen: Seen, dir: Direction): void {
    const { point } = this;
    point.lo = Number.NaN;
    point.hi = Number.NaN;
    const octets = sequenceOctets(seen);
    if (seen.segSeq === null || (octets === 0 && !hasFlags(seen, RST))) return;
    const line = this.numbers[dir];
    point.lo = line.place(seen.segSeq);
    point.hi = point.lo + octets;
    if (hasFlags(seen, RST)) return;
    const sentBefore = line.high !== undefined && point.hi <= line.high;
    if (sentBefore && !hasFlags(seen, SYN)) point.kind |= AGAIN;
    line.advance(point.hi);
  }

  private placeAck(flow: Flow, seen: Seen, dir: Direction, peer: Direction): void {
    const { point } = this;
    point.ack = Number.NaN;
    point.edge = Number.NaN;
    if (seen.segAck === null || !hasFlags(seen, ACK) || hasFlags(seen, RST)) return;
    point.ack = this.numbers[peer].place(seen.segAck);
    if (seen.segWnd === UNKNOWN) return;
    if (seen.segWnd === 0) point.kind |= ZERO_WINDOW;
    const scale = hasFlags(seen, SYN) ? 0 : windowScale(flow, dir);
    if (scale !== UNKNOWN) point.edge = point.ack + seen.segWnd * 2 ** scale;
  }

  private addSack(about: Direction, timeUs: number, left: Seq, right: Seq): void {
    const line = this.numbers[about];
    const blocks = this.sacks[about];
    this.sacksSeen[about] += 1;
    if (blocks.length >= SACK_COUNT_MAX) halve(blocks);
    blocks.push({ timeUs, lo: line.place(left), hi: line.place(right) });
  }
}

export class PlotBook {
  private readonly budget: PointBudget = { pointsLeft: POINTS_MAX };
  private readonly byFlow = new Map<number, PlotPoints>();

  /** `seen` may be a reused object: numbers are copied. */
  observe(flow: Flow, seen: Seen, sackBlocks: readonly Seq[] = []): void {
    let points = this.byFlow.get(flow.id);
    if (points === undefined) {
      points = new PlotPoints(this.budget);
      this.byFlow.set(flow.id, points);
    }
    points.add(flow, seen, sackBlocks);
  }

  /** Nothing will be drawn of it. */
  forget(flow: Flow): void {
    for (const lane of this.byFlow.get(flow.id)?.lanes ?? []) lane.release();
    this.byFlow.delete(flow.id);
  }

  of(flow: Flow): PlotPoints | undefined {
    return this.byFlow.get(flow.id);
  }
}

/** Scaling counts when both SYNs offer it; without them it is not known. */
function windowScale(flow: Flow, dir: Direction): number {
  const mine = flow.halves[dir].offers[0]?.first.options.wndScale;
  const other = flow.halves[dir === CLIENT ? SERVER : CLIENT].offers[0]?.first.options.wndScale;
  if (mine === undefined || other === undefined) return UNKNOWN;
  return mine === UNKNOWN || other === UNKNOWN ? 0 : Math.min(mine, 14);
}

function halve(blocks: SackBlock[]): void {
  const half = blocks.filter((_block, index) => index % 2 === 0);
  blocks.splice(0, blocks.length, ...half);
}
