/** One order from three sources, whatever comes late, and pairs of which one half is lost. */
import { describe, expect, it } from 'vitest';
import type { InjectedRecord } from '../../../src/datapath/evidence/evidence-records.ts';
import { EvidenceThread } from '../../../src/datapath/evidence/evidence-thread.ts';
import * as codes from '../../../src/engine/codes.ts';
import * as ev from '../../../src/engine/events.ts';
import * as tape from '../../../src/engine/evidence-tape.ts';
import { EVIDENCE_SLOT_BYTES, EVIDENCE_SLOT_COUNT } from '../../../src/engine/limits.ts';
import { Ring } from '../../../src/engine/ring.ts';
import { INJECT_FAR, VERDICT_ACCEPT, VERDICT_REWRITTEN } from '../../../src/engine/verdict.ts';
import { EventLog } from '../../../src/telemetry/event-log.ts';
import { openLog } from '../../../src/telemetry/log.ts';
import { EventRing, Lines } from '../../telemetry/event-ring.ts';

const FLOW = 5;
const GENERATION = 1;

class Stage {
  /** What the sink was told, in words. */
  readonly told: string[] = [];
  readonly thread: EvidenceThread;
  private readonly events = new EventRing();
  private readonly ring: Ring;
  private readonly log: EventLog;

  constructor() {
    const evidence = new ArrayBuffer(Ring.byteLength(EVIDENCE_SLOT_COUNT, EVIDENCE_SLOT_BYTES));
    this.ring = new Ring(evidence, EVIDENCE_SLOT_COUNT, EVIDENCE_SLOT_BYTES);
    const names = (list: readonly { record: { code: string } }[]) => {
      return list.map(({ record }) => record.code).join(',');
    };
    this.thread = new EvidenceThread(
      { evidence, events: this.events.buffer },
      {
        hold: () => false,
        packet: (record, delivered, events) => {
          const kind = record.isOriginal ? 'packet' : 'replacement';
          const and = delivered === undefined ? '' : '+replacement';
          this.told.push(`${kind}${and} ${record.wireBytes} ${names(events)}`.trim());
        },
        injected: (record, events) => {
          this.told.push(`injected ${record.wireBytes} ${names(events)}`.trim());
        },
        event: ({ record }) => this.told.push(`event ${record.code}`),
      },
    );
    const hearer = {
      note: this.thread.hear.bind(this.thread),
      noteLost: () => {},
    };
    this.log = new EventLog(
      [this.events.buffer],
      openLog({ level: 'error', format: 'json' }, new Lines()),
      hearer,
    );
  }

  event(code: number, atMs: number): void {
    this.events.put({ code });
    const { words } = this.events.ring;
    const slot = this.events.ring.committedCount() - 1;
    const at = 32 + slot * 24;
    words[at + ev.EV_FLOW] = FLOW;
    words[at + ev.EV_GENERATION] = GENERATION;
    words[at + ev.EV_NOW_MS] = atMs;
  }

  /** Of `name` octets, so that it can be told from others; about the last `events` events. */
  packet(name: number, atMs: number, events = 0, verdict = VERDICT_ACCEPT, original = true): void {
    const at = this.ring.reserve();
    const { words } = this.ring;
    const count = this.events.ring.committedCount();
    words[at + tape.EVD_KIND] = original ? tape.EVD_ORIGINAL : tape.EVD_DELIVERED;
    words[at + tape.EVD_VERDICT] = verdict;
    words[at + tape.EVD_NOW_MS] = atMs;
    words[at + tape.EVD_FLOW] = FLOW;
    words[at + tape.EVD_GENERATION] = GENERATION;
    words[at + tape.EVD_WIRE_BYTES] = name;
    words[at + tape.EVD_EVENTS_FROM] = count - events;
    words[at + tape.EVD_EVENTS_TO] = count;
    this.ring.commitQuietly();
  }

  injected(name: number, atMs: number, events: number): InjectedRecord {
    const about = { path: INJECT_FAR, flow: FLOW, generation: GENERATION };
    return { ...about, atMs, events, wireBytes: name, bytes: new Uint8Array(0) };
  }

  turn(): void {
    this.log.drain();
    this.thread.drain();
  }
}

describe('EvidenceThread', () => {
  it('gives a packet the events about it', () => {
    const stage = new Stage();
    stage.packet(1, 10);
    stage.event(codes.SYNACK_CONFLICT, 11);
    stage.event(codes.SYNACK_DROPPED, 11);
    stage.packet(2, 11, 2);
    stage.packet(3, 12);
    stage.turn();
    expect(stage.told).toEqual(['packet 1', 'packet 2 synack-conflict,synack-dropped', 'packet 3']);
  });

  it('does not look at a packet before the events about it were heard', () => {
    const stage = new Stage();
    stage.event(codes.RST_REFUTED, 10);
    stage.packet(1, 10, 1);
    stage.thread.drain();
    expect(stage.told).toEqual([]);
    stage.turn();
    expect(stage.told).toEqual(['packet 1 rst-refuted']);
  });

  it('tells a question between the packets before and behind it, with its event', () => {
    const stage = new Stage();
    stage.packet(1, 10);
    stage.event(codes.PROBE_SENT, 20);
    expect(stage.thread.noteInjected(stage.injected(2, 20, 0))).toBe(true);
    stage.packet(3, 30);
    stage.turn();
    expect(stage.told).toEqual(['packet 1', 'injected 2 probe-sent', 'packet 3']);
  });

  it('waits one turn for a question that is late, and no longer', () => {
    const stage = new Stage();
    stage.event(codes.PROBE_SENT, 20);
    stage.packet(3, 30);
    stage.turn();
    expect(stage.told).toEqual([]);
    stage.thread.noteInjected(stage.injected(2, 20, 0));
    stage.turn();
    expect(stage.told).toEqual(['injected 2 probe-sent', 'packet 3']);
    stage.event(codes.PROBE_SENT, 40);
    stage.packet(4, 50);
    stage.turn();
    stage.turn();
    expect(stage.told.slice(2)).toEqual(['event probe-sent', 'packet 4']);
  });

  it('tells what a timer found where it was found', () => {
    const stage = new Stage();
    stage.packet(1, 10);
    stage.event(codes.FAR_END_SILENT, 20);
    stage.packet(2, 30);
    stage.turn();
    expect(stage.told).toEqual(['packet 1', 'event far-end-silent', 'packet 2']);
  });

  it('keeps original and replacement together, across turns too', () => {
    const stage = new Stage();
    stage.packet(1, 10, 0, VERDICT_REWRITTEN);
    stage.turn();
    stage.packet(1, 10, 0, VERDICT_REWRITTEN, false);
    stage.turn();
    expect(stage.told).toEqual(['packet+replacement 1']);
  });

  it('tells one of the two where there was no room for the other', () => {
    const stage = new Stage();
    stage.packet(1, 10, 0, VERDICT_REWRITTEN);
    stage.turn();
    stage.turn();
    stage.packet(2, 20, 0, VERDICT_REWRITTEN, false);
    stage.packet(3, 30, 0, VERDICT_REWRITTEN);
    stage.packet(4, 40);
    stage.turn();
    expect(stage.told).toEqual(['packet 1', 'replacement 2', 'packet 3', 'packet 4']);
  });

  it('leaves nothing behind at the end', () => {
    const stage = new Stage();
    stage.packet(1, 10, 0, VERDICT_REWRITTEN);
    stage.event(codes.RST_RELEASED, 20);
    stage.thread.noteInjected(stage.injected(2, 30, 1));
    stage.turn();
    stage.thread.close();
    expect(stage.told.sort()).toEqual(['event rst-released', 'injected 2', 'packet 1']);
  });
});
