/**
 * The out-of-order queue of one end point: pieces sorted by sequence number, not overlapping in
 * what they deliver. Sequence numbers are canonical int32; a FIN is remembered by its position.
 */
import { seqDiff, seqLeq, seqLt } from '../../engine/wire/seq.ts';

interface Piece {
  seq: number;
  bytes: Uint8Array;
}

export interface Reassembly {
  readonly pieces: Piece[];
  /** Where the last piece arrived: its block is reported first (RFC 2018 §4). */
  newest: number;
  fin: boolean;
  finSeq: number;
}

export function createReassembly(): Reassembly {
  return { pieces: [], newest: 0, fin: false, finSeq: 0 };
}

/** Keeps a piece that is ahead of what can be delivered. */
export function keepPiece(queue: Reassembly, seq: number, bytes: Uint8Array): void {
  const pieces = queue.pieces;
  let i = pieces.length;
  while (i > 0 && seqLt(seq, (pieces[i - 1] as Piece).seq)) i--;
  pieces.splice(i, 0, { seq, bytes });
  queue.newest = seq;
}

/** [seq, last) is kept already. */
export function holdsPiece(queue: Reassembly, seq: number, last: number): boolean {
  return queue.pieces.some(
    (piece) => seqLeq(piece.seq, seq) && seqLeq(last, (piece.seq + piece.bytes.length) | 0),
  );
}

/** Takes what is in order at `next`, without overlap; null when there is a hole. */
export function takePiece(queue: Reassembly, next: number): Uint8Array | null {
  for (;;) {
    const first = queue.pieces[0];
    if (first === undefined || seqLt(next, first.seq)) return null;
    queue.pieces.shift();
    const known = seqDiff(next, first.seq);
    if (known < first.bytes.length) return first.bytes.subarray(known);
  }
}

/** SACK blocks of what is kept, the newest first, at most `blockCount`. */
export function sackEdges(queue: Reassembly, blockCount: number): number[] {
  const blocks: [number, number][] = [];
  for (const piece of queue.pieces) {
    const end = (piece.seq + piece.bytes.length) | 0;
    const last = blocks[blocks.length - 1];
    if (last !== undefined && seqLeq(piece.seq, last[1])) {
      if (seqLt(last[1], end)) last[1] = end;
    } else {
      blocks.push([piece.seq, end]);
    }
  }
  const holds = (b: [number, number]) => seqLeq(b[0], queue.newest) && seqLt(queue.newest, b[1]);
  blocks.sort((a, b) => Number(holds(b)) - Number(holds(a)));
  return blocks.slice(0, blockCount).flat();
}

/** The right-most edge held, or `next` when nothing is. */
export function rightmostEdge(queue: Reassembly, next: number): number {
  let edge = next;
  for (const piece of queue.pieces) {
    const end = (piece.seq + piece.bytes.length) | 0;
    if (seqLt(edge, end)) edge = end;
  }
  return edge;
}
