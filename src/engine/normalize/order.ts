/**
 * Which normalizer looks at which segment, and in which order. The only list there is.
 *
 * Events follow RFC 9293 §3.10: SYN, SYN-ACK, RST, and everything else. Near numbers hold from
 * `translateIn` to `translateOut`.
 */
import { STALE_ACK } from '../codes.ts';
import { type Core, farHalf, flagsOf, generationOf, nearHalf, setFlags } from '../core.ts';
import { found } from '../emit.ts';
import {
  ANCHORED_MS,
  ANSWERED_MS,
  FLOW_ANCHORED,
  FLOW_KERNEL,
  FLOW_MOVING,
  FLOW_NEAR_RESPONDS,
  FLOW_NUMBERS_OLD,
  FLOW_OVER,
  FLOW_PROVEN,
  FLOW_RESYNCED,
  FLOW_ROW_WORDS,
  FLOW_TRANSLATED,
  FLOW_UNSCALED,
  FLOW_UNTOUCHED,
  GENERATION,
  HALF_FIN_SEEN,
  HALF_FLAGS,
  HALF_SYN_SEEN,
  ISS,
  MAC_HASH,
  NEAR_TS_MS,
  SEGMENT_COUNT,
  SND_CONT,
  SND_NXT,
  SND_UNA,
} from '../flow/layout.ts';
import { onEstablished, onSynAck } from '../flow/state.ts';
import { trackOrigin, trackSegment, trackSyn } from '../flow/track.ts';
import { endFlow, openFromSyn } from '../lifecycle.ts';
import { INFO_TRUNCATED, VERDICT_ACCEPT, VERDICT_DROP } from '../verdict.ts';
import { get16, get32, put16 } from '../wire/bytes.ts';
import { fillTcpChecksum } from '../wire/checksum.ts';
import { ACK, FIN, RST, SYN } from '../wire/segment.ts';
import { seqAdd, seqDiff } from '../wire/seq.ts';
import { anchor, normalizeDuplicateAck, normalizeSynAck } from './handshake.ts';
import { hearNear, normalizeJump } from './jump.ts';
import { dropMoving, kernelIn } from './kernel.ts';
import { noteOrigin } from './provenance.ts';
import { answerFromOther, inSpaceOfChosen, settle } from './question.ts';
import { hearLiving, normalizeReset } from './reset.ts';
import { translateResynced } from './resynced.ts';
import { normalizeSack } from './sack.ts';
import { hearFar, speakNear } from './silence.ts';
import { noteOptions } from './stripped-options.ts';
import { noteHeader } from './support.ts';
import { GO_ON, translateIn, translateOut } from './translate.ts';
import { rescaleIn, rescaleOut } from './unscaled.ts';

const HALF_SPACE = 0x40000000;
/** A segment of more octets than this travels in several packets, of which some may be lost. */
const MSS_MAX = 536;

/** A segment that leaves the near end. */
export function normalizeEgress(core: Core, flow: number): number {
  const seg = core.seg;
  const flags = flagsOf(core, flow);
  if ((flags & FLOW_UNTOUCHED) !== 0) return VERDICT_ACCEPT;
  if ((flags & FLOW_MOVING) !== 0) return dropMoving(core);
  if ((seg.flags & SYN) !== 0)
    return (seg.flags & ACK) !== 0 ? nearSynAck(core, flow) : VERDICT_ACCEPT;
  if ((seg.flags & RST) !== 0) return nearReset(core, flow);
  if ((seg.flags & ACK) === 0) return VERDICT_ACCEPT;
  if ((flags & FLOW_ANCHORED) === 0) {
    if ((flags & FLOW_NEAR_RESPONDS) !== 0) return VERDICT_ACCEPT;
    anchor(core, flow);
  } else if (normalizeDuplicateAck(core, flow) === VERDICT_DROP) {
    return VERDICT_DROP;
  }
  const near = nearHalf(core, flow);
  const halves = core.flows.halves;
  if (isFirstData(core, flow, halves[near + ISS]!)) keepFirstData(core, flow);
  trackOrigin(halves, near, seg.ttl, 0);
  if ((flags & FLOW_NUMBERS_OLD) === 0) remember(core, flow, near);
  hearNear(core, flow);
  if (seg.payloadBytes > 0) speakNear(core, flow);
  if (seg.flowLabel !== 0) halves[near + MAC_HASH] = seg.flowLabel;
  trackSegment(core, halves, near, farHalf(core, flow), seg);
  const row = flow * FLOW_ROW_WORDS;
  if ((flags & FLOW_PROVEN) !== 0) core.flows.rows[row + NEAR_TS_MS] = core.nowMs;
  // When its newest TSval was seen will not be known (`settle`): it has to speak again.
  else if (core.flows.rows[row + ANCHORED_MS] !== core.nowMs) halves[near + SEGMENT_COUNT] = 0;
  if ((seg.flags & FIN) !== 0) endWhenBothClosed(core, flow);
  if ((flags & FLOW_UNSCALED) !== 0) rescaleOut(core, flow);
  return (flags & FLOW_TRANSLATED) !== 0 ? translateOut(core, flow) : VERDICT_ACCEPT;
}

/** What the far end will echo: it tells what it has accepted (`jump.ts`). */
function remember(core: Core, flow: number, near: number): void {
  const seg = core.seg;
  const halves = core.flows.halves;
  const generation = generationOf(core, flow);
  core.spoken.note(
    flow,
    generation,
    seg.segAck,
    seg.tsVal,
    halves[near + SND_UNA]!,
    halves[near + SND_NXT]!,
    seqAdd(seg.segSeq, seg.segLen),
    seg.payloadBytes <= MSS_MAX,
    core.nowMs,
  );
  if (seg.payloadBytes > 0 && (core.info & INFO_TRUNCATED) === 0) {
    const first = core.buf[seg.payloadOff]!;
    core.spoken.noteOctet(flow, generation, seg.segSeq, first, seg.payloadBytes);
  }
}

function isFirstData(core: Core, flow: number, iss: number): boolean {
  if (core.seg.payloadBytes === 0 || core.seg.segSeq !== seqAdd(iss, 1)) return false;
  return (flagsOf(core, flow) & (FLOW_PROVEN | FLOW_TRANSLATED | FLOW_KERNEL)) === 0;
}

/** The copy is complete in itself: what leaves this machine may still lack its checksum. */
function keepFirstData(core: Core, flow: number): void {
  const generation = generationOf(core, flow);
  const at = core.seg.tcpOff + 16;
  const before = get16(core.buf, at);
  fillTcpChecksum(core.buf, core.words, core.seg);
  core.firstData.keep(flow, generation, core.buf, core.off, core.seg.ipBytes);
  put16(core.buf, at, before);
}

/** The near end is the responder: its SYN-ACK decides the numbering of its half. */
function nearSynAck(core: Core, flow: number): number {
  const seg = core.seg;
  const halves = core.flows.halves;
  const near = nearHalf(core, flow);
  if ((flagsOf(core, flow) & FLOW_NEAR_RESPONDS) === 0) {
    setFlags(core, flow, FLOW_UNTOUCHED); // simultaneous open (RFC 9293 §3.5): legal, hands off
    return VERDICT_ACCEPT;
  }
  const again = (halves[near + HALF_FLAGS]! & HALF_SYN_SEEN) !== 0;
  if (again && halves[near + ISS] === seg.segSeq) return VERDICT_ACCEPT;
  trackSyn(halves, near, seg);
  onSynAck(halves, near);
  const far = farHalf(core, flow);
  halves[far + ISS] = seqAdd(seg.segAck, -1);
  halves[far + SND_UNA] = halves[far + SND_NXT] = halves[far + SND_CONT] = seg.segAck;
  return VERDICT_ACCEPT;
}

/** The near end's reset ends checks. In SYN-SENT it only answers a stale ACK (RFC 5961 §4). */
function nearReset(core: Core, flow: number): number {
  const flags = flagsOf(core, flow);
  if ((flags & FLOW_ANCHORED) !== 0 && (flags & FLOW_OVER) === 0) endFlow(core, flow, true);
  return (flags & FLOW_TRANSLATED) !== 0 ? translateOut(core, flow) : VERDICT_ACCEPT;
}

/** A SYN without ACK, in either direction, on a flow that is known. */
export function normalizeSyn(core: Core, flow: number, toFar: boolean): number {
  const flags = flagsOf(core, flow);
  const nearResponds = (flags & FLOW_NEAR_RESPONDS) !== 0;
  const sender = toFar ? nearHalf(core, flow) : farHalf(core, flow);
  if (toFar === nearResponds) {
    if ((flags & FLOW_ANCHORED) === 0 && (flags & FLOW_OVER) === 0) {
      setFlags(core, flow, FLOW_UNTOUCHED); // the SYNs crossed: simultaneous open, hands off
      return flow;
    }
    // A new connection in the other direction on the same ports: only our own side's word counts.
    return toFar ? openFromSyn(core, flow, true) : flow;
  }
  if (core.flows.halves[sender + ISS] === core.seg.segSeq) return flow; // a retransmission
  const established = (flags & (FLOW_ANCHORED | FLOW_OVER)) === FLOW_ANCHORED;
  if (!toFar && established) return flow; // a challenge is due, nothing more (RFC 5961 §4.2)
  return openFromSyn(core, flow, toFar);
}

/** A segment that arrives from the far end. */
export function normalizeIngress(core: Core, flow: number): number {
  const seg = core.seg;
  const flags = flagsOf(core, flow);
  if ((flags & FLOW_UNTOUCHED) !== 0) return VERDICT_ACCEPT;
  if ((seg.flags & (SYN | RST)) === SYN) {
    const isSynAck = (seg.flags & ACK) !== 0 && (flags & FLOW_NEAR_RESPONDS) === 0;
    if (!isSynAck) return VERDICT_ACCEPT;
    if (seg.segAck === seqAdd(core.flows.halves[nearHalf(core, flow) + ISS]!, 1)) {
      noteOrigin(core, flow);
    }
    return normalizeSynAck(core, flow);
  }
  if ((flags & FLOW_ANCHORED) === 0 && (seg.flags & RST) === 0) return beforeAnchor(core, flow);
  if ((flags & (FLOW_KERNEL | FLOW_MOVING)) !== 0) {
    const verdict = kernelIn(core, flow);
    if (verdict !== GO_ON) return verdict;
  } else if ((flags & FLOW_TRANSLATED) !== 0) {
    const jumped = (flags & FLOW_RESYNCED) !== 0;
    const verdict = jumped ? translateResynced(core, flow) : translateIn(core, flow);
    if (verdict !== GO_ON) return verdict;
  }
  if ((seg.flags & RST) !== 0) return normalizeReset(core, flow);
  if ((seg.flags & ACK) === 0) return VERDICT_ACCEPT;
  return fromFar(core, flow);
}

function beforeAnchor(core: Core, flow: number): number {
  if ((flagsOf(core, flow) & FLOW_NEAR_RESPONDS) === 0) {
    const iss = core.flows.halves[nearHalf(core, flow) + ISS]!;
    found(core, flow, STALE_ACK, core.seg.segAck, iss, 0, 0, 0);
    return VERDICT_ACCEPT;
  }
  // The initiator's ACK of the near end's SYN-ACK completes the handshake.
  const near = nearHalf(core, flow);
  const far = farHalf(core, flow);
  if (core.seg.segAck !== core.flows.halves[near + SND_NXT]) return VERDICT_ACCEPT;
  setFlags(core, flow, FLOW_ANCHORED | FLOW_PROVEN);
  noteHeader(core, flow);
  core.flows.rows[flow * FLOW_ROW_WORDS + NEAR_TS_MS] = core.nowMs;
  onEstablished(core.flows.halves, near, far);
  return fromFar(core, flow);
}

/** Data, FIN or ACK of the far end, in near numbers. */
function fromFar(core: Core, flow: number): number {
  const seg = core.seg;
  const halves = core.flows.halves;
  const near = nearHalf(core, flow);
  const far = farHalf(core, flow);
  hearFar(core, flow);
  if ((flagsOf(core, flow) & FLOW_PROVEN) === 0) {
    if (!inSpaceOfChosen(core, flow, halves[near + SND_NXT]!)) {
      answerFromOther(core, flow);
      return VERDICT_ACCEPT;
    }
    settle(core, flow);
    noteHeader(core, flow);
  }
  const verdict = normalizeJump(core, flow);
  if (verdict !== GO_ON) return verdict;
  if (!isNear(seqDiff(seg.segSeq, halves[far + SND_CONT]!))) {
    return VERDICT_ACCEPT; // not of this connection's numbers: the near end's kernel judges it
  }
  core.destinations.hear(flow, core.nowMs);
  const rows = core.flows.rows;
  const row = flow * FLOW_ROW_WORDS;
  core.spoken.acknowledged(flow, rows[row + GENERATION]!, seg.segAck);
  normalizeSack(core, flow);
  noteOptions(core, flow);
  if ((flagsOf(core, flow) & FLOW_UNSCALED) !== 0) rescaleIn(core, flow);
  // An ACK that says nothing new may be a challenge ACK, asked for by us or by anything else: the
  // next one may have to wait (tcp_invalid_ratelimit).
  if (seg.segLen === 0 && seg.segAck === halves[near + SND_UNA]) {
    rows[row + ANSWERED_MS] = core.nowMs;
  }
  hearLiving(core, flow);
  noteOrigin(core, flow);
  trackOrigin(halves, far, seg.ttl, core.macHash);
  const fresh = seg.payloadBytes > 0 && seg.segSeq === halves[far + SND_CONT];
  if (fresh) {
    const head = get32(core.buf, seg.payloadOff);
    const next = get32(core.buf, seg.payloadOff + 4);
    const octets = (core.info & INFO_TRUNCATED) === 0 ? seg.payloadBytes : 0;
    core.spoken.noteFar(flow, rows[row + GENERATION]!, seg.segSeq, octets, head, next);
  }
  trackSegment(core, halves, far, near, seg);
  if ((seg.flags & FIN) !== 0) endWhenBothClosed(core, flow);
  return VERDICT_ACCEPT;
}

function isNear(distance: number): boolean {
  return distance < HALF_SPACE && distance > -HALF_SPACE;
}

function endWhenBothClosed(core: Core, flow: number): void {
  const halves = core.flows.halves;
  const both =
    halves[nearHalf(core, flow) + HALF_FLAGS]! & halves[farHalf(core, flow) + HALF_FLAGS]!;
  if ((both & HALF_FIN_SEEN) !== 0) endFlow(core, flow, false);
}
