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
import { get16, get32 } from '../engine/wire/bytes.ts';
import { type ArenaWords, tcpChecksumOk } from '../engine/wire/checksum.ts';
import { Segment } from '../engine/wire/segment.ts';
import type { Seen } from './flow.ts';
import type { Connection } from './flow-book.ts';
import { isPlainHeader, readPlainFrame } from './plain-frame.ts';
import { addressesOf } from './segment-addresses.ts';
import { SteadySide } from './steady-side.ts';

const SIDE_COUNT = 16_384;
/** The upper bits of a hash are its best. */
const SLOT_SHIFT = 18;
const CHECKSUM = 16;

export class PredictedPackets {
  private readonly window: Uint8Array;
  private readonly words: ArenaWords;
  private readonly sides: (SteadySide | undefined)[] = new Array(SIDE_COUNT);
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
  }

  /** The same before anything of the frame is known but where it lies. */
  takeUnread(frame: FrameView): boolean {
    const { seg } = this;
    return readPlainFrame(frame, seg) && this.takePlain(frame, seg, seg.ipBytes > frame.len);
  }

  /** Whether it was all that was expected, and is dealt with. */
  take(frame: Frame, seg: Segment, isCut: boolean): boolean {
    const isPlain = isPlainHeader(this.window, seg.tcpOff, seg.tcpHeaderBytes);
    return isPlain && this.takePlain(frame, seg, isCut);
  }

  private takePlain(frame: Frame, seg: Segment, isCut: boolean): boolean {
    const { window } = this;
    if (frame.isExcerpt || frame.isReplacement || frame.isTimeCoarse) return false;
    const side = frame.comment === '' ? this.find(frame, seg) : undefined;
    if (side === undefined || !side.flow.expects(side.dir, frame.timeUs, seg)) return false;
    const isGood = isCut || tcpChecksumOk(window, this.words, seg);
    const checksum = isCut ? 'unknown' : isGood ? 'good' : 'bad';
    this.count += 1;
    side.flow.addExpected(side, frame, seg, checksum, get16(window, seg.tcpOff + CHECKSUM));
    return true;
  }

  /** The packet went the long way: the next one like it need not. */
  learn(frame: Frame, seg: Segment, packet: Seen, { flow }: Connection): void {
    if (
      flow === undefined ||
      !flow.isLong ||
      !isPlainHeader(this.window, seg.tcpOff, seg.tcpHeaderBytes)
    )
      return;
    if (this.find(frame, seg)?.flow === flow) return;
    this.sides[this.slot] = new SteadySide(flow, packet.dir, packet, frame, seg);
  }

  /** Its side, if that is known; `slot` is where it stands, or would. */
  private find(frame: Frame, seg: Segment): SteadySide | undefined {
    const { window } = this;
    const at = addressesOf(seg);
    const from = get32(window, at);
    const to = get32(window, at + (seg.family === 4 ? 4 : 28));
    const ports = get32(window, seg.tcpOff);
    const hash = Math.imul(from ^ this.seed ^ Math.imul(to ^ ports, 0x85ebca6b), 0x9e3779b1);
    this.slot = hash >>> SLOT_SHIFT;
    const side = this.sides[this.slot];
    return side?.matches(frame, seg, ports, from, to) === true ? side : undefined;
  }
}
