/**
 * The SACK blocks of the acknowledgement in hand: do they lie where the far end can mean them, and
 * how they are moved and taken out. RFC 2018 §3, §4 (blocks), RFC 2883 §4 (D-SACK).
 *
 * Reads and writes the option in place; decides nothing. Units: octets.
 */
import { type Core, farHalf, nearHalf } from '../core.ts';
import { scaleOf } from '../flow/track.ts';
import { get32, put32 } from '../wire/bytes.ts';
import { type Seq, seqAdd, seqDiff, seqLeq, seqLt } from '../wire/seq.ts';

/** Beyond the window that it advertises a true block points no further than this. */
const SLACK_OCTETS = 1 << 16;
/** A duplicate that a D-SACK tells of was sent at most so long ago. */
const DUPLICATE_OCTETS = 1 << 24;
const NO_OPERATION = 1;
const BLOCK_BYTES = 8;

export function leftEdge(core: Core, block: number): Seq {
  return get32(core.buf, core.seg.sackOff + block * BLOCK_BYTES);
}

export function rightEdge(core: Core, block: number): Seq {
  return get32(core.buf, core.seg.sackOff + block * BLOCK_BYTES + 4);
}

/**
 * Does every block, moved down by `delta`, lie behind SEG.ACK and not beyond `nxt`? The first may
 * be a D-SACK: below SEG.ACK, or inside the second.
 */
export function blocksFit(core: Core, from: number, delta: number, nxt: Seq): boolean {
  const { sackCount, segAck } = core.seg;
  for (let i = from; i < sackCount; i++) {
    const left = seqAdd(leftEdge(core, i), -delta);
    const right = seqAdd(rightEdge(core, i), -delta);
    if (!seqLt(left, right)) return false;
    if (seqLt(segAck, left) && seqLeq(right, nxt)) continue;
    const below = seqDiff(segAck, left);
    if (i === 0 && seqLeq(right, segAck) && below > 0 && below <= DUPLICATE_OCTETS) continue;
    return false;
  }
  return true;
}

/** No true block of the segment in hand ends beyond: the window that it offers itself. */
export function offeredEnd(core: Core, flow: number): Seq {
  const { segAck, segWnd } = core.seg;
  const scale = scaleOf(core.flows.halves, farHalf(core, flow), nearHalf(core, flow));
  return seqAdd(segAck, (segWnd << scale) + SLACK_OCTETS);
}

/** The highest right edge, as it arrived. */
export function highestEdge(core: Core): Seq {
  let highest = rightEdge(core, 0);
  for (let i = 1; i < core.seg.sackCount; i++) {
    if (seqLt(highest, rightEdge(core, i))) highest = rightEdge(core, i);
  }
  return highest;
}

/** Does the last block, moved down by `delta`, lie behind SEG.ACK? Then it is no D-SACK. */
export function isBeyondAck(core: Core, delta: number): boolean {
  const { sackCount, segAck } = core.seg;
  return seqLt(segAck, seqAdd(leftEdge(core, sackCount - 1), -delta));
}

/** Is there a block of one octet, as of one that was sent alone? */
export function hasSingle(core: Core): boolean {
  for (let i = 0; i < core.seg.sackCount; i++) {
    if (seqDiff(rightEdge(core, i), leftEdge(core, i)) === 1) return true;
  }
  return false;
}

/** Moves every block down by `delta`. */
export function moveBlocks(core: Core, delta: number): void {
  const { sackOff, sackCount } = core.seg;
  for (let i = 0; i < sackCount * 2; i++) {
    const at = sackOff + 4 * i;
    put32(core.buf, at, seqAdd(get32(core.buf, at), -delta));
  }
  core.changed = 1;
}

/** Takes the first block out; NOPs fill the place of the last. */
export function removeFirst(core: Core): void {
  const { buf, seg } = core;
  const end = seg.sackOff + seg.sackCount * BLOCK_BYTES;
  seg.sackCount--;
  for (let at = seg.sackOff; at + BLOCK_BYTES < end; at++) buf[at] = buf[at + BLOCK_BYTES]!;
  const head = seg.sackCount === 0 ? seg.sackOff - 2 : end - BLOCK_BYTES;
  for (let at = head; at < end; at++) buf[at] = NO_OPERATION;
  if (seg.sackCount > 0) buf[seg.sackOff - 1] = 2 + seg.sackCount * BLOCK_BYTES;
  core.changed = 1;
}

/** Takes the option out; NOPs fill its place. */
export function removeBlocks(core: Core): void {
  const { buf, seg } = core;
  const end = seg.sackOff + seg.sackCount * BLOCK_BYTES;
  for (let at = seg.sackOff - 2; at < end; at++) buf[at] = NO_OPERATION;
  seg.sackCount = 0;
  core.changed = 1;
}
