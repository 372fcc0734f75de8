/**
 * The evidence recorder of `run`: once something was found or done about a connection, its packets
 * go into pcapng files, as they arrived and as they were delivered, each with the reason.
 *
 * Owns the windows of what came before, and the files. Reads what the packet threads tell
 * (`evidence-thread.ts`); the events are heard from EventLog, in the same turn.
 */
import type { Logger } from 'pino';
import { beginsEvidence } from '../../engine/evidence-tape.ts';
import type { EngineMemory } from '../../engine/memory.ts';
import { INJECT_NEAR } from '../../engine/verdict.ts';
import { eventComment } from '../../telemetry/event-comment.ts';
import type { EventHearer, EventPlace, EventRecord } from '../../telemetry/event-log.ts';
import type { EvidenceFacts } from '../../telemetry/status.ts';
import { lostBlock, packetBlock } from '../pcap/write-pcapng.ts';
import {
  actionsIn,
  injectedComment,
  replacementComment,
  toldComments,
  verdictComments,
} from './evidence-comments.ts';
import { EvidenceFile } from './evidence-file.ts';
import { ARRIVED, DELIVERED, evidenceHead, TIME_DIGITS } from './evidence-format.ts';
import { type InjectedRecord, readInjected, type TapeRecord } from './evidence-records.ts';
import { type EvidenceSink, EvidenceThread, type HeardEvent } from './evidence-thread.ts';
import { type EvidencePacket, type FlowWindow, FlowWindows } from './flow-windows.ts';
import { WallTime } from './wall-time.ts';

/** All files together then reach back an hour at least, however much is going on. */
const BURST_BYTES = 4 << 20;
const BYTES_PER_MS = 16;

/** What `--evidence` and `--evidence-payload` say. */
export interface EvidenceChoice {
  readonly evidence: 'on' | 'off';
  readonly evidencePayload: number;
}

export class EvidenceRecorder implements EventHearer {
  private readonly threads: readonly EvidenceThread[];
  private readonly windows = new FlowWindows();
  private readonly file: EvidenceFile;
  private readonly dir: string;
  private readonly choice: () => EvidenceChoice;
  private readonly time = new WallTime();
  private packets = 0;
  private notWritten = 0;
  /** Lost before the file that is open, and what it says of that since. */
  private lostBefore = 0;
  private lostTold = 0;
  private tokens = BURST_BYTES;
  private filledMs = 0;

  /** SIGHUP may change the choice. */
  constructor(
    dir: string,
    memories: readonly EngineMemory[],
    choice: () => EvidenceChoice,
    log: Logger,
  ) {
    this.dir = dir;
    this.choice = choice;
    this.threads = memories.map((memory, queue) => {
      return new EvidenceThread(memory, this.sinkOf(queue));
    });
    this.file = new EvidenceFile({
      dir,
      log,
      begin: () => evidenceHead(this.choice().evidencePayload),
      onFile: () => this.beginFile(),
    });
  }

  note(record: EventRecord, place: EventPlace): void {
    if (this.isOn) this.threads[place.queue]?.hear(record, place);
  }

  noteLost(): void {}

  /** The packet at word `at` of the outbox was sent. */
  noteInjected(queue: number, words: Int32Array, at: number, packet: Uint8Array): void {
    if (!this.isOn) return;
    const record = readInjected(words, at, packet, this.choice().evidencePayload);
    if (record === undefined) return;
    if (this.threads[queue]?.noteInjected(record) === false) this.notWritten++;
  }

  /** Right behind EventLog. */
  drain(): void {
    this.time.adjust();
    for (const thread of this.threads) thread.drain();
    this.tellLost();
    void this.file.flush();
  }

  async close(): Promise<void> {
    for (const thread of this.threads) thread.close();
    await this.file.flush();
    this.tellLost();
    await this.file.close();
  }

  get facts(): EvidenceFacts {
    return {
      recording: this.isOn && !this.file.isPaused,
      dir: this.dir,
      files: this.file.fileCount,
      packets: this.packets,
      lost: this.lost,
    };
  }

  private get isOn(): boolean {
    return this.choice().evidence === 'on';
  }

  private get lost(): number {
    return this.threads.reduce((sum, { lostCount }) => sum + lostCount, this.notWritten);
  }

  private sinkOf(queue: number): EvidenceSink {
    const windowOf = (flow: number, generation: number) => {
      return this.windows.of(queue, flow, generation);
    };
    return {
      packet: (record, delivered, events) => {
        this.takePacket(windowOf(record.flow, record.generation), record, delivered, events);
      },
      injected: (record, events) => {
        this.takeInjected(windowOf(record.flow, record.generation), record, events);
      },
      event: ({ record, place, code }) => {
        const window = windowOf(place.flow, place.generation);
        if (beginsEvidence(code)) this.mark(window);
        if (window.isMarked) window.sayLater(eventComment(record));
      },
    };
  }

  private takePacket(
    window: FlowWindow,
    record: TapeRecord,
    delivered: Uint8Array | undefined,
    events: readonly HeardEvent[],
  ): void {
    const { bytes, wireBytes, atMs, toFar, verdict, done, would } = record;
    const about = { atMs, wireBytes, direction: toFar ? 'out' : 'in' } as const;
    const told = toldComments(
      events.map((event) => event.record),
      done,
      would,
    );
    const became = record.isOriginal ? verdictComments(verdict, bytes, delivered) : [];
    const codes = [...events.map(({ code }) => code), ...actionsIn(done), ...actionsIn(would)];
    if (codes.some(beginsEvidence)) this.mark(window);
    const interfaceId = record.isOriginal ? ARRIVED : DELIVERED;
    this.take(window, { ...about, interfaceId, bytes, comments: [...told, ...became] });
    if (delivered === undefined) return;
    const comments = [replacementComment(codes, bytes, delivered)];
    this.take(window, { ...about, interfaceId: DELIVERED, bytes: delivered, comments });
  }

  private takeInjected(
    window: FlowWindow,
    record: InjectedRecord,
    events: readonly HeardEvent[],
  ): void {
    if (events.some(({ code }) => beginsEvidence(code))) this.mark(window);
    // Of a connection that nothing is wrong with: part of how it is looked after.
    if (!window.isMarked) return;
    const { path, atMs, bytes, wireBytes } = record;
    const told = toldComments(
      events.map((event) => event.record),
      0,
      0,
    );
    this.write(window, {
      interfaceId: DELIVERED,
      atMs,
      bytes,
      wireBytes,
      direction: path === INJECT_NEAR ? 'in' : 'out',
      comments: [...told, injectedComment(path, bytes)],
    });
  }

  private mark(window: FlowWindow): void {
    if (window.isMarked) return;
    for (const packet of window.mark()) this.write(window, packet);
  }

  private take(window: FlowWindow, packet: EvidencePacket): void {
    if (window.isMarked) this.write(window, packet);
    else window.hold(packet);
  }

  private write(window: FlowWindow, packet: EvidencePacket): void {
    const { interfaceId, bytes, wireBytes, direction } = packet;
    const comments = [...window.takeUntold(), ...packet.comments];
    const timeUs = this.time.dateOf(packet.atMs) * 1000;
    const block = packetBlock(
      { interfaceId, timeUs, bytes, off: 0, len: bytes.length, wireBytes, comments, direction },
      TIME_DIGITS,
    );
    const nowMs = performance.now();
    if (window.mayWrite(nowMs) && this.mayWrite(block.length, nowMs) && this.file.add(block)) {
      this.packets++;
    } else {
      this.notWritten++;
    }
  }

  private mayWrite(bytes: number, nowMs: number): boolean {
    const more = (nowMs - this.filledMs) * BYTES_PER_MS;
    this.tokens = Math.min(BURST_BYTES, this.tokens + more);
    this.filledMs = nowMs;
    if (this.tokens < bytes) return false;
    this.tokens -= bytes;
    return true;
  }

  private beginFile(): void {
    this.lostBefore = this.lostTold;
  }

  /** In the file, where there is one. */
  private tellLost(): void {
    const { lost } = this;
    if (lost === this.lostTold || this.file.path === undefined) return;
    this.lostTold = lost;
    const timeUs = Date.now() * 1000;
    this.file.add(lostBlock(ARRIVED, timeUs, TIME_DIGITS, lost - this.lostBefore));
  }
}
