/**
 * Renumbering, for the boxes that do it: what is added to each side's numbers on the way to the
 * other. Owns nothing; checksums are filled in when the packet leaves. RFC 9293 §3.4, RFC 2018 §3.
 */
import { ACK } from '../../engine/wire/segment.ts';
import type { Packet } from './packet.ts';

export interface Offsets {
  /** To the client's numbers towards the server. */
  client: number;
  /** To the server's numbers towards the client. */
  server: number;
}

/** `blind`: the blocks in it stay as they are. */
export function renumber(packet: Packet, offsets: Offsets, blind = false): void {
  const { seg, fromClient } = packet;
  packet.setSeq(seg.segSeq + (fromClient ? offsets.client : offsets.server));
  if ((seg.flags & ACK) === 0) return;
  const theirs = fromClient ? offsets.server : offsets.client;
  packet.setAck(seg.segAck - theirs);
  if (!blind) packet.shiftSack(-theirs);
}
