/**
 * Reads a capture piece by piece, as it comes from a file, a pipe or gzip: every frame is handed on
 * as soon as it is whole, in the one view that is filled again for the next.
 *
 * Owns a window of the file, so its memory does not depend on the file's length.
 */
import {
  CaptureError,
  FRAME_BYTES_MAX,
  type Frame,
  FrameView,
  RECORD_BROKEN,
  RECORD_UNFINISHED,
  type RecordWalk,
} from './capture.ts';
import { placeIp } from './link-layer.ts';
import { isPcap, PCAP_HEADER_BYTES, PcapWalk } from './read-pcap.ts';
import { isPcapng, PcapngWalk } from './read-pcapng.ts';

/** Holds the largest record whole. */
export const WINDOW_BYTES = 4 * FRAME_BYTES_MAX;

export class CaptureReader {
  /** What the file holds turned out to be none of what a capture holds; the rest is not read. */
  isBroken = false;
  private readonly sink: (frame: Frame) => void;
  private readonly preview: ((frame: FrameView) => boolean) | undefined;
  /** Behind its end stand zeros: headers that a capture cut are read beyond what is there. */
  private readonly window: Uint8Array;
  private readonly view = new FrameView();
  private walk: RecordWalk | undefined;
  private from = 0;
  private to = 0;
  private stepBytes = 0;

  /** `preview` sees every frame before its IP packet is looked for; true: that was all. */
  constructor(
    sink: (frame: Frame) => void,
    window = new Uint8Array(WINDOW_BYTES + 0x20000),
    preview?: (frame: FrameView) => boolean,
  ) {
    this.sink = sink;
    this.window = window;
    this.preview = preview;
  }

  get frames(): number {
    return this.view.frame;
  }

  get lostPackets(): number {
    return this.walk?.lostPackets ?? 0;
  }

  /** The file ended within a record, or went on as none. */
  get cutShort(): boolean {
    return this.isBroken || this.from < this.to || this.stepBytes > 0;
  }

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && !this.isBroken) {
      if (this.stepBytes > 0) {
        const stepped = Math.min(this.stepBytes, chunk.length - at);
        this.stepBytes -= stepped;
        at += stepped;
        continue;
      }
      if (this.from > 0) {
        this.window.copyWithin(0, this.from, this.to);
        this.to -= this.from;
        this.from = 0;
      }
      const taken = Math.min(WINDOW_BYTES - this.to, chunk.length - at);
      this.window.set(chunk.subarray(at, at + taken), this.to);
      this.to += taken;
      at += taken;
      this.readWindow();
    }
  }

  /** Throws where not even the file's header was whole. */
  end(): void {
    if (this.walk === undefined) {
      throw new CaptureError('Cannot read capture: it ends within its first header');
    }
  }

  private readWindow(): void {
    const { window, view } = this;
    const walk = this.walk ?? this.begin();
    if (walk === undefined) return;
    while (this.from < this.to) {
      const bytes = walk.next(window, this.from, this.to, view);
      if (bytes === RECORD_UNFINISHED) return;
      if (bytes === RECORD_BROKEN) {
        this.isBroken = true;
        return;
      }
      if (walk.isFrame) {
        view.frame += 1;
        if (this.preview?.(view) !== true) {
          placeIp(view);
          this.sink(view);
        }
      }
      this.from += bytes;
    }
    this.stepBytes = this.from - this.to;
    this.from = 0;
    this.to = 0;
  }

  private begin(): RecordWalk | undefined {
    if (this.to < PCAP_HEADER_BYTES) return undefined;
    const header = this.window.slice(0, PCAP_HEADER_BYTES);
    if (isPcap(header)) {
      this.walk = new PcapWalk(header);
      this.from = PCAP_HEADER_BYTES;
    } else if (isPcapng(header)) this.walk = new PcapngWalk();
    else throw new CaptureError('Cannot read capture: it is neither pcap nor pcapng');
    return this.walk;
  }
}
