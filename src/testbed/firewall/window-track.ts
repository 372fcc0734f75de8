/**
 * What conntrack follows of a connection, and what it calls INVALID: `tcp_in_window` and the test
 * of resets in net/netfilter/nf_conntrack_proto_tcp.c (6.18), after Van Rooij's four bounds.
 *
 * Owns both sides' numbers, canonical int32, and windows in octets. Held against the kernel by
 * test/kernel/strict-sequence.kernel.test.ts. Left out: simultaneous open, pick-up in mid-stream,
 * and that a closed connection is forgotten after ten seconds.
 */
import { get32 } from '../../engine/wire/bytes.ts';
import { ACK, FIN, RST, SYN } from '../../engine/wire/segment.ts';
import { seqDiff, seqLeq, seqLt, seqMax } from '../../engine/wire/seq.ts';
import type { Packet } from './packet.ts';

/** MAXACKWINCONST. */
const ACK_WINDOW_MIN = 66_000;

class TrackedSide {
  isKnown = false;
  /** Behind the highest octet sent. */
  end = 0;
  /** The highest that it may send. */
  maxEnd = 0;
  maxWin = 0;
  /** Its newest ACK. */
  maxAck: number | undefined;
  scale = 0;
  hasScale = false;
  hasSack = false;
}

export class WindowTrack {
  private readonly client = new TrackedSide();
  private readonly server = new TrackedSide();
  /** A reset was believed: others are not looked at any more. */
  private isClosed = false;
  /** Behind the newest segment, if that was an acknowledgement: a reset behind it closes too. */
  private train: { readonly fromClient: boolean; readonly end: number } | undefined;

  /** False: INVALID. Follows what is valid. */
  accepts(packet: Packet): boolean {
    const sender = packet.fromClient ? this.client : this.server;
    const receiver = packet.fromClient ? this.server : this.client;
    if (!packet.fromClient && packet.isSynAck() && sender.isKnown) return true; // sIG: ignored
    if (packet.has(RST) && this.isClosed) return true;
    if (packet.has(RST) && isOldReset(packet, receiver)) return false;
    if (packet.isSyn() || (packet.isSynAck() && !sender.isKnown)) {
      this.begin(packet, sender, receiver);
      if (packet.isSyn()) return true;
    }
    if (!sender.isKnown) adopt(packet, sender);
    const verdict = inWindow(packet, sender, receiver);
    // nf_tcp_handle_invalid() notes it as the newest.
    if (verdict === 'invalid' && packet.has(RST | FIN)) this.train = undefined;
    if (verdict !== 'followed') return verdict === 'ignored';
    if (packet.has(RST)) this.isClosed = this.closes(packet, receiver);
    const { fromClient, end } = packet;
    this.train = packet.has(SYN | FIN | RST) ? undefined : { fromClient, end };
    return true;
  }

  /** Any other reset may be answered by a challenge ACK, and is no end. */
  private closes({ seg, fromClient }: Packet, receiver: TrackedSide): boolean {
    const { train } = this;
    const isBehind = train?.fromClient === fromClient && train.end === seg.segSeq;
    return receiver.maxAck === undefined || seg.segSeq === receiver.maxAck || isBehind;
  }

  /** tcp_init_sender: scaling counts when both sides offer it (RFC 7323 §2.2). */
  private begin(
    { seg, end, fromClient }: Packet,
    sender: TrackedSide,
    receiver: TrackedSide,
  ): void {
    if (sender.isKnown && !seqLt(sender.end, end)) return;
    sender.isKnown = true;
    sender.end = end;
    sender.maxEnd = end;
    sender.maxWin = Math.max(seg.segWnd, 1);
    sender.hasScale = seg.wndScale >= 0;
    sender.scale = Math.max(seg.wndScale, 0);
    sender.hasSack = seg.sackPermitted !== 0;
    if (fromClient || (sender.hasScale && receiver.hasScale)) return;
    sender.scale = 0;
    receiver.scale = 0;
  }
}

/** Something else than a SYN-ACK comes first, as when a SYN is refused: believed as it is. */
function adopt({ seg, end }: Packet, sender: TrackedSide): void {
  sender.isKnown = true;
  sender.end = end;
  sender.maxWin = Math.max(seg.segWnd, 1);
  sender.maxEnd = (end + sender.maxWin) | 0;
}

/** "invalid rst": before what the other side has acknowledged. */
function isOldReset({ seg }: Packet, receiver: TrackedSide): boolean {
  return receiver.maxAck !== undefined && seqLt(seg.segSeq, receiver.maxAck);
}

/** NFCT_TCP_INVALID, NFCT_TCP_IGNORE (passes, and teaches nothing) and NFCT_TCP_ACCEPT. */
type Verdict = 'invalid' | 'ignored' | 'followed';

function inWindow(packet: Packet, sender: TrackedSide, receiver: TrackedSide): Verdict {
  const { seg } = packet;
  const { flags } = seg;
  const { segSeq: seq } = seg;
  const { end } = packet;
  let { segAck: ack } = seg;
  const acksNothing = (flags & ACK) === 0 || ((flags & RST) !== 0 && ack === 0);
  if (acksNothing) ack = receiver.end;
  const sack = acksNothing || !receiver.hasSack ? ack : highestSack(packet);
  const ackOk = seqLeq((receiver.end - ackWindow(sender)) | 0, sack);
  const inReceiversWindow =
    receiver.maxWin === 0 || seqLeq((sender.end - receiver.maxWin) | 0, end);
  if (!seqLeq(seq, sender.maxEnd)) {
    // A window that the box did not see growing is forgiven once.
    const overshot = seqDiff(end, sender.maxEnd) + 1;
    const isForgiven = receiver.maxWin > 0 && inReceiversWindow && overshot <= receiver.maxWin;
    if (!isForgiven || !ackOk || !seqLeq(sack, receiver.end)) return 'invalid';
    sender.end = end;
    return 'ignored';
  }
  if (!seqLeq(sack, receiver.end)) return 'invalid'; // acknowledges what was not sent
  if (!inReceiversWindow || !ackOk) return 'ignored'; // old, and harmless
  follow(packet, sender, receiver, { ack, sack, end, acksNothing });
  return 'followed';
}

interface Numbers {
  readonly ack: number;
  readonly sack: number;
  readonly end: number;
  readonly acksNothing: boolean;
}

function follow(
  packet: Packet,
  sender: TrackedSide,
  receiver: TrackedSide,
  { ack, sack, end, acksNothing }: Numbers,
): void {
  const wnd = packet.seg.segWnd * 2 ** (packet.isSynAck() ? 0 : sender.scale);
  sender.maxWin = Math.max(sender.maxWin, wnd + seqDiff(sack, ack));
  sender.end = seqMax(sender.end, end);
  if (!acksNothing) sender.maxAck = sender.maxAck === undefined ? ack : seqMax(sender.maxAck, ack);
  const beyond = seqDiff(end, sender.maxEnd);
  if (receiver.maxWin !== 0 && beyond > 0) receiver.maxWin += beyond;
  const edge = (sack + wnd) | 0;
  if (!seqLeq(receiver.maxEnd, edge)) return;
  receiver.maxEnd = wnd === 0 ? (edge + 1) | 0 : edge;
}

function ackWindow({ maxWin }: TrackedSide): number {
  return Math.max(maxWin, ACK_WINDOW_MIN);
}

/** The highest right edge of the blocks, or the ACK. */
function highestSack({ seg, bytes }: Packet): number {
  let highest = seg.segAck;
  for (let k = 0; k < seg.sackCount; k++) {
    highest = seqMax(highest, get32(bytes, seg.sackOff + 8 * k + 4));
  }
  return highest;
}
