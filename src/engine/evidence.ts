/**
 * Tells the evidence recorder about packets: headers as they arrived, what was delivered in their
 * place, and which events are about them.
 *
 * Writes the tape's slots. Plain data of a flow that is not followed costs one load and no copy.
 * Headers are copied before anything is changed; what comes of it is known at the end of the step.
 */
import { type Core, generationOf } from './core.ts';
import {
  beginsEvidence,
  EVD_BYTES,
  EVD_DELIVERED,
  EVD_DONE,
  EVD_EVENTS_FROM,
  EVD_EVENTS_TO,
  EVD_FLOW,
  EVD_GENERATION,
  EVD_KIND,
  EVD_NOW_MS,
  EVD_ORIGINAL,
  EVD_PACKET,
  EVD_TO_FAR,
  EVD_VERDICT,
  EVD_WIRE_BYTES,
  EVD_WOULD,
  EVIDENCE_PACKET_BYTES,
} from './evidence-tape.ts';
import { POLICY_EVIDENCE } from './memory.ts';
import { INFO_TRUNCATED, VERDICT_REWRITTEN } from './verdict.ts';
import { FIN, RST, SYN } from './wire/segment.ts';

/** An event about the flow is on its way to the events ring. */
export function tellEvent(core: Core, flow: number, code: number): void {
  const tape = core.tape;
  if (tape.told === 0) tape.firstEvent = core.events.committedCount();
  tape.told = flow + 1;
  if (beginsEvidence(code)) tape.extend(flow);
}

/**
 * The packet in hand is of this flow. SYN, FIN and RST are always told; of SACK blocks it is only
 * known afterwards whether anybody minded them, but then they may have been changed.
 */
export function keepOriginal(core: Core, flow: number): void {
  if (core.policy[POLICY_EVIDENCE] === 0) return;
  const tape = core.tape;
  const seg = core.seg;
  tape.flow = flow;
  if (isControl(core) || seg.sackCount > 0 || tape.hasTrail(flow)) copyOriginal(core);
}

function isControl(core: Core): boolean {
  return (core.seg.flags & (SYN | FIN | RST)) !== 0;
}

/** Into the next free slot, which is not the recorder's yet. */
export function copyOriginal(core: Core): void {
  const tape = core.tape;
  if (tape.at !== 0 || core.policy[POLICY_EVIDENCE] === 0 || tape.ring.isFull()) return;
  tape.at = tape.ring.reserve();
  copyPacket(core, tape.at);
}

/** IP and TCP header, and as much behind them as the operator has asked for. */
function copyPacket(core: Core, at: number): void {
  const words = core.tape.ring.words;
  const seg = core.seg;
  const off = core.off;
  const asked = seg.payloadOff - off + core.policy[POLICY_EVIDENCE]! - 1;
  const there = (core.info & INFO_TRUNCATED) === 0 ? seg.ipBytes : core.len;
  let length = asked < there ? asked : there;
  if (length > EVIDENCE_PACKET_BYTES) length = EVIDENCE_PACKET_BYTES;
  if ((off & 3) === 0) copyWords(core, off, at + EVD_PACKET, length);
  else copyBytes(core, off, at + EVD_PACKET, length);
  words[at + EVD_BYTES] = length;
  words[at + EVD_WIRE_BYTES] = seg.ipBytes;
}

/** As the kernel's queue has them: on a 4-byte boundary, as headers end. */
function copyWords(core: Core, off: number, to: number, length: number): void {
  const from = core.words;
  const words = core.tape.ring.words;
  const end = to + ((length + 3) >> 2);
  for (let i = to, at = off >> 2; i < end; i++, at++) words[i] = from[at]!;
}

function copyBytes(core: Core, off: number, toWord: number, length: number): void {
  const from = core.buf;
  const bytes = core.tape.ring.bytes;
  const to = toWord * 4;
  for (let i = 0; i < length; i++) bytes[to + i] = from[off + i]!;
}

/** The step is over: tells what became of the packet in hand, or forgets the copy. */
export function tellVerdict(core: Core, verdict: number, toFar: boolean): void {
  const tape = core.tape;
  const flow = tape.flow >= 0 ? tape.flow : tape.told - 1;
  if (flow < 0 || core.policy[POLICY_EVIDENCE] === 0) return;
  if (!isControl(core) && tape.told === 0 && !tape.hasTrail(flow)) return;
  tape.follow(flow);
  if (tape.at !== 0) {
    commit(core, tape.at, EVD_ORIGINAL, flow, verdict, toFar);
  } else if (core.changed === 0) {
    tell(core, EVD_ORIGINAL, flow, verdict, toFar);
  }
  if (verdict === VERDICT_REWRITTEN) tell(core, EVD_DELIVERED, flow, verdict, toFar);
}

function tell(core: Core, kind: number, flow: number, verdict: number, toFar: boolean): void {
  const at = core.tape.ring.reserve();
  if (at < 0) return; // the ring counts it
  copyPacket(core, at);
  commit(core, at, kind, flow, verdict, toFar);
}

function commit(
  core: Core,
  at: number,
  kind: number,
  flow: number,
  verdict: number,
  toFar: boolean,
): void {
  const tape = core.tape;
  const words = tape.ring.words;
  const eventCount = core.events.committedCount();
  words[at + EVD_KIND] = kind;
  words[at + EVD_VERDICT] = verdict;
  words[at + EVD_NOW_MS] = core.nowMs;
  words[at + EVD_TO_FAR] = toFar ? 1 : 0;
  words[at + EVD_FLOW] = flow;
  words[at + EVD_GENERATION] = generationOf(core, flow);
  words[at + EVD_EVENTS_FROM] = tape.told === 0 ? eventCount : tape.firstEvent;
  words[at + EVD_EVENTS_TO] = eventCount;
  words[at + EVD_DONE] = tape.done;
  words[at + EVD_WOULD] = tape.would;
  tape.ring.commitQuietly();
}
