/**
 * A captured packet as the queue would hand it to the engine, and back into its frame.
 *
 * Owns the arena. A packet that the capture cut is filled with zeros to its length on the wire: its
 * headers are judged as ever, its checksum is carried on by difference (RFC 1624), since nobody
 * knows the octets that it covers.
 */
import {
  INFO_CSUM_NOT_READY,
  INFO_CSUM_NOT_VERIFIED,
  TO_FAR,
  TO_NEAR,
} from '../../engine/verdict.ts';
import { get16, put16 } from '../../engine/wire/bytes.ts';
import { tcpChecksumIsPartial } from '../../engine/wire/checksum.ts';
import { parseSegment, WIRE_OK } from '../../engine/wire/parse.ts';
import { Segment } from '../../engine/wire/segment.ts';
import type { Frame } from '../pcap/capture.ts';
import { LINKTYPE_ETHERNET } from '../pcap/link-layer.ts';
import { placePacket } from '../pcap/place-packet.ts';

const ARENA_BYTES = 1 << 17;
const PACKET_BYTES_MAX = 0xffff;
const TCP_CHECKSUM = 16;

export class FramePacket {
  readonly arena = new Uint8Array(ARENA_BYTES);
  readonly words = new Uint32Array(this.arena.buffer);
  /** The packet in hand, as it was parsed. */
  readonly seg = new Segment();
  /** In the arena, zeros included. */
  bytes = 0;
  /** INFO_* bits for the engine. */
  info = 0;
  isCut = false;
  private captured: Uint8Array = new Uint8Array(0);

  /** False: nothing that a shim would judge (no TCP, no whole header). */
  place(frame: Frame): boolean {
    const wireBytes = placePacket(frame, this.arena, PACKET_BYTES_MAX);
    if (wireBytes === 0) return false;
    this.captured = frame.bytes.subarray(frame.off, frame.off + frame.len);
    this.isCut = wireBytes > frame.len;
    this.bytes = wireBytes;
    const { seg } = this;
    if (parseSegment(this.arena, 0, this.bytes, seg) !== WIRE_OK) return false;
    return seg.tcpOff + seg.tcpHeaderBytes <= frame.len;
  }

  /**
   * What the kernel would say of the checksum is not in a capture: a bare pseudo-header sum is
   * taken for an offload at work, as on virtual networks and behind GRO. Any other is looked at.
   */
  judgeChecksum(dir: number): void {
    const isPartial = tcpChecksumIsPartial(this.arena, this.words, this.seg);
    if (isPartial) this.info = INFO_CSUM_NOT_READY;
    else this.info = dir === TO_NEAR && !this.isCut ? INFO_CSUM_NOT_VERIFIED : 0;
    if (dir === TO_FAR && this.isCut) this.info = INFO_CSUM_NOT_READY;
  }

  /** What the engine has made of it: the packet as captured, with its changes. */
  rewritten(): Uint8Array {
    const out = this.arena.slice(0, this.captured.length);
    if (this.isCut) carryChecksum(out, this.captured, this.seg);
    return out;
  }
}

/** The TCP checksum of `before`, moved by what has changed in the header. */
function carryChecksum(after: Uint8Array, before: Uint8Array, seg: Segment): void {
  const at = seg.tcpOff + TCP_CHECKSUM;
  let sum = ~get16(before, at) & 0xffff;
  for (let off = seg.tcpOff; off < seg.tcpOff + seg.tcpHeaderBytes; off += 2) {
    if (off !== at) sum += (~get16(before, off) & 0xffff) + get16(after, off);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  put16(after, at, ~sum & 0xffff);
}

/** Of the sender's hardware address, 0 where there is none: equal addresses, equal numbers. */
export function macHashOf(frame: Frame): number {
  if (frame.linkType !== LINKTYPE_ETHERNET || frame.linkBytes < 14) return 0;
  let hash = 0x811c9dc5;
  for (let i = 6; i < 12; i++) {
    hash = Math.imul(hash ^ (frame.bytes[frame.linkOff + i] ?? 0), 0x01000193);
  }
  return hash | 0 || 1;
}
