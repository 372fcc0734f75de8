/**
 * What each end would have received, as a pcapng file: frames as they were captured, rewritten
 * packets in the frames that brought them, injected ones in a frame like the last one of their
 * direction, each with the codes and reasons as comments. What was dropped is not in it.
 *
 * Owns the file while it is written. Times are those of the capture.
 */
import { closeSync, openSync, writeSync } from 'node:fs';
import { TO_FAR, VERDICT_DROP } from '../../engine/verdict.ts';
import { eventComment } from '../../telemetry/event-comment.ts';
import { VERSION } from '../../version.ts';
import type { Frame } from '../pcap/capture.ts';
import { LINKTYPE_RAW } from '../pcap/link-layer.ts';
import {
  interfaceBlock,
  packetBlock,
  sectionBlock,
  type TimeDigits,
} from '../pcap/write-pcapng.ts';
import { type Entry, injectedText, verdictText } from './entries.ts';
import type { Injected, Step } from './replayer.ts';

const SNAP_BYTES = 262_144;
const BUFFER_BYTES = 1 << 20;
const FILE_MODE = 0o640;
const ABOUT =
  'Made by seqshim replay from a capture: what each end would have received with a shim at the near ' +
  'end. The ends acted on what they really received: behind the first action they would have gone ' +
  'on differently.';

export class ReplayFile {
  packets = 0;
  private readonly fd: number;
  private readonly digits: TimeDigits;
  private readonly interfaces = new Map<number, number>();
  private waiting: Uint8Array[] = [];
  private waitingBytes = 0;

  constructor(path: string, digits: TimeDigits) {
    this.fd = openSync(path, 'w', FILE_MODE);
    this.digits = digits;
    this.append(sectionBlock(`seqshim ${VERSION}`, ABOUT));
  }

  write(step: Step, entries: readonly Entry[]): void {
    const { frame } = step;
    if (frame !== undefined && step.verdict !== VERDICT_DROP) this.writeFrame(frame, step, entries);
    for (const sent of step.injected) this.writeInjected(sent, step.timeUs, entries);
  }

  close(): void {
    this.flush();
    closeSync(this.fd);
  }

  private writeFrame(frame: Frame, step: Step, entries: readonly Entry[]): void {
    const { rewritten } = step;
    const comments = entries.map(eventComment);
    let { bytes, linkOff: off } = frame;
    if (rewritten !== undefined) {
      bytes = frame.bytes.slice(frame.linkOff, frame.linkOff + frame.linkBytes);
      bytes.set(rewritten, frame.off - frame.linkOff);
      off = 0;
      comments.push(`seqshim: ${verdictText(step)}`);
    }
    const { linkType, linkBytes, wireBytes, timeUs } = frame;
    this.packet(linkType, timeUs, bytes, off, linkBytes, wireBytes, comments);
  }

  private writeInjected(sent: Injected, timeUs: number, entries: readonly Entry[]): void {
    const { connection, dir } = sent;
    const [toFar, toNear] = connection?.last ?? [];
    const like = (dir === TO_FAR ? toFar : toNear) ?? toFar ?? toNear;
    const linkType = like?.linkType ?? LINKTYPE_RAW;
    const header =
      like === undefined ? new Uint8Array(0) : like.bytes.subarray(like.linkOff, like.off);
    const bytes = new Uint8Array(header.length + sent.bytes.length);
    bytes.set(header);
    bytes.set(sent.bytes, header.length);
    const comments = [`seqshim: ${injectedText(sent)}`, ...entries.map(eventComment)];
    this.packet(linkType, timeUs, bytes, 0, bytes.length, bytes.length, comments);
  }

  private packet(
    linkType: number,
    timeUs: number,
    bytes: Uint8Array,
    off: number,
    len: number,
    wireBytes: number,
    comments: readonly string[],
  ): void {
    const interfaceId = this.interfaceOf(linkType);
    const packet = { interfaceId, timeUs, bytes, off, len, wireBytes, comments };
    this.append(packetBlock(packet, this.digits));
    this.packets++;
  }

  private interfaceOf(linkType: number): number {
    const known = this.interfaces.get(linkType);
    if (known !== undefined) return known;
    const id = this.interfaces.size;
    this.interfaces.set(linkType, id);
    this.append(interfaceBlock(linkType, SNAP_BYTES, this.digits));
    return id;
  }

  private append(block: Uint8Array): void {
    this.waiting.push(block);
    this.waitingBytes += block.length;
    if (this.waitingBytes >= BUFFER_BYTES) this.flush();
  }

  private flush(): void {
    const bytes = Buffer.concat(this.waiting);
    this.waiting = [];
    this.waitingBytes = 0;
    for (let at = 0; at < bytes.length; ) at += writeSync(this.fd, bytes, at);
  }
}
