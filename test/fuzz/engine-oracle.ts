/**
 * What must hold of every step of the engine, whatever it is fed: verdicts are legal, what is let
 * through leaves as it came, what is rewritten stays the same packet with complete checksums, what
 * is dropped is delivered later once at most, injections are sound packets, few, and none in
 * observe mode. Owns what was seen of one program.
 */
import {
  INFO_GSO,
  INFO_TRUNCATED,
  INJECT_NEAR,
  TO_FAR,
  VERDICT_ACCEPT,
  VERDICT_DROP,
  VERDICT_REWRITTEN,
} from '../../src/engine/verdict.ts';
import { arenaWords, tcpChecksumOk } from '../../src/engine/wire/checksum.ts';
import { parseSegment, WIRE_OK } from '../../src/engine/wire/parse.ts';
import { RST, Segment } from '../../src/engine/wire/segment.ts';
import { demand } from './target.ts';

/** Injections beyond these say that something answers itself. */
const INJECTIONS_BASE = 64;
const INJECTIONS_PER_PACKET = 4;
const INJECTION_EVERY_MS = 50;

export class EngineOracle {
  private isObserving = false;
  /** Hash of all that the engine has done. */
  trace = 0;
  private packetCount = 0;
  private injectionCount = 0;
  private elapsedMs = 0;
  private readonly held = new Map<string, number>();
  private readonly view = new Segment();
  private readonly before = new Uint8Array(1 << 13);
  private beforeBytes = 0;
  private beforeOk = false;
  private beforeSeg = new Segment();

  /** What was translated before goes on being translated: only who never did anything else can. */
  observe(on: boolean): void {
    this.isObserving = on && (this.isObserving || this.packetCount === 0);
  }

  passed(ms: number): void {
    this.elapsedMs += ms;
  }

  /** Before a step on buf[off, off + len). */
  open(buf: Uint8Array, off: number, len: number): void {
    this.before.set(buf.subarray(off, off + len));
    this.beforeBytes = len;
    this.beforeOk = parseSegment(this.before, 0, len, this.beforeSeg) === WIRE_OK;
    this.packetCount++;
  }

  /** Behind it. */
  close(buf: Uint8Array, off: number, dir: number, info: number, verdict: number): void {
    this.note(verdict);
    const changed = !this.isSame(buf, off, 0, this.beforeBytes);
    if (verdict === VERDICT_ACCEPT) {
      demand(!changed, 'accepted, and changed');
      return;
    }
    demand(!this.isObserving, 'not accepted in observe mode');
    if (verdict === VERDICT_DROP) {
      this.hold();
      return;
    }
    demand(verdict === VERDICT_REWRITTEN, `no verdict: ${verdict}`);
    demand((info & INFO_TRUNCATED) === 0, 'rewritten, and not whole');
    this.closeRewritten(buf, off, dir, info);
  }

  private closeRewritten(buf: Uint8Array, off: number, dir: number, info: number): void {
    const { view, beforeSeg } = this;
    if (!this.beforeOk) return; // an ICMP error
    const ok = parseSegment(buf, off, this.beforeBytes, view) === WIRE_OK;
    demand(ok, 'rewritten to what cannot be read');
    const same =
      view.ipBytes === beforeSeg.ipBytes &&
      view.payloadBytes === beforeSeg.payloadBytes &&
      view.srcPort === beforeSeg.srcPort &&
      view.dstPort === beforeSeg.dstPort &&
      view.segLen === beforeSeg.segLen;
    demand(same, 'rewritten to another packet');
    const payload = view.payloadOff - off;
    demand(this.isSame(buf, off, payload, payload + view.payloadBytes), 'rewritten payload');
    const kernelFills = dir === TO_FAR && (info & INFO_GSO) !== 0;
    demand(kernelFills || tcpChecksumOk(buf, arenaWords(buf), view), 'rewritten, checksum wrong');
  }

  /** A packet that the engine asked to inject, in memory of its own. */
  injected(packet: Uint8Array, path: number): void {
    this.injectionCount++;
    this.note(packet.length);
    demand(!this.isObserving, 'injected in observe mode');
    const limit =
      INJECTIONS_BASE +
      INJECTIONS_PER_PACKET * this.packetCount +
      this.elapsedMs / INJECTION_EVERY_MS;
    demand(this.injectionCount <= limit, `${this.injectionCount} injections`);
    const { view } = this;
    demand(parseSegment(packet, 0, packet.length, view) === WIRE_OK, 'injected what is no packet');
    this.note(view.segSeq ^ view.segAck ^ view.flags);
    demand(tcpChecksumOk(packet, arenaWords(packet), view), 'injected, checksum wrong');
    if (path === INJECT_NEAR && (view.flags & RST) !== 0) this.release(packet, view);
  }

  private hold(): void {
    const { beforeSeg } = this;
    if (!this.beforeOk || (beforeSeg.flags & RST) === 0) return;
    const key = keyOf(this.before, beforeSeg);
    this.held.set(key, (this.held.get(key) ?? 0) + 1);
  }

  /** A copy of a reset that was held is delivered as often as it was held, at most. */
  private release(packet: Uint8Array, view: Segment): void {
    const key = keyOf(packet, view);
    const count = this.held.get(key);
    if (count === undefined) return; // one of our own
    demand(count > 0, 'a held reset was delivered twice');
    this.held.set(key, count - 1);
  }

  note(value: number): void {
    this.trace = Math.imul(this.trace ^ value, 0x01000193);
  }

  private isSame(buf: Uint8Array, off: number, from: number, to: number): boolean {
    for (let i = from; i < to; i++) if (this.before[i] !== buf[off + i]) return false;
    return true;
  }
}

function keyOf(packet: Uint8Array, view: Segment): string {
  const { srcPort, dstPort, segSeq, segAck, flags, ipId, ttl } = view;
  const { family } = view;
  return [packet.length, family, srcPort, dstPort, segSeq, segAck, flags, ipId, ttl].join(' ');
}
