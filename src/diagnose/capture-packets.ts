/**
 * From captured frames to the same packets as from text, through the engine's own parser. Frames
 * are numbered as tcpdump counts them.
 *
 * Owns the one record that every packet is handed on in, and the connections by their octets:
 * nothing is allocated for a packet, and text is made once per connection. Whoever keeps a packet
 * copies it. Measured in bench/diagnose.mjs.
 */
import { type Frame, type FrameView, SIDE_IN, SIDE_OUT } from '../datapath/pcap/capture.ts';
import { CaptureReader, WINDOW_BYTES } from '../datapath/pcap/capture-reader.ts';
import { findSender } from '../datapath/pcap/link-layer.ts';
import { wirePacketBytes } from '../datapath/pcap/place-packet.ts';
import { get16, get32 } from '../engine/wire/bytes.ts';
import { arenaWords, tcpChecksumOk } from '../engine/wire/checksum.ts';
import { parseSegment, WIRE_OK } from '../engine/wire/parse.ts';
import { Segment } from '../engine/wire/segment.ts';
import { ConnectionIndex, type IndexedConnection } from './connection-index.ts';
import { FlowBook } from './flow-book.ts';
import { macText } from './mac-text.ts';
import { OptionLayouts } from './option-layouts.ts';
import { tellsChecksum } from './packet-comments.ts';
import { PacketCopy } from './packet-copy.ts';
import { type PacketRecord, UNKNOWN } from './packet-record.ts';
import { PredictedPackets } from './predicted-packets.ts';
import { sackEdges } from './sack-edges.ts';

export interface CaptureCounts {
  frames: number;
  packets: number;
  /** Frames that hold no complete TCP packet. */
  other: number;
  cutShort: boolean;
  /** Packets that the capture itself says it lost. */
  lost: number;
  /** What `seqshim run` delivered in place of packets, or made: not looked at. */
  replacements: number;
  /** `seqshim run` wrote it, which leaves packets out. */
  isExcerpt: boolean;
}

const PACKET_BYTES_MAX = 65_536;
/** A header that the capture cut is parsed as if it were whole: so far beyond the window. */
const SLACK_BYTES = 2 * PACKET_BYTES_MAX;
const MAC_COUNT_MAX = 65_536;

export class CapturePackets {
  readonly counts: CaptureCounts = {
    frames: 0,
    packets: 0,
    other: 0,
    cutShort: false,
    lost: 0,
    replacements: 0,
    isExcerpt: false,
  };
  private readonly reader: CaptureReader;
  private readonly book: FlowBook;
  private readonly onPacket: ((packet: PacketCopy) => void) | undefined;
  private readonly index = new ConnectionIndex();
  private readonly layouts = new OptionLayouts();
  private readonly window = new Uint8Array(WINDOW_BYTES + SLACK_BYTES);
  private readonly words = arenaWords(this.window);
  private readonly seg = new Segment();
  private readonly record = new PacketCopy();
  private readonly macs = new Map<number, string>();
  private readonly predicted: PredictedPackets | undefined;

  /**
   * `onPacket` borrows every packet that has gone to the book. Only where nobody is to see each
   * packet may those be counted that say nothing new (`mayPredict`).
   */
  constructor(book: FlowBook, onPacket?: (packet: PacketCopy) => void, mayPredict = true) {
    this.book = book;
    this.onPacket = onPacket;
    const isAlone = onPacket === undefined && !book.isWatched && mayPredict;
    const predicted = isAlone ? new PredictedPackets(this.window, this.words) : undefined;
    this.predicted = predicted;
    book.onSweep = () => predicted?.settleAll(true);
    const preview = (frame: FrameView) => {
      if (predicted?.takeUnread(frame) !== true) return false;
      this.counts.frames += 1;
      this.counts.packets += 1;
      return true;
    };
    this.reader = new CaptureReader((frame) => this.take(frame), this.window, preview);
  }

  /** The file is damaged from here on: what is fed now is not read. */
  get isBroken(): boolean {
    return this.reader.isBroken;
  }

  /** Packets that said nothing new. */
  get predictedCount(): number {
    return this.predicted?.count ?? 0;
  }

  feed(chunk: Uint8Array): void {
    this.reader.push(chunk);
  }

  /** Throws CaptureError for what was no capture. */
  end(): void {
    this.predicted?.settleAll(false);
    this.reader.end();
    this.counts.cutShort = this.reader.cutShort;
    this.counts.lost = this.reader.lostPackets;
  }

  private take(frame: Frame): void {
    const { counts, seg } = this;
    counts.frames += 1;
    if (frame.isReplacement) {
      counts.replacements += 1;
      return;
    }
    const packetBytes = wirePacketBytes(frame, PACKET_BYTES_MAX);
    const read =
      packetBytes > 0 && parseSegment(frame.bytes, frame.off, packetBytes, seg) === WIRE_OK;
    if (!read || seg.tcpOff + seg.tcpHeaderBytes > frame.off + frame.len) {
      counts.other += 1;
      return;
    }
    counts.packets += 1;
    if (frame.isExcerpt) counts.isExcerpt = true;
    const isCut = packetBytes > frame.len;
    if (this.predicted?.take(frame, seg, isCut) === true) return;
    if (this.book.wantsSweep && this.book.sweep(frame.timeUs)) this.index.forget();
    const found = this.index.find(frame.bytes, seg, !this.book.isFull);
    if (found === undefined) {
      this.book.notKept += 1;
      return;
    }
    this.fill(frame, found, isCut);
    this.predicted?.settle(found.connection, this.record);
    this.book.addTo(found.connection, this.record);
    this.predicted?.learn(frame, seg, this.record, found.connection);
    this.onPacket?.(this.record);
  }

  private fill(frame: Frame, names: IndexedConnection, isCut: boolean): void {
    const { record, seg, window } = this;
    const { fromLow } = this.index;
    record.frame = frame.frame;
    record.timeUs = frame.timeUs;
    record.src = fromLow ? names.low : names.high;
    record.srcPort = fromLow ? names.lowPort : names.highPort;
    record.dst = fromLow ? names.high : names.low;
    record.dstPort = fromLow ? names.highPort : names.lowPort;
    record.flags = seg.flags & 0x3f;
    record.segSeq = seg.segSeq;
    record.segAck = (seg.flags & 0x10) === 0 ? null : seg.segAck;
    record.payloadOctets = seg.payloadBytes;
    record.segWnd = seg.segWnd;
    record.ttl = seg.ttl;
    record.ipId = seg.family === 4 ? seg.ipId : UNKNOWN;
    record.tcpBytes = seg.tcpHeaderBytes + seg.payloadBytes;
    record.srcMac = this.sender(frame);
    const isUnsure = frame.isExcerpt && !tellsChecksum(frame.comment);
    if (isCut || isUnsure) record.checksum = 'unknown';
    else record.checksum = tcpChecksumOk(window, this.words, seg) ? 'good' : 'bad';
    record.checksumField = get16(window, seg.tcpOff + 16);
    record.side = frame.side === SIDE_IN ? 'in' : frame.side === SIDE_OUT ? 'out' : 'unknown';
    record.comment = frame.comment;
    record.isTimeCoarse = frame.isTimeCoarse;
    this.fillOptions();
  }

  private fillOptions(): void {
    const { seg, window } = this;
    const { options } = this.record;
    const at = seg.tcpOff;
    options.layout = this.layouts.layout(window, at + 20, at + seg.tcpHeaderBytes);
    options.mss = seg.mss;
    options.wndScale = seg.wndScale;
    options.tsVal = seg.tsOff === 0 ? null : get32(window, seg.tsOff);
    options.tsEcr = seg.tsOff === 0 ? null : get32(window, seg.tsOff + 4);
    options.sack = sackEdges(window, seg);
  }

  private sender(frame: Frame): string {
    const at = findSender(frame.bytes, frame.linkOff, frame.linkType);
    if (at < 0) return '';
    const key = get16(frame.bytes, at) * 2 ** 32 + (get32(frame.bytes, at + 2) >>> 0);
    let text = this.macs.get(key);
    if (text === undefined) {
      text = macText(frame.bytes, at);
      if (this.macs.size < MAC_COUNT_MAX) this.macs.set(key, text);
    }
    return text;
  }
}

/** Every packet of a whole capture, as a record of its own. */
export function readCapturePackets(
  bytes: Uint8Array,
  sink: (packet: PacketRecord) => void,
): CaptureCounts {
  const packets = new CapturePackets(new FlowBook(), (packet) =>
    sink(new PacketCopy().set(packet)),
  );
  packets.feed(bytes);
  packets.end();
  return packets.counts;
}
