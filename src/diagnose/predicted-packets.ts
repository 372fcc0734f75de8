/**
 * Header prediction (Jacobson, "4BSD TCP header prediction", 1990) for captures: nearly every
 * segment is the next of what its side has been sending, and then only counts move. It is known by
 * its octets, before anything of it becomes text or a record. Whatever differs goes the long way;
 * the report is the same (test/diagnose/predicted-packets.prop.test.ts).
 *
 * Owns the sides that were met last, a fixed number.
 */
import { randomInt } from 'node:crypto';
import type { Frame, FrameView } from '../datapath/pcap/capture.ts';
import { type ArenaWords, tcpChecksumOk } from '../engine/wire/checksum.ts';
import { Segment } from '../engine/wire/segment.ts';
import type { Seen } from './flow.ts';
import type { Connection } from './flow-book.ts';
import type { PacketRecord } from './packet-record.ts';
import { isPlainHeader, readPlainFrame } from './plain-frame.ts';
import { CHECKSUM_BAD, CHECKSUM_GOOD, CHECKSUM_UNKNOWN } from './recent-packets.ts';
import { addressesOf } from './segment-addresses.ts';
import { SteadyRuns } from './steady-runs.ts';
import { SteadySide } from './steady-side.ts';

const SIDE_COUNT = 16_384;
/** The upper bits of a hash are its best. */
const SLOT_SHIFT = 18;
const CHECKSUM = 16;

export class PredictedPackets {
  private readonly window: Uint8Array;
  private readonly words: ArenaWords;
  /** Four octets in one load: a third of the time. */
  private readonly data: DataView;
  private readonly sides: (SteadySide | undefined)[] = new Array(SIDE_COUNT);
  private readonly runs = new SteadyRuns();
  /** Not to be guessed, as in ConnectionIndex. */
  private readonly seed = randomInt(2 ** 31);
  private readonly seg = new Segment();
  private slot = 0;
  /** So many were. */
  count = 0;

  /** `window` is what frames lie in, `words` the same memory. */
  constructor(window: Uint8Array, words: ArenaWords) {
    this.window = window;
    this.words = words;
    this.data = new DataView(window.buffer, window.byteOffset, window.byteLength);
  }

  /** The same before anything of the frame is known but where it lies. */
  takeUnread(frame: FrameView): boolean {
    const { seg } = this;
    return (
      readPlainFrame(frame, this.data, seg) && this.takePlain(frame, seg, seg.ipBytes > frame.len)
    );
  }

  /** Whether it was all that was expected, and is dealt with. */
  take(frame: Frame, seg: Segment, isCut: boolean): boolean {
    const isPlain = isPlainHeader(this.data, seg.tcpOff, seg.flags, seg.tcpHeaderBytes);
    return isPlain && this.takePlain(frame, seg, isCut);
  }

  private takePlain(frame: Frame, seg: Segment, isCut: boolean): boolean {
    const { window, runs } = this;
    if (frame.isExcerpt || frame.isReplacement || frame.isTimeCoarse) return false;
    const side = frame.comment === '' ? this.find(frame, seg) : undefined;
    if (side === undefined || !runs.expects(side.run, side.dir, frame, seg)) return false;
    let checksum = CHECKSUM_UNKNOWN;
    if (!isCut) checksum = tcpChecksumOk(window, this.words, seg) ? CHECKSUM_GOOD : CHECKSUM_BAD;
    this.count += 1;
    runs.add(side.run, side.dir, frame, seg, checksum | this.data.getUint16(seg.tcpOff + CHECKSUM));
    return true;
  }

  /** The packet goes the long way, for which the flow needs its numbers. */
  settle({ flow }: Connection, packet: PacketRecord): void {
    if (flow === undefined) return;
    if (flow.forgetsRecent(packet)) this.runs.leave(flow);
    else this.runs.settle(flow);
  }

  /** All flows have theirs, and none is held by this any more. `goesOn`: more packets will come. */
  settleAll(goesOn: boolean): void {
    this.runs.closeAll(goesOn);
    this.sides.fill(undefined);
  }

  /** The packet went the long way: the next one like it need not. */
  learn(frame: Frame, seg: Segment, packet: Seen, { flow }: Connection): void {
    if (
      flow === undefined ||
      !flow.isLong ||
      !isPlainHeader(this.data, seg.tcpOff, seg.flags, seg.tcpHeaderBytes)
    )
      return;
    if (this.find(frame, seg)?.flow === flow) return;
    const side = new SteadySide(flow, packet.dir, packet, frame, seg);
    this.sides[this.slot] = side;
    side.run = this.runs.open(side);
  }

  /** Its side, if that is known; `slot` is where it stands, or would. */
  private find(frame: Frame, seg: Segment): SteadySide | undefined {
    const { data } = this;
    const at = addressesOf(seg);
    const from = data.getInt32(at);
    const to = data.getInt32(at + (seg.family === 4 ? 4 : 28));
    const ports = data.getInt32(seg.tcpOff);
    const hash = Math.imul(from ^ this.seed ^ Math.imul(to ^ ports, 0x85ebca6b), 0x9e3779b1);
    this.slot = hash >>> SLOT_SHIFT;
    const side = this.sides[this.slot];
    if (side === undefined || !side.matches(frame, data, seg, ports, from, to)) return undefined;
    return this.runs.isOpen(side) ? side : undefined;
  }
}
