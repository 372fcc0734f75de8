/**
 * What leaves the engine besides verdicts: events, injected packets, requests for rules.
 *
 * Writes the events ring and the outbox; a full ring loses the request and counts it. Injected
 * packets go through `core.control` (built) or are copies of packets seen. RFC 9293 §3.8.4 for the
 * keep-alive form of the probe.
 */
import { KEEPALIVE_SENT, PROBE_SENT, STAT_OUTBOX_FULL } from './codes.ts';
import {
  type Core,
  clearFlags,
  enforce,
  farHalf,
  flagsOf,
  leaveBypass,
  nearHalf,
  repairBase,
  repairOf,
  since,
} from './core.ts';
import {
  EV_AGE_MS,
  EV_ARG,
  EV_CAUSE,
  EV_CODE,
  EV_FAMILY,
  EV_FAR_ADDR,
  EV_FLOW,
  EV_GENERATION,
  EV_NEAR_ADDR,
  EV_NOW_MS,
  EV_PORTS,
  EV_WOULD,
} from './events.ts';
import { tellEvent } from './evidence.ts';
import {
  BORN_MS,
  DELTA,
  FAR_ADDR,
  FLOW_BYPASSED,
  FLOW_FLAGS,
  FLOW_FORWARDED,
  FLOW_IPV6,
  FLOW_KERNEL,
  FLOW_NEAR_RESPONDS,
  FLOW_PROVOKED,
  FLOW_ROW_WORDS,
  FLOW_SETTLED,
  FLOW_TRANSLATED,
  FLOW_UNSCALED,
  GENERATION,
  HALF_FLAGS,
  HALF_TS_ON,
  LAST_WND,
  MAC_HASH,
  NEAR_ADDR,
  NEAR_TS_MS,
  PORTS,
  PROBED_MS,
  SND_CONT,
  SND_NXT,
  SND_UNA,
  TS_ECR,
  TS_VAL,
  TTL_SET,
} from './flow/layout.ts';
import { R_PROBE_COMMITTED } from './flow/repair-table.ts';
import { OUTBOX_HEADER_WORDS } from './limits.ts';
import { POLICY_OBSERVE } from './memory.ts';
import {
  NEAR_INITIATES,
  OUT_BYTES,
  OUT_EVENTS,
  OUT_FAMILY,
  OUT_FAR_ADDR,
  OUT_FLOW,
  OUT_GENERATION,
  OUT_KIND,
  OUT_KIND_INJECT,
  OUT_KIND_SOCKET,
  OUT_NEAR_ADDR,
  OUT_NOW_MS,
  OUT_PATH,
  OUT_PORTS,
  OUT_SETTLED,
} from './outbox.ts';
import { INJECT_FAR, INJECT_FAR_HOOKED, INJECT_FAR_WAKE, INJECT_NEAR } from './verdict.ts';
import { buildControl } from './wire/build.ts';
import { ACK, RST } from './wire/segment.ts';

/** One event. `would` is 1 for what was decided and not done. */
export function event(
  core: Core,
  flow: number,
  code: number,
  cause: number,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
  a4: number,
): void {
  tellEvent(core, flow, code);
  const at = core.events.reserve();
  if (at < 0) return;
  const to = core.events.words;
  const rows = core.flows.rows;
  const row = flow * FLOW_ROW_WORDS;
  to[at + EV_CODE] = code;
  to[at + EV_CAUSE] = cause;
  to[at + EV_NOW_MS] = core.nowMs;
  to[at + EV_WOULD] = code >= 64 ? core.policy[POLICY_OBSERVE]! : 0;
  to[at + EV_FAMILY] = (rows[row + FLOW_FLAGS]! & FLOW_IPV6) !== 0 ? 6 : 4;
  for (let i = 0; i < 4; i++) to[at + EV_NEAR_ADDR + i] = rows[row + NEAR_ADDR + i]!;
  for (let i = 0; i < 4; i++) to[at + EV_FAR_ADDR + i] = rows[row + FAR_ADDR + i]!;
  to[at + EV_PORTS] = rows[row + PORTS]!;
  to[at + EV_AGE_MS] = since(core.nowMs, rows[row + BORN_MS]!);
  to[at + EV_ARG] = a0;
  to[at + EV_ARG + 1] = a1;
  to[at + EV_ARG + 2] = a2;
  to[at + EV_ARG + 3] = a3;
  to[at + EV_ARG + 4] = a4;
  to[at + EV_FLOW] = flow;
  to[at + EV_GENERATION] = rows[row + GENERATION]!;
  core.events.commit();
}

/** A finding: counted, and told with its numbers. */
export function found(
  core: Core,
  flow: number,
  code: number,
  a0: number,
  a1: number,
  a2: number,
  a3: number,
  a4: number,
): void {
  core.counters[code] = core.counters[code]! + 1;
  event(core, flow, code, 0, a0, a1, a2, a3, a4);
}

/** Opens an outbox slot about a flow; -1 when the outbox is full. */
export function openRequest(core: Core, flow: number, kind: number): number {
  const at = core.outbox.reserve();
  if (at < 0) {
    core.counters[STAT_OUTBOX_FULL] = core.counters[STAT_OUTBOX_FULL]! + 1;
    return -1;
  }
  const to = core.outbox.words;
  const rows = core.flows.rows;
  const row = flow * FLOW_ROW_WORDS;
  to[at + OUT_KIND] = kind;
  to[at + OUT_PATH] = 0;
  to[at + OUT_BYTES] = 0;
  to[at + OUT_FLOW] = flow;
  to[at + OUT_NOW_MS] = core.nowMs;
  to[at + OUT_EVENTS] = core.events.committedCount();
  to[at + OUT_GENERATION] = rows[row + GENERATION]!;
  to[at + OUT_FAMILY] = (flagsOf(core, flow) & FLOW_IPV6) !== 0 ? 6 : 4;
  for (let i = 0; i < 4; i++) to[at + OUT_NEAR_ADDR + i] = rows[row + NEAR_ADDR + i]!;
  for (let i = 0; i < 4; i++) to[at + OUT_FAR_ADDR + i] = rows[row + FAR_ADDR + i]!;
  to[at + OUT_PORTS] = rows[row + PORTS]!;
  return at;
}

/** Asks the near end's socket for its numbers, told by the inbox; what is forwarded has none. */
export function askSocket(core: Core, flow: number): void {
  const flags = flagsOf(core, flow);
  if ((flags & FLOW_FORWARDED) !== 0) return;
  const at = openRequest(core, flow, OUT_KIND_SOCKET);
  if (at < 0) return;
  core.outbox.words[at + OUT_PATH] = (flags & FLOW_NEAR_RESPONDS) !== 0 ? 0 : NEAR_INITIATES;
  core.outbox.words[at + OUT_SETTLED] = (flags & FLOW_SETTLED) !== 0 ? 1 : 0;
  core.outbox.commit();
}

/** Injects a copy of a packet as it is. */
export function injectCopy(
  core: Core,
  flow: number,
  path: number,
  from: Uint8Array,
  off: number,
  bytes: number,
): boolean {
  const at = openRequest(core, flow, OUT_KIND_INJECT);
  if (at < 0) return false;
  const to = (at + OUTBOX_HEADER_WORDS) * 4;
  for (let i = 0; i < bytes; i++) core.outbox.bytes[to + i] = from[off + i]!;
  core.outbox.words[at + OUT_PATH] = path;
  core.outbox.words[at + OUT_BYTES] = bytes;
  core.outbox.commit();
  return true;
}

/** Builds `core.control` into the outbox. */
function injectControl(core: Core, flow: number, path: number): boolean {
  const at = openRequest(core, flow, OUT_KIND_INJECT);
  if (at < 0) return false;
  core.outbox.words[at + OUT_PATH] = path;
  core.outbox.words[at + OUT_BYTES] = buildControl(
    core.outbox.bytes,
    (at + OUTBOX_HEADER_WORDS) * 4,
    core.control,
  );
  core.outbox.commit();
  return true;
}

/** Addresses and ports of `core.control`, from near to far or back. */
function address(core: Core, flow: number, fromNear: boolean): void {
  const control = core.control;
  const rows = core.flows.rows;
  const row = flow * FLOW_ROW_WORDS;
  const src = row + (fromNear ? NEAR_ADDR : FAR_ADDR);
  const dst = row + (fromNear ? FAR_ADDR : NEAR_ADDR);
  for (let i = 0; i < 4; i++) {
    control.srcAddr[i] = rows[src + i]!;
    control.dstAddr[i] = rows[dst + i]!;
  }
  const nearPort = rows[row + PORTS]! >>> 16;
  const farPort = rows[row + PORTS]! & 0xffff;
  control.family = (flagsOf(core, flow) & FLOW_IPV6) !== 0 ? 6 : 4;
  control.srcPort = fromNear ? nearPort : farPort;
  control.dstPort = fromNear ? farPort : nearPort;
  control.dontFragment = 1;
}

/** An ACK in the near end's name, empty or with one octet: its timestamps, window and TTL. */
function ackFromNear(core: Core, flow: number, seq: number, octet: number): boolean {
  const control = core.control;
  const halves = core.flows.halves;
  const near = nearHalf(core, flow);
  const far = farHalf(core, flow);
  address(core, flow, true);
  control.seq = seq;
  control.ack = halves[far + SND_UNA]!;
  control.flags = ACK;
  control.wnd = halves[near + LAST_WND]!;
  control.ttl = (halves[near + TTL_SET]! & 0xff) === 0 ? 64 : halves[near + TTL_SET]! & 0xff;
  control.flowLabel = halves[near + MAC_HASH]!;
  control.octet = octet;
  control.tsOn = (halves[near + HALF_FLAGS]! & HALF_TS_ON) !== 0 ? 1 : 0;
  control.tsVal = halves[near + TS_VAL]!;
  control.tsEcr = halves[near + TS_ECR]!;
  const flags = flagsOf(core, flow);
  if ((flags & FLOW_BYPASSED) !== 0) control.tsVal = nearTsAt(core, flow, near, core.nowMs);
  let path = INJECT_FAR;
  if ((flags & (FLOW_TRANSLATED | FLOW_UNSCALED)) !== 0) path = INJECT_FAR_HOOKED;
  else if ((flags & FLOW_BYPASSED) !== 0) path = INJECT_FAR_WAKE;
  return injectControl(core, flow, path);
}

/**
 * The near end's TSval of now, or of another time: Linux counts milliseconds, and silently drops an
 * ACK with an older one than it has (PAWS, RFC 7323 §5.3). What is out of the window moves no
 * TS.Recent. The true one is as large, or a little larger: it was seen behind its sending.
 */
export function nearTsAt(core: Core, flow: number, near: number, atMs: number): number {
  const seenMs = core.flows.rows[flow * FLOW_ROW_WORDS + NEAR_TS_MS]!;
  return (core.flows.halves[near + TS_VAL]! + (atMs - seenMs)) | 0;
}

/**
 * The near end's own keep-alive: SEQ = SND.UNA - 1, ACK = the last it sent, no data (RFC 9293
 * §3.8.4). A live far end answers with an ACK in its own numbers, a dead one with a reset.
 */
export function probe(core: Core, flow: number, cause: number, number: number): boolean {
  return ask(core, flow, PROBE_SENT, cause, number);
}

/** The same for a flow that is idle (`normalize/idle-watch.ts`). */
export function keepAlive(core: Core, flow: number, cause: number, number: number): boolean {
  return ask(core, flow, KEEPALIVE_SENT, cause, number);
}

function ask(core: Core, flow: number, code: number, cause: number, number: number): boolean {
  const seq = (core.flows.halves[nearHalf(core, flow) + SND_UNA]! - 1) | 0;
  if (!enforce(core, code)) return false;
  const sent = ackFromNear(core, flow, seq, -1);
  if ((flagsOf(core, flow) & FLOW_SETTLED) !== 0) {
    leaveBypass(core, flow); // the probe takes the connection's mark with it: the answer is seen
    askSocket(core, flow);
  }
  const slot = repairOf(core, flow);
  if (slot >= 0) {
    core.repairs.words[repairBase(slot) + R_PROBE_COMMITTED] = core.outbox.committedCount();
  }
  core.flows.rows[flow * FLOW_ROW_WORDS + PROBED_MS] = core.nowMs;
  clearFlags(core, flow, FLOW_PROVOKED);
  event(core, flow, code, cause, seq, core.control.ack, number, 0, 0);
  return sent;
}

/**
 * The same with one octet that the far end has (RFC 1122 §4.2.3.6 allows one): it answers with a
 * D-SACK block for it (RFC 2883 §4), never limited by `tcp_invalid_ratelimit`.
 */
export function probeWithOctet(
  core: Core,
  flow: number,
  cause: number,
  seq: number,
  octet: number,
  number: number,
): boolean {
  if (!enforce(core, PROBE_SENT)) return false;
  const sent = ackFromNear(core, flow, seq, octet);
  event(core, flow, PROBE_SENT, cause, seq, core.control.ack, number, 0, 0);
  return sent;
}

/**
 * Is the last probe still waiting to be sent, or is there no room for one? Silence means nothing
 * before it has left.
 */
export function probeWaits(core: Core, base: number): boolean {
  if (core.outbox.isFull()) return true;
  const committed = core.repairs.words[base + R_PROBE_COMMITTED]!;
  return ((core.outbox.releasedCount() - committed) | 0) < 0;
}

/** The near end's plain ACK once more, at SND.UNA: it completes the real server's handshake. */
export function acknowledgeAgain(core: Core, flow: number): boolean {
  return ackFromNear(core, flow, core.flows.halves[nearHalf(core, flow) + SND_UNA]!, -1);
}

/** A reset that the near end accepts: SEQ exactly its RCV.NXT (RFC 5961 §3.2). */
export function resetNear(core: Core, flow: number): boolean {
  const control = core.control;
  const halves = core.flows.halves;
  const far = farHalf(core, flow);
  address(core, flow, false);
  control.seq = halves[far + SND_CONT]!;
  // On its way to us it passes conntrack like any arrival: that takes the far end's numbers.
  if ((flagsOf(core, flow) & FLOW_KERNEL) !== 0) {
    control.seq = (control.seq + core.flows.rows[flow * FLOW_ROW_WORDS + DELTA]!) | 0;
  }
  control.ack = halves[nearHalf(core, flow) + SND_NXT]!;
  control.flags = RST | ACK;
  control.wnd = 0;
  control.octet = -1;
  control.ttl = (halves[far + TTL_SET]! & 0xff) === 0 ? 64 : halves[far + TTL_SET]! & 0xff;
  control.flowLabel = 0;
  control.tsOn = 0;
  return injectControl(core, flow, INJECT_NEAR);
}
