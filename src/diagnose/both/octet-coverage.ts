/**
 * Which octets of a direction a capture has seen at all: merged ranges, looked up by halves. Owns
 * the ranges. Positions are octets behind a number that the caller chose.
 */
import { type Seq, seqDiff } from '../../engine/wire/seq.ts';
import type { SidePacket } from './side-packet.ts';

export class OctetCoverage {
  private readonly origin: Seq;
  private readonly starts: number[] = [];
  private readonly ends: number[] = [];

  /** `shift` puts the packets' numbers into those in which is asked. */
  constructor(packets: readonly SidePacket[], shift: number) {
    const first = packets.find(({ segSeq }) => segSeq !== null)?.segSeq ?? 0;
    this.origin = (first + shift) | 0;
    const ranges = packets.flatMap(({ segSeq, payloadOctets }) => {
      if (segSeq === null || payloadOctets === 0) return [];
      const from = seqDiff((segSeq + shift) | 0, this.origin);
      return [[from, from + payloadOctets] as const];
    });
    ranges.sort(([a], [b]) => a - b);
    for (const [from, to] of ranges) this.add(from, to);
  }

  private add(from: number, to: number): void {
    const last = this.ends.length - 1;
    const end = this.ends[last];
    if (end === undefined || from > end) {
      this.starts.push(from);
      this.ends.push(to);
    } else if (to > end) this.ends[last] = to;
  }

  /** Whether some octet of the packet is among them. */
  touches({ segSeq, payloadOctets }: SidePacket, shift: number): boolean {
    if (segSeq === null || payloadOctets === 0) return false;
    const from = seqDiff((segSeq + shift) | 0, this.origin);
    let low = 0;
    let high = this.ends.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.ends[middle] ?? 0) <= from) low = middle + 1;
      else high = middle;
    }
    return (this.starts[low] ?? Number.POSITIVE_INFINITY) < from + payloadOctets;
  }
}
