/**
 * Takes one option out of a SYN or SYN-ACK, as firewalls do: NOPs in its place, or the others moved
 * up and the list ended early. Owns nothing; checksums are the caller's. RFC 9293 §3.1.
 */
import { ACK, type Segment, SYN } from '../../engine/wire/segment.ts';
import type { Fault, StrippedOption } from './fault.ts';

const KIND: Record<StrippedOption, number> = {
  'window-scale': 3,
  'sack-permitted': 4,
  timestamps: 8,
};

/** True when the segment was changed. */
export function stripOption(bytes: Uint8Array, seg: Segment, fault: Fault): boolean {
  const { strips, stripsFrom, stripsBy } = fault;
  const victim = stripsFrom === 'syn' ? SYN : SYN | ACK;
  if (strips === 'nothing' || (seg.flags & (SYN | ACK)) !== victim) return false;
  const end = seg.tcpOff + seg.tcpHeaderBytes;
  for (let at = seg.tcpOff + 20; at < end && bytes[at] !== 0; ) {
    const length = bytes[at] === 1 ? 1 : (bytes[at + 1] ?? 1);
    if (bytes[at] === KIND[strips]) {
      if (stripsBy === 'nops') {
        bytes.fill(1, at, at + length);
      } else {
        bytes.copyWithin(at, at + length, end);
        bytes.fill(0, end - length, end);
      }
      return true;
    }
    at += length;
  }
  return false;
}
