/** From what packet threads tell to a file that anybody can read: order, reasons, bounds. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type EvidenceChoice,
  EvidenceRecorder,
} from '../../../src/datapath/evidence/evidence-recorder.ts';
import { engineMs } from '../../../src/datapath/nfqueue/monotonic.ts';
import { readCapture } from '../../../src/datapath/pcap/read-capture.ts';
import { segmentText } from '../../../src/datapath/replay/segment-text.ts';
import { OUTBOX_SLOT_BYTES, OUTBOX_SLOT_COUNT } from '../../../src/engine/limits.ts';
import {
  CHECKSUM_FILL_AUTO,
  POLICY_CHECKSUM_FILL,
  POLICY_EVIDENCE,
} from '../../../src/engine/memory.ts';
import { OUT_BYTES, OUT_KIND, OUT_KIND_INJECT, OUT_PACKET } from '../../../src/engine/outbox.ts';
import { Ring } from '../../../src/engine/ring.ts';
import { INFO_CSUM_NOT_VERIFIED, TO_NEAR } from '../../../src/engine/verdict.ts';
import { tcpPseudoSum } from '../../../src/engine/wire/checksum.ts';
import { parseSegment } from '../../../src/engine/wire/parse.ts';
import { Segment } from '../../../src/engine/wire/segment.ts';
import { EventLog } from '../../../src/telemetry/event-log.ts';
import { openLog } from '../../../src/telemetry/log.ts';
import { A, ACK, C, EvidenceRun, RST, SYN } from '../../helpers/evidence-run.ts';
import { commentsOf } from '../../helpers/pcapng-comments.ts';
import { seg } from '../../helpers/segment-builder.ts';
import { Lines } from '../../telemetry/event-ring.ts';

/** Beyond this one connection gets no more. */
const FLOW_PACKETS = 512;

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'seqshim-evidence-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** An engine, its event log and its recorder, as the live shim puts them together. */
class Recording {
  readonly world = new EvidenceRun(0, engineMs());
  readonly log = new Lines();
  choice: EvidenceChoice = { evidence: 'on', evidencePayload: 0 };
  readonly recorder: EvidenceRecorder;
  private readonly events: EventLog;
  private readonly outbox: Ring;

  constructor() {
    const { memory } = this.world.run;
    const log = openLog({ level: 'info', format: 'json' }, this.log);
    this.recorder = new EvidenceRecorder(join(dir, 'evidence'), [memory], () => this.choice, log);
    this.events = new EventLog([memory.events], log, this.recorder);
    this.outbox = new Ring(memory.outbox, OUTBOX_SLOT_COUNT, OUTBOX_SLOT_BYTES);
  }

  /** One turn of the main thread. */
  turn(): void {
    this.inject();
    this.events.drain();
    this.recorder.drain();
  }

  inject(): void {
    const { words, bytes } = this.outbox;
    for (let at = this.outbox.peek(); at >= 0; at = this.outbox.peek()) {
      if (words[at + OUT_KIND] === OUT_KIND_INJECT) {
        const from = (at + OUT_PACKET) * 4;
        const packet = bytes.subarray(from, from + (words[at + OUT_BYTES] ?? 0));
        this.recorder.noteInjected(0, words, at, packet);
      }
      this.outbox.release();
    }
  }

  /** Lets the engine's time pass. */
  pass(ms: number): void {
    for (let i = 0; i < ms; i += 2) {
      this.world.nowMs += 2;
      this.world.run.engine.tick(this.world.nowMs);
    }
  }

  async close(): Promise<Packet[]> {
    this.turn();
    this.events.close();
    await this.recorder.close();
    return packetsIn(join(dir, 'evidence'));
  }
}

interface Packet {
  readonly isDelivered: boolean;
  readonly text: string;
  readonly comments: readonly string[];
  readonly timeMs: number;
}

function packetsIn(from: string): Packet[] {
  return readdirSync(from)
    .sort()
    .flatMap((name) => {
      const bytes = readFileSync(join(from, name));
      const { frames, cutShort } = readCapture(bytes);
      expect(cutShort).toBe(false);
      const comments = commentsOf(bytes);
      return frames.map((frame, i) => ({
        isDelivered: frame.isReplacement,
        text: segmentText(frame.bytes.subarray(frame.off, frame.off + frame.len)),
        comments: comments[i] ?? [],
        timeMs: frame.timeUs / 1000,
      }));
    });
}

describe('EvidenceRecorder', () => {
  it('writes nothing as long as nothing is found, and no directory', async () => {
    const recording = new Recording();
    recording.world.connect();
    recording.turn();
    await recording.recorder.close();
    expect(readdirSync(dir)).toEqual([]);
    expect(recording.recorder.facts).toMatchObject({ recording: true, files: 0, packets: 0 });
  });

  it('writes what came before a finding, the finding at its packet, and what became of it', async () => {
    const recording = new Recording();
    const startMs = Date.now();
    recording.world.connect();
    recording.turn(); // the handshake is an old story when the reset comes
    recording.world.fail();
    const packets = await recording.close();
    expect(packets.map(({ text }) => text.replace(/ win.*/, ''))).toEqual([
      `[S] seq ${C}`,
      `[S.] seq ${A} ack ${C + 1}`,
      `[.] seq ${C + 1} ack ${A + 1}`,
      `[S.] seq 4195986320 ack ${C + 1}`,
      `[R] seq ${A + 1}`,
      `[.] seq ${A + 1} ack ${C + 1}`,
    ]);
    expect(packets.slice(0, 3).flatMap(({ comments }) => comments)).toEqual([]);
    expect(packets[3]?.comments).toEqual([
      expect.stringMatching(
        /^seqshim: synack-conflict: Two TCP .* \(isn 405921081, otherIsn 41959/,
      ),
      expect.stringMatching(/^seqshim: synack-dropped because of synack-conflict: .*\(isn 40592/),
      'seqshim: not delivered',
    ]);
    expect(packets[4]?.comments.join(' ')).toMatch(/rst-after-conflict: .* rst-held: /);
    expect(packets[5]?.comments.join(' ')).toMatch(/rst-dropped because of rst-refuted/);
    expect(packets.every(({ isDelivered }) => !isDelivered)).toBe(true);
    for (const { timeMs } of packets) {
      expect(Math.abs(timeMs - startMs)).toBeLessThan(60_000);
    }
    expect((packets[3]?.timeMs ?? 0) - (packets[2]?.timeMs ?? 0)).toBe(18);
  });

  it('writes a question and a reset that was released where they were sent, with the reason', async () => {
    const recording = new Recording();
    recording.world.connect();
    recording.world.in({ flags: RST, seq: A + 1 });
    recording.pass(10);
    recording.turn();
    recording.pass(1500); // nobody answers
    recording.turn();
    const packets = await recording.close();
    const sent = packets.filter(({ isDelivered }) => isDelivered);
    const [question] = sent;
    expect(question?.comments[0]).toMatch(/^seqshim: probe-sent because of /);
    expect(question?.comments.at(-1)).toMatch(/^seqshim: sent to the far end: \[\.\] seq/);
    const released = sent.at(-1);
    expect(released?.text).toMatch(/^\[R\]/);
    expect(released?.comments[0]).toMatch(/^seqshim: rst-released/);
    expect(released?.comments.at(-1)).toMatch(/^seqshim: sent to the near end/);
    // Nothing waits for a packet that never comes.
    expect(packets.flatMap(({ comments }) => comments).join(' ')).not.toContain('undefined');
  });

  it('waits a turn for a packet of ours that is on its way to the recorder', async () => {
    const recording = new Recording();
    recording.world.connect();
    recording.world.in({ flags: RST, seq: A + 1 });
    recording.pass(10);
    recording.world.in({ flags: ACK, seq: A + 1, ack: C + 1, payload: 'x' });
    const { recorder } = recording;
    const drain = recorder.drain.bind(recorder);
    // The main thread was busy: events first, the outbox behind them.
    recorder.drain = () => {
      drain();
      recording.inject();
    };
    recording.turn();
    recorder.drain = drain;
    const packets = await recording.close();
    const question = packets.findIndex(({ comments }) =>
      comments.join().includes('sent to the far'),
    );
    expect(packets[question]?.comments.join()).toContain('probe-sent');
    const answer = packets.findIndex(({ comments }) => comments.join().includes('rst-refuted'));
    expect(question).toBeGreaterThan(0);
    expect(answer).toBeGreaterThan(question);
  });

  it('writes a packet that was rewritten twice, side by side, with what is other', async () => {
    const recording = new Recording();
    const { run, nowMs } = recording.world;
    new Int32Array(run.memory.policy)[POLICY_CHECKSUM_FILL] = CHECKSUM_FILL_AUTO;
    recording.world.out({ flags: SYN, seq: C });
    const ends = { srcPort: 22, dstPort: 40_270, src: '10.0.0.2', dst: '10.0.0.1' };
    const synAck = seg({ ...ends, flags: SYN | ACK, seq: A, ack: C + 1 });
    const view = new Segment();
    parseSegment(synAck, 0, synAck.length, view);
    const partial = tcpPseudoSum(synAck, view);
    synAck.set([partial >> 8, partial & 0xff], view.tcpOff + 16);
    run.feed(synAck, TO_NEAR, INFO_CSUM_NOT_VERIFIED, nowMs);
    const [syn, original, delivered, ...others] = await recording.close();
    expect(others).toEqual([]);
    expect([syn, original, delivered].map((packet) => packet?.isDelivered)).toEqual([
      false,
      false,
      true,
    ]);
    expect(original?.comments.join()).toMatch(/checksum-filled.*seqshim: delivered with checksum/);
    expect(delivered?.comments).toEqual([
      expect.stringMatching(/^seqshim: delivered in place of the packet before \(checksum-/),
    ]);
  });

  it('says of observe mode what would have been done', async () => {
    const recording = new Recording();
    new Int32Array(recording.world.run.memory.policy)[0] = 1;
    recording.world.connect();
    recording.world.fail();
    const packets = await recording.close();
    expect(packets[3]?.comments.join()).toMatch(/synack-dropped .*\(observed only, not done\)/);
    expect(packets.flatMap(({ comments }) => comments)).not.toContain('seqshim: not delivered');
  });

  it('bounds what one connection can write, and the file says what it lacks', async () => {
    const recording = new Recording();
    recording.world.connect();
    recording.world.fail();
    for (let i = 0; i < FLOW_PACKETS; i++) {
      recording.world.in({ flags: RST, seq: A + 500 });
      if (i % 100 === 0) recording.turn();
    }
    recording.turn();
    const packets = await recording.close();
    expect(packets).toHaveLength(FLOW_PACKETS);
    expect(recording.recorder.facts).toMatchObject({ packets: FLOW_PACKETS, lost: 6, files: 1 });
    const [name = ''] = readdirSync(join(dir, 'evidence'));
    const text = readFileSync(join(dir, 'evidence', name));
    // A block of interface statistics: type 5, 40 octets.
    expect(text.includes(Buffer.from([5, 0, 0, 0, 40, 0, 0, 0]))).toBe(true);
  });

  it('is of the owner and the group, and of nobody else', async () => {
    const recording = new Recording();
    recording.world.connect();
    recording.world.fail();
    await recording.close();
    const [name = ''] = readdirSync(join(dir, 'evidence'));
    expect(statSync(join(dir, 'evidence')).mode & 0o777).toBe(0o750);
    expect(statSync(join(dir, 'evidence', name)).mode & 0o777).toBe(0o640);
    expect(name).toMatch(/^evidence-\d{8}T\d{6}\.\d{3}Z\.pcapng$/);
  });

  it('records nothing when it is switched off while it runs', async () => {
    const recording = new Recording();
    recording.choice = { evidence: 'off', evidencePayload: 0 };
    new Int32Array(recording.world.run.memory.policy)[POLICY_EVIDENCE] = 0;
    recording.world.connect();
    recording.world.fail();
    recording.turn();
    await recording.recorder.close();
    expect(readdirSync(dir)).toEqual([]);
    expect(recording.recorder.facts.recording).toBe(false);
  });

  it('takes a row that another connection has for another connection', async () => {
    const recording = new Recording();
    recording.world.connect();
    recording.world.fail();
    recording.turn();
    recording.world.out({ flags: RST, seq: C + 1 });
    // The same ports again: another generation, of which nothing is wrong.
    recording.world.nowMs += 300_000;
    recording.world.out({ flags: SYN, seq: C + 77_777 });
    const packets = await recording.close();
    expect(packets.map(({ text }) => text).join()).not.toContain(`seq ${C + 77_777}`);
  });
});
