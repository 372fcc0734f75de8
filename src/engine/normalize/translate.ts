// @pathology renumbered-server | RFC 9293 §3.4, RFC 7323 §2.3 | translates SEQ, ACK, SACK, TS, WND | after a re-anchor
/**
 * Userspace translation between the near end's numbers (A) and the far end's (B = A + DELTA):
 * arriving SEQ and TSval down, leaving ACK, SACK edges and TSecr up, windows from one scale to the
 * other, clipped to 65,535. The near end's own sequence space is the same on both sides, except
 * behind a jump (`jump.ts`): then leaving SEQ goes up by NEAR_DELTA, arriving ACK and SACK down.
 *
 * Reads DELTA, NEAR_DELTA, TS_DELTA, SCALE_FIX. Writes the packet in place and the Segment.
 * Units: octets.
 */
import {
  ANCHOR_CONTRADICTED,
  FLOW_ENDED,
  OLD_NUMBERS_DROPPED,
  SEGMENT_TRANSLATED,
  STAT_WINDOW_RESCALED,
} from '../codes.ts';
import {
  type Core,
  count,
  countAction,
  farHalf,
  flagsOf,
  isBehindRaw,
  learnPath,
  nearHalf,
  setFlags,
} from '../core.ts';
import { event, found, resetNear } from '../emit.ts';
import {
  DELTA,
  FLOW_CONFIRMED,
  FLOW_OVER,
  FLOW_PROVEN,
  FLOW_RESYNCED,
  FLOW_ROW_WORDS,
  ISS,
  MSS,
  NEAR_DELTA,
  SCALE_FIX,
  SND_CONT,
  SND_NXT,
  TS_DELTA,
} from '../flow/layout.ts';
import { FACT_PHANTOM } from '../flow/path-table.ts';
import { endFlow } from '../lifecycle.ts';
import { dropRule } from '../rule-requests.ts';
import { INFO_TRUNCATED, VERDICT_ACCEPT, VERDICT_DROP } from '../verdict.ts';
import { get32, put16, put32 } from '../wire/bytes.ts';
import { ACK, RST, SYN } from '../wire/segment.ts';
import { type Seq, seqAdd, seqDiff, seqLeq } from '../wire/seq.ts';

/** How far from RCV.NXT a translated number may lie before it is somebody else's. */
const FOREIGN_SPACE = 1 << 28;
const EARLY_SPACE = 1 << 20;
const MSS_DEFAULT = 536; // RFC 9293 §3.7.1

/** The verdict of `translateIn` that says: go on, the Segment is in near numbers now. */
export const GO_ON = -1;

/**
 * A segment from the far end of a translated flow. Behind conntrack nothing is translated: what
 * arrives there came through raw already, in near numbers, or slipped by before its rule stood.
 */
export function translateIn(core: Core, flow: number): number {
  const seg = core.seg;
  const row = flow * FLOW_ROW_WORDS;
  const rows = core.flows.rows;
  const halves = core.flows.halves;
  const far = farHalf(core, flow);
  const cont = halves[far + SND_CONT]!;
  const delta = rows[row + DELTA]!;
  const old = isOld(seg.segSeq, delta, cont);
  if (isBehindRaw(core)) return old ? VERDICT_ACCEPT : dropOld(core, flow);
  if (old) return judgeOld(core, flow, cont);
  if (distance(seqAdd(seg.segSeq, -delta), cont) > FOREIGN_SPACE) return dropOld(core, flow);
  if ((core.info & INFO_TRUNCATED) !== 0) return dropOld(core, flow); // cannot come back whole
  if ((seg.flags & RST) === 0) confirm(core, flow);
  return rewriteIn(core, flow) ? GO_ON : VERDICT_DROP;
}

/**
 * Which numbering a number belongs to is a matter of which one it lies nearer to RCV.NXT in. Where
 * the two lie close together nobody can tell: there it is the real server's.
 */
export function isOld(wireSeq: Seq, delta: number, cont: Seq): boolean {
  if (distance(delta, 0) <= 2 * EARLY_SPACE) return false;
  return distance(wireSeq, cont) < distance(seqAdd(wireSeq, -delta), cont);
}

/** A segment in the numbers that were given up, SEG.SEQ as it came. */
export function judgeOld(core: Core, flow: number, cont: Seq): number {
  const { seg } = core;
  const speaks = (seg.flags & RST) === 0 && distance(seg.segSeq, cont) < EARLY_SPACE;
  const over = (flagsOf(core, flow) & FLOW_OVER) !== 0;
  return speaks && !over ? contradict(core, flow) : dropOld(core, flow);
}

/** The packet in hand, as it came, to near numbers; false: it cannot be sent back whole. */
export function rewriteIn(core: Core, flow: number): boolean {
  const seg = core.seg;
  const row = flow * FLOW_ROW_WORDS;
  const rows = core.flows.rows;
  if ((core.info & INFO_TRUNCATED) !== 0) return false;
  seg.segSeq = seqAdd(get32(core.buf, seg.tcpOff + 4), -rows[row + DELTA]!);
  put32(core.buf, seg.tcpOff + 4, seg.segSeq);
  const nearDelta = nearDeltaOf(core, flow);
  if (nearDelta !== 0 && (seg.flags & ACK) !== 0) {
    seg.segAck = seqAdd(get32(core.buf, seg.tcpOff + 8), -nearDelta);
    put32(core.buf, seg.tcpOff + 8, seg.segAck);
    shiftSack(core, -nearDelta);
  }
  if (seg.tsOff !== 0 && rows[row + TS_DELTA] !== 0) {
    seg.tsVal = (seg.tsVal - rows[row + TS_DELTA]!) | 0;
    put32(core.buf, seg.tsOff, seg.tsVal);
  }
  const fix = rows[row + SCALE_FIX]!;
  if ((seg.flags & RST) === 0) rescale(core, flow, fix & 0xff, (fix >>> 8) & 0xff);
  countAction(core, SEGMENT_TRANSLATED);
  core.changed = 1;
  return true;
}

/** What to add to the near end's own numbers: they are shifted only behind a jump. */
function nearDeltaOf(core: Core, flow: number): number {
  const jumped = (flagsOf(core, flow) & FLOW_RESYNCED) !== 0;
  return jumped ? core.flows.rows[flow * FLOW_ROW_WORDS + NEAR_DELTA]! : 0;
}

function shiftSack(core: Core, by: number): void {
  for (let i = 0; i < core.seg.sackCount * 2; i++) {
    const at = core.seg.sackOff + 4 * i;
    put32(core.buf, at, seqAdd(get32(core.buf, at), by));
  }
}

function distance(a: number, b: number): number {
  const diff = seqDiff(a, b);
  return diff < 0 ? -diff : diff;
}

export function dropOld(core: Core, flow: number): number {
  const isn = core.flows.halves[farHalf(core, flow) + ISS]!;
  countAction(core, OLD_NUMBERS_DROPPED);
  event(core, flow, OLD_NUMBERS_DROPPED, 0, core.seg.segSeq, isn, 0, 0, 0);
  return VERDICT_DROP;
}

/** The end point that was given up speaks: end the flow where the operator sees it. */
function contradict(core: Core, flow: number): number {
  const halves = core.flows.halves;
  const far = farHalf(core, flow);
  const isn = halves[far + ISS]!;
  const otherIsn = seqAdd(isn, core.flows.rows[flow * FLOW_ROW_WORDS + DELTA]!);
  found(core, flow, ANCHOR_CONTRADICTED, core.seg.segSeq, isn, otherIsn, 0, 0);
  endTranslated(core, flow, ANCHOR_CONTRADICTED);
  return VERDICT_DROP;
}

/** Ends a translated flow towards the near end by an exact reset. */
export function endTranslated(core: Core, flow: number, cause: number): void {
  if ((flagsOf(core, flow) & FLOW_OVER) !== 0) return;
  const seq = core.flows.halves[farHalf(core, flow) + SND_CONT]!;
  count(core, FLOW_ENDED);
  event(core, flow, FLOW_ENDED, cause, seq, 0, 0, 0, 0);
  resetNear(core, flow);
  endFlow(core, flow, true);
  dropRule(core, flow);
}

/** The real server's first segment in its numbers proves the phantom of this path. */
export function confirm(core: Core, flow: number): void {
  if ((flagsOf(core, flow) & FLOW_CONFIRMED) !== 0) return;
  const ack = core.seg.segAck;
  const near = nearHalf(core, flow);
  if ((core.seg.flags & ACK) === 0 || !seqLeq(ack, core.flows.halves[near + SND_NXT]!)) return;
  setFlags(core, flow, FLOW_CONFIRMED | FLOW_PROVEN);
  learnPath(core, flow, FACT_PHANTOM);
}

/** A segment from the near end of a translated flow, already tracked in near numbers. */
export function translateOut(core: Core, flow: number): number {
  const seg = core.seg;
  const buf = core.buf;
  const row = flow * FLOW_ROW_WORDS;
  const rows = core.flows.rows;
  if ((core.info & INFO_TRUNCATED) !== 0) return dropOld(core, flow);
  const nearDelta = nearDeltaOf(core, flow);
  if (nearDelta !== 0) {
    put32(buf, seg.tcpOff + 4, seqAdd(seg.segSeq, nearDelta));
    core.changed = 1;
  }
  if ((seg.flags & ACK) === 0) return VERDICT_ACCEPT; // a bare reset carries no number of B's
  const delta = rows[row + DELTA]!;
  put32(buf, seg.tcpOff + 8, seqAdd(seg.segAck, delta));
  shiftSack(core, delta);
  if (seg.tsOff !== 0 && rows[row + TS_DELTA] !== 0) {
    put32(buf, seg.tsOff + 4, (seg.tsEcr + rows[row + TS_DELTA]!) | 0);
  }
  const fix = rows[row + SCALE_FIX]!;
  if ((seg.flags & (SYN | RST)) === 0) rescale(core, flow, (fix >>> 16) & 0xff, fix >>> 24);
  countAction(core, SEGMENT_TRANSLATED);
  core.changed = 1;
  return VERDICT_ACCEPT;
}

/**
 * SEG.WND from the writer's shift to the reader's, never more than was offered, except that a
 * window of a segment or more never reads as zero: a zero window stops a sender for good. True
 * when it was changed.
 */
export function rescale(core: Core, flow: number, writes: number, reads: number): boolean {
  if (writes === reads) return false;
  const seg = core.seg;
  const octets = seg.segWnd * 2 ** writes;
  let wnd = Math.floor(octets / 2 ** reads);
  if (wnd > 0xffff) wnd = 0xffff;
  const mss = core.flows.halves[nearHalf(core, flow) + MSS]!;
  if (wnd === 0 && octets >= (mss > 0 ? mss : MSS_DEFAULT)) wnd = 1;
  if (wnd === seg.segWnd) return false;
  put16(core.buf, seg.tcpOff + 14, wnd);
  seg.segWnd = wnd;
  count(core, STAT_WINDOW_RESCALED);
  return true;
}
