/**
 * The engine: one packet in, one verdict out; timers between packets.
 *
 * Pure: bytes, direction and time go in; verdicts, rewritten bytes, events and requests come out.
 * It knows no socket, no clock and no randomness, so the live shim, replay, the simulator and the
 * fuzzers run the same code. Steady state allocates nothing. Times: ms, int32.
 */
import {
  STAT_FLOW_EXPIRED,
  STAT_OCTETS,
  STAT_PACKETS,
  STAT_PASSED_BRIDGED,
  STAT_PASSED_FAST_OPEN,
  STAT_PASSED_MD5_AO,
  STAT_PASSED_MPTCP,
  STAT_PASSED_NOT_TCP,
} from './codes.ts';
import { Core, clearFlags, count, flagsOf, generationOf, setFlags } from './core.ts';
import { runDue } from './due.ts';
import { keepOriginal, tellVerdict } from './evidence.ts';
import type { FlowTable } from './flow/flow-table.ts';
import {
  FLOW_KERNEL,
  FLOW_MOVING,
  FLOW_ROW_WORDS,
  FLOW_RULE,
  FLOW_RULE_WANTED,
  FLOW_SETTLED,
  FLOW_TRANSLATED,
  FLOW_UNSCALED,
  FLOW_UNTOUCHED,
  FLOW_USED,
  INDEX_HIGH,
  REPAIR,
} from './flow/layout.ts';
import { letGo, openFromSyn, pickUp } from './lifecycle.ts';
import { assertLimits } from './limits.ts';
import { type EngineMemory, POLICY_GATEWAY } from './memory.ts';
import { askBeforeExpiry, isUnjudged, socketTold } from './normalize/bypass.ts';
import { expectPartial, fillAlways, normalizeChecksum, notePartial } from './normalize/checksum.ts';
import { normalizeIcmp } from './normalize/icmp.ts';
import { keepIdle } from './normalize/idle.ts';
import { hearKernel, kernelSyn, toNear } from './normalize/kernel.ts';
import { lookAtSettled } from './normalize/looks.ts';
import { clampMss } from './normalize/mss-clamp.ts';
import { normalizeEgress, normalizeIngress, normalizeSyn } from './normalize/order.ts';
import { stripSackPermitted } from './normalize/sack-permitted.ts';
import { judgeBypass, settleFlow } from './normalize/settle.ts';
import { alignOptions } from './normalize/stripped-options.ts';
import { endTranslated } from './normalize/translate.ts';
import {
  IN_ADDR,
  IN_FAMILY,
  IN_FLOW,
  IN_GENERATION,
  IN_KIND,
  IN_KIND_END_ALL,
  IN_KIND_FORGET,
  IN_KIND_SOCKET,
  IN_OK,
  IN_PORT,
} from './outbox.ts';
import { dropRule } from './rule-requests.ts';
import {
  HOOK_PREROUTING,
  INFO_BRIDGED,
  INFO_GSO,
  INFO_TRUNCATED,
  TO_FAR,
  VERDICT_ACCEPT,
  VERDICT_DROP,
  VERDICT_REWRITTEN,
  WORD_SETTLED,
  WORD_UNSETTLED,
  WORD_WAKES,
} from './verdict.ts';
import { arenaWords, fillTcpChecksum, type SimdSum } from './wire/checksum.ts';
import { parseSegment, WIRE_OK } from './wire/parse.ts';
import {
  ACK,
  FIN,
  FOREIGN_AO,
  FOREIGN_FAST_OPEN,
  FOREIGN_MD5,
  FOREIGN_MPTCP,
  RST,
  SYN,
} from './wire/segment.ts';

/** Called again after this: while something is armed, and while nothing is. */
const TICK_ARMED_MS = 2;
const TICK_IDLE_MS = 100;
const EXPIRY_ROWS = 64;
const IP_BYTES_MAX = 0xffff;
const EXPIRIES_MAX = 8;
/** What a flow that goes may have to ask for: its rule, and its entry in the kernel, given back. */
const EXPIRY_REQUESTS = 2;

export class Engine {
  private readonly core: Core;

  /** Engines that work side by side have one seed; `others` are their memories. */
  constructor(memory: EngineMemory, seed: number, others: readonly EngineMemory[] = []) {
    assertLimits();
    this.core = new Core(memory, seed, others);
  }

  get flows(): FlowTable {
    return this.core.flows;
  }

  get counters(): Float64Array {
    return this.core.counters;
  }

  /** WORD_* on the connection of the packet that was stepped, or shed, last. */
  get word(): number {
    return this.core.word;
  }

  /** Only right behind the step after which `word` was WORD_READY. */
  settle(): void {
    settleFlow(this.core, this.core.flow);
  }

  /**
   * Takes the packet arena; its start must lie on a 4-byte boundary, and at the start of the memory
   * that `simdSum` reads.
   */
  attach(bytes: Uint8Array, simdSum?: SimdSum): void {
    this.core.buf = bytes;
    this.core.words = arenaWords(bytes, simdSum);
  }

  /**
   * One packet in [off, off + len) of the arena. `dir` TO_FAR or TO_NEAR, `hook` HOOK_*, `info`
   * INFO_* bits, `macHash` of the link-layer source or 0. Returns VERDICT_*.
   */
  step(
    off: number,
    len: number,
    dir: number,
    hook: number,
    info: number,
    macHash: number,
    nowMs: number,
  ): number {
    const core = this.core;
    core.off = off;
    core.len = len;
    core.hook = hook;
    core.info = info;
    core.macHash = macHash;
    core.nowMs = nowMs;
    core.changed = 0;
    core.word = WORD_UNSETTLED;
    core.tape.clear();
    core.counters[STAT_PACKETS] = core.counters[STAT_PACKETS]! + 1;
    core.counters[STAT_OCTETS] = core.counters[STAT_OCTETS]! + len;
    if ((info & INFO_BRIDGED) !== 0) {
      count(core, STAT_PASSED_BRIDGED); // no route of ours leads to its ends
      return VERDICT_ACCEPT;
    }
    // A copy cut short by the queue still has its headers; it can be judged, never rewritten.
    const ipBytes = (info & INFO_TRUNCATED) === 0 ? len : IP_BYTES_MAX;
    const understood = parseSegment(core.buf, off, ipBytes, core.seg);
    const toFar = dir === TO_FAR;
    if (understood !== WIRE_OK) {
      count(core, understood);
      return understood === STAT_PASSED_NOT_TCP ? normalizeIcmp(core, toFar) : VERDICT_ACCEPT;
    }
    if (!toFar && !normalizeChecksum(core)) return VERDICT_ACCEPT;
    let verdict = this.judge(toFar);
    if (verdict !== VERDICT_DROP) {
      if (toFar) fillAlways(core);
      if (core.changed !== 0) verdict = this.finish(toFar);
    }
    if ((core.tape.at | core.tape.told) !== 0) tellVerdict(core, verdict, toFar);
    return verdict;
  }

  private judge(toFar: boolean): number {
    const core = this.core;
    const seg = core.seg;
    core.flows.setKey(core.buf, seg, toFar);
    let flow = core.flows.find();
    if (flow >= 0 && (flagsOf(core, flow) & (FLOW_KERNEL | FLOW_MOVING)) !== 0) {
      if ((seg.flags & (SYN | ACK | RST)) === SYN) return kernelSyn(core, flow, toFar);
      if (!toFar) toNear(core, flow);
    }
    if (seg.foreign !== 0) this.foreign(flow);
    if ((seg.flags & (SYN | ACK | RST)) === SYN) {
      flow = flow < 0 ? openFromSyn(core, -1, toFar) : normalizeSyn(core, flow, toFar);
    } else if (flow < 0) {
      if ((seg.flags & (SYN | RST | FIN)) !== 0 || (seg.flags & ACK) === 0) return VERDICT_ACCEPT;
      // In raw it is not known yet whether this goes to a bridge, or to another address (NAT).
      if (core.hook === HOOK_PREROUTING && core.policy[POLICY_GATEWAY] !== 0) return VERDICT_ACCEPT;
      flow = pickUp(core, toFar);
      core.word = WORD_WAKES; // a mark on it is not of this flow's making
    }
    if (flow < 0) return VERDICT_ACCEPT;
    core.flow = flow;
    keepOriginal(core, flow);
    if (core.changed !== 0) notePartial(core, flow);
    else if (toFar && (seg.flags & (SYN | ACK)) === SYN) expectPartial(core, flow);
    let verdict = VERDICT_ACCEPT;
    if (!isUnjudged(core, flow, toFar)) {
      verdict = toFar ? normalizeEgress(core, flow) : normalizeIngress(core, flow);
    }
    const opens = (seg.flags & (SYN | RST)) === SYN && verdict === VERDICT_ACCEPT;
    if (opens && clampMss(core, flow, toFar)) verdict = VERDICT_REWRITTEN;
    if (opens && alignOptions(core, flow, toFar)) verdict = VERDICT_REWRITTEN;
    if (opens && stripSackPermitted(core, flow, toFar)) verdict = VERDICT_REWRITTEN;
    judgeBypass(core, flow, toFar);
    core.flows.touch(flow, core.nowMs);
    return verdict;
  }

  /** MD5, AO, MPTCP and Fast Open flows are passed untouched. */
  private foreign(flow: number): void {
    const core = this.core;
    const foreign = core.seg.foreign;
    if ((foreign & (FOREIGN_MD5 | FOREIGN_AO)) !== 0) count(core, STAT_PASSED_MD5_AO);
    if ((foreign & FOREIGN_MPTCP) !== 0) count(core, STAT_PASSED_MPTCP);
    if ((foreign & FOREIGN_FAST_OPEN) !== 0) count(core, STAT_PASSED_FAST_OPEN);
    if (flow >= 0 && (flagsOf(core, flow) & (FLOW_TRANSLATED | FLOW_KERNEL)) === 0) {
      setFlags(core, flow, FLOW_UNTOUCHED);
    }
  }

  /**
   * Completes the checksum of what was changed; the kernel fills that of a super-packet it sends.
   */
  private finish(toFar: boolean): number {
    const core = this.core;
    const kernelFills = toFar && (core.info & INFO_GSO) !== 0;
    if (core.changed === 1 && !kernelFills) fillTcpChecksum(core.buf, core.words, core.seg);
    return VERDICT_REWRITTEN;
  }

  /**
   * Applies answers, runs what is due, expires a little. Returns ms until it wants to run again.
   */
  tick(nowMs: number): number {
    const core = this.core;
    core.nowMs = nowMs;
    this.readInbox();
    const urgentCount = runDue(core);
    core.paths.sweep(nowMs);
    lookAtSettled(core);
    keepIdle(core);
    for (let i = 0; i < EXPIRIES_MAX && core.outbox.hasRoom(EXPIRY_REQUESTS); i++) {
      const expired = core.flows.nextExpired(nowMs, EXPIRY_ROWS);
      if (expired < 0) break;
      if (askBeforeExpiry(core, expired)) continue;
      letGo(core, expired);
      core.flows.remove(expired);
      count(core, STAT_FLOW_EXPIRED);
    }
    return urgentCount > 0 ? TICK_ARMED_MS : TICK_IDLE_MS;
  }

  /** Is anything armed, so that `tick` is due at once and not when the queue next times out? */
  isArmed(): boolean {
    return this.core.repairs.activeCount() > 0;
  }

  private readInbox(): void {
    const core = this.core;
    for (let at = core.inbox.peek(); at >= 0; at = core.inbox.peek()) {
      const words = core.inbox.words;
      if (words[at + IN_KIND] === IN_KIND_END_ALL) this.endAll();
      else if (words[at + IN_KIND] === IN_KIND_SOCKET) socketTold(core, at);
      else if (words[at + IN_KIND] === IN_KIND_FORGET) this.forget(at);
      else if (!hearKernel(core, at)) {
        this.ruleDone(words[at + IN_FLOW]!, words[at + IN_GENERATION]!, words[at + IN_OK]!);
      }
      core.inbox.release();
    }
  }

  private forget(at: number): void {
    const { words } = this.core.inbox;
    this.core.paths.forget(words, at + IN_ADDR, words[at + IN_FAMILY]!, words[at + IN_PORT]!);
  }

  private ruleDone(flow: number, generation: number, ok: number): void {
    const core = this.core;
    const flags = flagsOf(core, flow);
    const same = generationOf(core, flow) === generation;
    if (!same || (flags & FLOW_RULE_WANTED) === 0) return;
    if (ok !== 0) setFlags(core, flow, FLOW_RULE);
    else clearFlags(core, flow, FLOW_RULE_WANTED);
  }

  /** Stops for good: no new flow, and what only lives by translation ends towards the near end. */
  private endAll(): void {
    const core = this.core;
    core.stopping = 1;
    const high = core.flows.index[INDEX_HIGH]!;
    for (let flow = 0; flow < high; flow++) {
      const flags = flagsOf(core, flow);
      const ours = flags & (FLOW_USED | FLOW_TRANSLATED | FLOW_MOVING);
      if (ours === (FLOW_USED | FLOW_TRANSLATED)) {
        endTranslated(core, flow, 0);
      }
      dropRule(core, flow);
    }
  }

  /**
   * May this packet be accepted uninspected when the latency budget is used up? Plain data of a
   * flow that needs nothing; control packets, SACK and flows under repair never (DESIGN §3).
   */
  isPlainData(off: number, len: number, dir: number): boolean {
    const core = this.core;
    core.word = WORD_UNSETTLED;
    if (parseSegment(core.buf, off, len, core.seg) !== WIRE_OK) return true;
    if ((core.seg.flags & (SYN | FIN | RST)) !== 0 || core.seg.sackCount > 0) return false;
    core.flows.setKey(core.buf, core.seg, dir === TO_FAR);
    const flow = core.flows.find();
    if (flow < 0) return true;
    if (dir === TO_FAR) core.spoken.forget(flow);
    const row = flow * FLOW_ROW_WORDS;
    const flags = flagsOf(core, flow);
    if ((flags & FLOW_SETTLED) !== 0) core.word = WORD_SETTLED;
    const rewritten = (flags & (FLOW_TRANSLATED | FLOW_UNSCALED)) !== 0;
    return core.flows.rows[row + REPAIR] === 0 && !rewritten;
  }
}
