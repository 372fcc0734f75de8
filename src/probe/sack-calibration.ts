/**
 * Are SACK blocks moved along where a device renumbers a connection? The probe says one line, waits
 * until it is acknowledged, and sends an exact copy of that packet: the server's answer names its
 * octets in a D-SACK block (RFC 2883), in the numbers that the block has when it arrives here.
 *
 * Owns what one connection showed. Only servers that expect a line are told one. Nothing here shows
 * what becomes of the blocks that this host sends.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { KoffiTransmitter } from '../datapath/nfqueue/inject-koffi.ts';
import type { Caught } from '../datapath/probe/packet-socket.ts';
import type { TcpSocket } from '../datapath/probe/tcp-socket.ts';
import { ACK, SYN } from '../engine/wire/segment.ts';
import { formatSeq, type Seq, seqAdd, seqDiff, seqLeq } from '../engine/wire/seq.ts';
import { SeenPacket } from './seen-packet.ts';
import type { Watch } from './watch.ts';

/** intact: blocks name what was sent. shifted: they name other numbers. */
export type SackVerdict = 'intact' | 'shifted' | 'undecided';

export interface SackResult {
  readonly verdict: SackVerdict;
  /** Two answers that agree are a proof. */
  readonly certainty: 'proven' | 'likely' | null;
  /** Of the block less what was sent, unsigned. */
  readonly offset: number | null;
  readonly because: string;
}

const COPY_COUNT = 2;
const ANSWER_MS = 1000;
const LOOK_MS = 2;

/** The connection is open, and the server's first line has come. */
export async function calibrateSack(
  socket: TcpSocket,
  line: string,
  family: 4 | 6,
  mark: number,
  watch: Watch,
): Promise<SackResult> {
  const heard = new Conversation(socket.port);
  const silence = watch.listen((packet) => heard.note(packet));
  const sender = new KoffiTransmitter(() => {});
  const waitFor = async (done: () => boolean): Promise<boolean> => {
    const endMs = performance.now() + ANSWER_MS;
    while (performance.now() < endMs) {
      watch.look();
      if (done()) return true;
      await pause(LOOK_MS);
      socket.hear(); // unread octets would make our end a reset
    }
    return false;
  };
  try {
    if (watch.sackOffered(socket.port) === false) {
      return undecided('the SYN-ACK that arrived offers no SACK');
    }
    if (!socket.say(line)) return undecided('the connection took no line');
    if (!(await waitFor(() => heard.isAcknowledged))) {
      return undecided('the line was not acknowledged');
    }
    const offsets: Seq[] = [];
    for (let copies = 0; copies < COPY_COUNT && heard.said !== undefined; copies++) {
      heard.block = undefined;
      if (!sender.send(family, mark, heard.said.bytes)) {
        return undecided('the copy could not be sent');
      }
      if (!(await waitFor(() => heard.block !== undefined))) continue;
      offsets.push(heard.block ?? 0);
    }
    return judgeOffsets(offsets);
  } finally {
    silence();
    sender.close();
  }
}

/** From how far each D-SACK block was off. */
export function judgeOffsets(offsets: readonly Seq[]): SackResult {
  const [first, second] = offsets;
  if (first === undefined) return undecided('the server answered the copy without a SACK block');
  if (second !== undefined && second !== first) {
    return undecided('two answers contradict each other');
  }
  const certainty = second === undefined ? 'likely' : 'proven';
  if (first === 0) {
    const because = 'the server’s blocks arrive in the numbers that were sent';
    return { verdict: 'intact', certainty, offset: 0, because };
  }
  const offset = formatSeq(first);
  const because = `the server’s blocks arrive off by ${offset}: the connection is renumbered, they are not`;
  return { verdict: 'shifted', certainty, offset, because };
}

function undecided(because: string): SackResult {
  return { verdict: 'undecided', certainty: null, offset: null, because };
}

interface Said {
  readonly bytes: Uint8Array;
  readonly segSeq: Seq;
  readonly end: Seq;
}

/** What was said on one connection, how far it is acknowledged, and the last D-SACK block. */
class Conversation {
  said: Said | undefined;
  isAcknowledged = false;
  /** Its left edge less what was sent. */
  block: Seq | undefined;
  private readonly port: number;
  private readonly packet = new SeenPacket();

  constructor(port: number) {
    this.port = port;
  }

  note(caught: Caught): void {
    if (!this.packet.read(caught)) return;
    const { seg } = this.packet;
    if (seg.srcPort === this.port) {
      if (seg.payloadBytes === 0 || this.said !== undefined) return;
      const end = seqAdd(seg.segSeq, seg.payloadBytes);
      this.said = { bytes: caught.bytes.slice(), segSeq: seg.segSeq, end };
      return;
    }
    const { said } = this;
    if (seg.dstPort !== this.port || said === undefined) return;
    if ((seg.flags & (ACK | SYN)) !== ACK) return;
    if (seqLeq(said.end, seg.segAck)) this.isAcknowledged = true;
    const [left, right] = this.packet.sackEdges();
    if (left === undefined || right === undefined) return;
    // Its length tells it from a block about anything else.
    if (seqDiff(right, left) !== seqDiff(said.end, said.segSeq)) return;
    this.block = seqDiff(left, said.segSeq) | 0;
  }
}
