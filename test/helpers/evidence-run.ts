/**
 * An engine whose evidence is recorded: packets in, what the evidence ring holds out. The client
 * 10.0.0.1:40270 talks to 10.0.0.2:22. Times: engine ms.
 */
import * as tape from '../../src/engine/evidence-tape.ts';
import { EVIDENCE_SLOT_BYTES, EVIDENCE_SLOT_COUNT } from '../../src/engine/limits.ts';
import { POLICY_EVIDENCE } from '../../src/engine/memory.ts';
import { Ring } from '../../src/engine/ring.ts';
import { TO_FAR, TO_NEAR } from '../../src/engine/verdict.ts';
import { EngineRun } from './engine-run.ts';
import { type SegmentSpec, seg } from './segment-builder.ts';

export const SYN = 0x02;
export const RST = 0x04;
export const ACK = 0x10;
export const C = 3_882_361_678;
export const A = 405_921_081;
export const B = 4_195_986_320;

const OUT = { srcPort: 40_270, dstPort: 22 };
const BACK = { srcPort: 22, dstPort: 40_270, src: '10.0.0.2', dst: '10.0.0.1' };

export interface Taped {
  readonly kind: number;
  readonly verdict: number;
  readonly toFar: boolean;
  readonly bytes: Uint8Array;
  readonly wireBytes: number;
  readonly events: number;
}

export class EvidenceRun {
  readonly run: EngineRun;
  readonly ring: Ring;
  nowMs: number;

  /** `payload` octets of evidence behind the headers; -1: none is recorded. */
  constructor(payload = 0, nowMs = 1000) {
    this.run = new EngineRun(256, 7);
    new Int32Array(this.run.memory.policy)[POLICY_EVIDENCE] = payload + 1;
    this.ring = new Ring(this.run.memory.evidence, EVIDENCE_SLOT_COUNT, EVIDENCE_SLOT_BYTES);
    this.nowMs = nowMs;
  }

  out(spec: SegmentSpec): number {
    return this.run.feed(seg({ ...OUT, ...spec }), TO_FAR, 0, this.nowMs);
  }

  in(spec: SegmentSpec): number {
    return this.run.feed(seg({ ...BACK, ...spec }), TO_NEAR, 0, this.nowMs);
  }

  connect(): void {
    this.out({ flags: SYN, seq: C });
    this.nowMs += 1;
    this.in({ flags: SYN | ACK, seq: A, ack: C + 1 });
    this.out({ flags: ACK, seq: C + 1, ack: A + 1 });
    this.nowMs += 18;
  }

  /** The original failure: a second SYN-ACK, the reset, the banner. */
  fail(banner = 'SSH-2.0-x\r\n'): void {
    this.in({ flags: SYN | ACK, seq: B, ack: C + 1 });
    this.in({ flags: RST, seq: A + 1 });
    this.in({ flags: ACK, seq: A + 1, ack: C + 1, payload: banner });
  }

  /** Everything that was told, once. */
  taped(): Taped[] {
    const all: Taped[] = [];
    for (let at = this.ring.peek(); at >= 0; at = this.ring.peek()) {
      const word = (offset: number) => this.ring.words[at + offset] ?? 0;
      const from = (at + tape.EVD_PACKET) * 4;
      all.push({
        kind: word(tape.EVD_KIND),
        verdict: word(tape.EVD_VERDICT),
        toFar: word(tape.EVD_TO_FAR) === 1,
        bytes: this.ring.bytes.slice(from, from + word(tape.EVD_BYTES)),
        wireBytes: word(tape.EVD_WIRE_BYTES),
        events: word(tape.EVD_EVENTS_TO) - word(tape.EVD_EVENTS_FROM),
      });
      this.ring.release();
    }
    return all;
  }
}
