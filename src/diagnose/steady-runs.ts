/**
 * Connections that go on as before, as rows of numbers. While a flow has a run, the run holds what
 * a segment that says nothing new reads and moves: two cache lines in place of twenty objects. It
 * is given back before anybody looks at the flow (`settle`).
 *
 * Owns the rows, a fixed number, and the last few segments of each. Octets, microseconds; dir as in
 * flow.ts. Measured in bench/diagnose.mjs.
 */
import type { Frame } from '../datapath/pcap/capture.ts';
import type { Segment } from '../engine/wire/segment.ts';
import { type Direction, type Flow, NO_RUN } from './flow.ts';
import { UNKNOWN } from './packet-record.ts';
import { RECENT_COUNT, RECENT_WORDS, writeRecent } from './recent-packets.ts';
import type { SteadySide } from './steady-side.ts';
import { PAUSE_US } from './track-idle.ts';
import { FAR_OCTETS } from './track-numbers.ts';

const RUN_COUNT = 16_384;

/** Words of a side. The two sides of a run stand first. */
const SND_NXT = 0;
const SND_UNA = 1;
/** Half.sndNxt. */
const SENT_END = 2;
/** Half.waitingFor, and whether it is a number. */
const WAITING_FOR = 3;
const IS_WAITING = 4;
const TS_VAL = 5;
const LARGEST = 6;
const LARGEST_FRAME = 7;
/** Since the row was filled: packets, those with data, those with timestamps. */
const PACKETS = 8;
const DATA_PACKETS = 9;
const STAMPED = 10;
const LAST_FRAME = 11;
/** What may be predicted of it: NOTHING, or segments without data, or with and without. */
const MAY_BE = 12;
const SIDE_WORDS = 16;

const NOTHING = 0;
const BARE = 1;
const DATA = 2;

/** Words of a run. */
const IS_FILLED = 2 * SIDE_WORDS;
const COUNT = IS_FILLED + 1;
const RECENT = IS_FILLED + 4;
const RUN_WORDS = RECENT + RECENT_COUNT * RECENT_WORDS;

/** Times of a run, then of its recent segments. */
const LAST_US = 0;
const LONGEST_US = 1;
/** Of a side: Half.waitingSinceUs, Half.shortestReplyUs; octets of data since it was filled. */
const SIDES = 2;
const SINCE_US = 0;
const SHORTEST_US = 1;
const OCTETS = 2;
const SIDE_TIMES = 3;
const RECENT_US = SIDES + 2 * SIDE_TIMES;
const RUN_TIMES = RECENT_US + RECENT_COUNT;

const DIRECTIONS = [0, 1] as const;

export class SteadyRuns {
  private readonly words = new Int32Array(RUN_COUNT * RUN_WORDS);
  private readonly times = new Float64Array(RUN_COUNT * RUN_TIMES);
  private readonly flows: (Flow | undefined)[] = new Array(RUN_COUNT);
  /** Of run and direction. */
  private readonly sides: (SteadySide | undefined)[] = new Array(2 * RUN_COUNT);
  /** Rows that were left: few rows are in use at a time, and those stay in the cache. */
  private readonly left: number[] = [];
  private next = 0;

  /** The run of the side's flow, which gets one. */
  open(side: SteadySide): number {
    const { flow } = side;
    let run = flow.run;
    if (run < 0) {
      run = this.left.pop() ?? this.takeNext();
      flow.run = run;
      this.flows[run] = flow;
    }
    this.sides[2 * run + side.dir] = side;
    return run;
  }

  /** Its run is still its flow's, and no other side has taken its place. */
  isOpen(side: SteadySide): boolean {
    return this.sides[2 * side.run + side.dir] === side;
  }

  /** The flow has all of its numbers again, and keeps its run. */
  settle(flow: Flow): void {
    const { run } = flow;
    if (run < 0 || this.words[run * RUN_WORDS + IS_FILLED] === 0) return;
    this.empty(run, flow);
    this.emptyRecent(run, flow);
  }

  /** The same, without its recent segments, and the run is left: a connection begins or ends. */
  leave(flow: Flow): void {
    const { run } = flow;
    if (run < 0) return;
    this.close(run, false);
    this.left.push(run);
  }

  /** All flows have their numbers, and no flow has a run. */
  closeAll(withRecent: boolean): void {
    for (let run = 0; run < RUN_COUNT; run++) this.close(run, withRecent);
    this.left.length = 0;
    this.next = 0;
  }

  private takeNext(): number {
    const run = this.next;
    this.next = run + 1 === RUN_COUNT ? 0 : run + 1;
    this.close(run, true);
    return run;
  }

  /**
   * Whether the segment is the next of what its side sends, and moves counts and numbers only. A
   * time that is handed over by itself is 16 bytes of garbage, here and below.
   */
  expects(run: number, dir: Direction, frame: Frame, seg: Segment): boolean {
    const { words } = this;
    const row = run * RUN_WORDS;
    if (words[row + IS_FILLED] === 0 && !this.fill(run)) return false;
    const own = row + dir * SIDE_WORDS;
    const peer = row + (dir ^ 1) * SIDE_WORDS;
    if ((words[own + MAY_BE] ?? 0) < (seg.payloadBytes > 0 ? DATA : BARE)) return false;
    if (words[own + SND_NXT] !== seg.segSeq || seg.segWnd === 0) return false;
    // Octets that were sent, and lately: neither old nor new to us.
    const ahead = ((words[peer + SND_NXT] ?? 0) - seg.segAck) | 0;
    const above = (seg.segAck - (words[peer + SND_UNA] ?? 0)) | 0;
    if (ahead < 0 || ahead > FAR_OCTETS || above < 0) return false;
    return frame.timeUs - (this.times[run * RUN_TIMES + LAST_US] ?? 0) < PAUSE_US;
  }

  /** All that Flow.add would do with what is expected. `checksum`: as writeRecent takes it. */
  add(run: number, dir: Direction, frame: Frame, seg: Segment, checksum: number): void {
    const { words } = this;
    const row = run * RUN_WORDS;
    const own = row + dir * SIDE_WORDS;
    const peer = row + (dir ^ 1) * SIDE_WORDS;
    const { payloadBytes, segAck } = seg;
    const end = (seg.segSeq + payloadBytes) | 0;
    this.clock(run, dir, frame, seg, end);
    words[own + PACKETS] = (words[own + PACKETS] ?? 0) + 1;
    words[own + LAST_FRAME] = frame.frame;
    words[peer + SND_UNA] = segAck;
    words[own + SND_NXT] = end;
    if (((end - (words[own + SENT_END] ?? 0)) | 0) > 0) words[own + SENT_END] = end;
    if (seg.tsOff !== 0) {
      words[own + STAMPED] = (words[own + STAMPED] ?? 0) + 1;
      words[own + TS_VAL] = seg.tsVal;
    }
    if (payloadBytes > 0) this.countOctets(run, own, dir, payloadBytes, frame.frame);
    const count = words[row + COUNT] ?? 0;
    words[row + COUNT] = count + 1;
    const slot = count & (RECENT_COUNT - 1);
    writeRecent(words, row + RECENT + slot * RECENT_WORDS, dir, frame.frame, seg, checksum);
    this.times[run * RUN_TIMES + RECENT_US + slot] = frame.timeUs;
  }

  private countOctets(run: number, own: number, dir: number, octets: number, frame: number): void {
    const { words, times } = this;
    words[own + DATA_PACKETS] = (words[own + DATA_PACKETS] ?? 0) + 1;
    const at = run * RUN_TIMES + SIDES + dir * SIDE_TIMES + OCTETS;
    times[at] = (times[at] ?? 0) + octets;
    if (octets <= (words[own + LARGEST] ?? 0)) return;
    words[own + LARGEST] = octets;
    words[own + LARGEST_FRAME] = frame;
  }

  /** As Flow.measureReply and Flow.notePause do it. */
  private clock(run: number, dir: Direction, frame: Frame, seg: Segment, end: number): void {
    const { words, times } = this;
    const { timeUs } = frame;
    const row = run * RUN_WORDS;
    const own = row + dir * SIDE_WORDS;
    const at = run * RUN_TIMES;
    const pauseUs = timeUs - (times[at + LAST_US] ?? 0);
    if (pauseUs > (times[at + LONGEST_US] ?? 0)) times[at + LONGEST_US] = pauseUs;
    times[at + LAST_US] = timeUs;
    const ownAt = at + SIDES + dir * SIDE_TIMES;
    const sinceUs = times[ownAt + SINCE_US] ?? UNKNOWN;
    const isAnswer = words[own + IS_WAITING] !== 0 && words[own + WAITING_FOR] === seg.segAck;
    if (isAnswer && sinceUs !== UNKNOWN) {
      const took = timeUs - sinceUs;
      const shortest = times[ownAt + SHORTEST_US] ?? UNKNOWN;
      if (took > 0 && (shortest === UNKNOWN || took < shortest)) {
        times[ownAt + SHORTEST_US] = took;
      }
      words[own + IS_WAITING] = 0;
    }
    if (seg.payloadBytes === 0) return;
    const peer = row + (dir ^ 1) * SIDE_WORDS;
    const again = ((end - (words[own + SENT_END] ?? 0)) | 0) <= 0;
    const waits = words[peer + IS_WAITING] !== 0 && words[peer + WAITING_FOR] === end;
    const peerAt = at + SIDES + (dir ^ 1) * SIDE_TIMES;
    times[peerAt + SINCE_US] = again || waits ? UNKNOWN : timeUs;
    words[peer + WAITING_FOR] = end;
    words[peer + IS_WAITING] = 1;
  }

  /** False: the flow is not in a state that goes on as before. */
  private fill(run: number): boolean {
    const flow = this.flows[run];
    if (flow?.isQuiet !== true) return false;
    const { words, times } = this;
    for (const dir of DIRECTIONS) this.fillSide(run, flow, dir);
    const at = run * RUN_TIMES;
    times[at + LAST_US] = flow.lastUs;
    times[at + LONGEST_US] = flow.longestPauseUs;
    words[run * RUN_WORDS + COUNT] = 0;
    words[run * RUN_WORDS + IS_FILLED] = 1;
    return true;
  }

  private fillSide(run: number, flow: Flow, dir: Direction): void {
    const { words, times } = this;
    const own = run * RUN_WORDS + dir * SIDE_WORDS;
    const half = flow.halves[dir];
    const { numbers } = flow.tracks.halves[dir];
    const isSteady = flow.isSteady(dir);
    words[own + MAY_BE] = !isSteady ? NOTHING : half.firstData === undefined ? BARE : DATA;
    words[own + SND_NXT] = numbers.sndNxt ?? 0;
    words[own + SND_UNA] = numbers.sndUna ?? 0;
    words[own + SENT_END] = half.sndNxt ?? 0;
    words[own + WAITING_FOR] = half.waitingFor ?? 0;
    words[own + IS_WAITING] = half.waitingFor === null ? 0 : 1;
    words[own + LARGEST] = half.largestPayload;
    words[own + LARGEST_FRAME] = half.largestFrame;
    words[own + PACKETS] = 0;
    words[own + DATA_PACKETS] = 0;
    words[own + STAMPED] = 0;
    const at = run * RUN_TIMES + SIDES + dir * SIDE_TIMES;
    times[at + SINCE_US] = half.waitingSinceUs;
    times[at + SHORTEST_US] = half.shortestReplyUs;
    times[at + OCTETS] = 0;
  }

  private empty(run: number, flow: Flow): void {
    const { words, times } = this;
    const row = run * RUN_WORDS;
    const at = run * RUN_TIMES;
    words[row + IS_FILLED] = 0;
    if (words[row + COUNT] === 0) return;
    for (const dir of DIRECTIONS) this.emptySide(run, flow, dir);
    flow.noteTime(times[at + LAST_US] ?? 0, times[at + LONGEST_US] ?? 0);
  }

  private emptySide(run: number, flow: Flow, dir: Direction): void {
    const own = run * RUN_WORDS + dir * SIDE_WORDS;
    const at = run * RUN_TIMES + SIDES + dir * SIDE_TIMES;
    const word = (offset: number) => this.words[own + offset] ?? 0;
    const half = flow.halves[dir];
    const { numbers, origin, options } = flow.tracks.halves[dir];
    half.waitingFor = word(IS_WAITING) === 0 ? null : word(WAITING_FOR);
    half.waitingSinceUs = this.times[at + SINCE_US] ?? UNKNOWN;
    half.shortestReplyUs = this.times[at + SHORTEST_US] ?? UNKNOWN;
    if (numbers.sndUna !== null) numbers.sndUna = word(SND_UNA);
    if (word(PACKETS) === 0) return;
    half.sndNxt = word(SENT_END);
    half.largestPayload = word(LARGEST);
    half.largestFrame = word(LARGEST_FRAME);
    half.packets += word(PACKETS);
    half.dataPackets += word(DATA_PACKETS);
    half.dataOctets += this.times[at + OCTETS] ?? 0;
    numbers.sndNxt = word(SND_NXT);
    if (word(STAMPED) > 0) numbers.tsVal = word(TS_VAL);
    options.stampedCount += word(STAMPED);
    options.plainCount += word(PACKETS) - word(STAMPED);
    origin.lastFrame = word(LAST_FRAME);
    flow.lastFrame = Math.max(flow.lastFrame, word(LAST_FRAME));
  }

  /** The oldest first. */
  private emptyRecent(run: number, flow: Flow): void {
    const row = run * RUN_WORDS;
    const count = this.words[row + COUNT] ?? 0;
    for (let index = Math.max(0, count - RECENT_COUNT); index < count; index++) {
      const slot = index & (RECENT_COUNT - 1);
      const timeUs = this.times[run * RUN_TIMES + RECENT_US + slot] ?? 0;
      const from = row + RECENT + slot * RECENT_WORDS;
      flow.recent.addRow(this.words, from, timeUs, (dir) => this.sides[2 * run + dir]);
    }
    this.words[row + COUNT] = 0;
  }

  private close(run: number, withRecent: boolean): void {
    const flow = this.flows[run];
    if (flow === undefined) return;
    if (this.words[run * RUN_WORDS + IS_FILLED] !== 0) this.empty(run, flow);
    if (withRecent) this.emptyRecent(run, flow);
    this.words[run * RUN_WORDS + COUNT] = 0;
    flow.run = NO_RUN;
    this.flows[run] = undefined;
    this.sides[2 * run] = undefined;
    this.sides[2 * run + 1] = undefined;
  }
}
