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
import { TokenBucket } from '../../telemetry/token-bucket.ts';
import { engineMs } from '../nfqueue/monotonic.ts';
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
import {
  type InjectedRecord,
  readInjected,
  readTape,
  type TapeRecord,
} from './evidence-records.ts';
import { type EvidenceSink, EvidenceThread, type HeardEvent } from './evidence-thread.ts';
import { FlowWindows } from './flow-windows.ts';
import type { FollowedFlow } from './followed-flow.ts';
import { WallTime } from './wall-time.ts';

/** All files together then reach back an hour at least, however much is going on. */
const BURST_BYTES = 4 << 20;
const BYTES_PER_MS = 16;

/** A packet as it goes into the file. */
interface EvidencePacket {
  readonly interfaceId: number;
  /** Engine time. */
  readonly atMs: number;
  readonly bytes: Uint8Array;
  readonly wireBytes: number;
  readonly direction: 'in' | 'out';
  readonly comments: readonly string[];
}

/** What `--evidence` and `--evidence-payload` say. */
export interface EvidenceChoice {
  readonly evidence: 'on' | 'off';
  readonly evidencePayload: number;
}

export class EvidenceRecorder implements EventHearer {
  private readonly threads: readonly EvidenceThread[];
  private readonly file: EvidenceFile;
  private readonly dir: string;
  private readonly choice: () => EvidenceChoice;
  private readonly time = new WallTime();
  private packets = 0;
  private notWritten = 0;
  /** Lost before the file that is open, and what it says of that since. */
  private lostBefore = 0;
  private lostTold = 0;
  private readonly bytes = new TokenBucket(BURST_BYTES, BYTES_PER_MS, 0);

  /** SIGHUP may change the choice. */
  constructor(
    dir: string,
    memories: readonly EngineMemory[],
    choice: () => EvidenceChoice,
    log: Logger,
  ) {
    this.dir = dir;
    this.choice = choice;
    this.threads = memories.map((memory) => new EvidenceThread(memory, this.sinkOf()));
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

  private sinkOf(): EvidenceSink {
    const windows = new FlowWindows();
    const follow = (flow: number, generation: number) => {
      return windows.followedFlow(flow, generation) ?? this.follow(windows, flow, generation);
    };
    return {
      hold: (words, at) => windows.hold(words, at),
      packet: (record, delivered, events) => {
        this.writePacket(follow(record.flow, record.generation), record, delivered, events);
      },
      injected: (record, events) => {
        const begins = events.some(({ code }) => beginsEvidence(code));
        const { flow, generation } = record;
        // Of a connection that nothing is wrong with it is part of how that is looked after.
        const known = begins ? follow(flow, generation) : windows.followedFlow(flow, generation);
        if (known !== undefined) this.writeInjected(known, record, events);
      },
      event: ({ record, place, code }) => {
        const { flow, generation } = place;
        const begins = beginsEvidence(code);
        const known = begins ? follow(flow, generation) : windows.followedFlow(flow, generation);
        known?.sayLater(eventComment(record));
      },
    };
  }

  /** What was held of it comes first. */
  private follow(windows: FlowWindows, flow: number, generation: number): FollowedFlow {
    const held: TapeRecord[] = [];
    const followed = windows.follow(flow, generation, (words, at) => {
      held.push(readTape(words, at));
    });
    for (const [i, record] of held.entries()) {
      const next = held[i + 1];
      const isPair = record.isOriginal && next !== undefined && !next.isOriginal;
      if (!record.isOriginal && held[i - 1]?.isOriginal === true) continue; // told with that one
      this.writePacket(followed, record, isPair ? next.bytes : undefined, []);
    }
    return followed;
  }

  private writePacket(
    flow: FollowedFlow,
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
    const interfaceId = record.isOriginal ? ARRIVED : DELIVERED;
    this.write(flow, { ...about, interfaceId, bytes, comments: [...told, ...became] });
    if (delivered === undefined) return;
    const codes = [...events.map(({ code }) => code), ...actionsIn(done), ...actionsIn(would)];
    const comments = [replacementComment(codes, bytes, delivered)];
    this.write(flow, { ...about, interfaceId: DELIVERED, bytes: delivered, comments });
  }

  private writeInjected(
    flow: FollowedFlow,
    { path, atMs, bytes, wireBytes }: InjectedRecord,
    events: readonly HeardEvent[],
  ): void {
    const told = events.map(({ record }) => eventComment(record));
    this.write(flow, {
      interfaceId: DELIVERED,
      atMs,
      bytes,
      wireBytes,
      direction: path === INJECT_NEAR ? 'in' : 'out',
      comments: [...told, injectedComment(path, bytes)],
    });
  }

  private write(flow: FollowedFlow, packet: EvidencePacket): void {
    const { interfaceId, bytes, wireBytes, direction } = packet;
    const comments = [...flow.takeUntold(), ...packet.comments];
    const nowMs = performance.now();
    if (!flow.mayWrite(nowMs)) {
      this.notWritten++;
      return;
    }
    const timeUs = this.time.dateOf(packet.atMs) * 1000;
    const block = packetBlock(
      { interfaceId, timeUs, bytes, off: 0, len: bytes.length, wireBytes, comments, direction },
      TIME_DIGITS,
    );
    if (this.bytes.take(block.length, nowMs) && this.file.add(block)) {
      this.packets++;
    } else {
      this.notWritten++;
    }
  }

  private beginFile(): void {
    this.lostBefore = this.lostTold;
  }

  /** In the file, where there is one. */
  private tellLost(): void {
    const { lost } = this;
    if (lost === this.lostTold || this.file.path === undefined) return;
    this.lostTold = lost;
    const timeUs = this.time.dateOf(engineMs()) * 1000;
    this.file.add(lostBlock(ARRIVED, timeUs, TIME_DIGITS, lost - this.lostBefore));
  }
}
