/**
 * A re-anchored flow whose translation is a shift of sequence numbers alone is left to conntrack
 * (`--translate kernel`; nf_ct_seq_adjust shifts SEQ, ACK and SACK). It can neither rewrite
 * timestamps nor rescale windows: flows that need that stay in userspace.
 *
 * **When**: between the decision and the first ACK to the real server. That one is in SYN-RECEIVED
 * and sends nothing but its SYN-ACK, which goes nowhere; so nothing of worth is on its way while
 * the entry is exchanged. What passes by all the same is dropped (FLOW_MOVING): it may belong to
 * the old entry or the new one. The first data is sent again behind it anyway.
 *
 * **Who sees which numbers** (net/netfilter/nf_conntrack_proto.c, nf_confirm): the shift is the
 * last thing that happens in LOCAL_IN and in POSTROUTING (priority INT_MAX). So all our hooks, raw
 * PREROUTING, mangle INPUT and mangle POSTROUTING, see arrivals in the far end's (wire) numbers and
 * leaving segments in the near end's. `toNear` brings the Segment, never its bytes, into near
 * numbers, and every rule about resets holds as it is. What we inject passes POSTROUTING on its
 * way, that to our own side too (there LOCAL_IN shifts nothing more: nf_is_loopback_packet): to
 * the far end it takes near numbers, to the near end wire numbers.
 *
 * Never both: FLOW_KERNEL and FLOW_TRANSLATED exclude each other, and a jump is not looked for.
 * Owns FLOW_KERNEL and FLOW_MOVING. DESIGN §2.
 */
import {
  KEPT_IN_USERSPACE,
  PHANTOM_SYNACK,
  STAT_MOVING_DROPPED,
  TRANSLATED_BY_KERNEL,
} from '../codes.ts';
import {
  type Core,
  clearFlags,
  count,
  farHalf,
  flagsOf,
  generationOf,
  nearHalf,
  setFlags,
} from '../core.ts';
import { acknowledgeAgain, event, probe } from '../emit.ts';
import {
  DELTA,
  FLOW_ANCHORED,
  FLOW_BYPASSED,
  FLOW_CONFIRMED,
  FLOW_IPV6,
  FLOW_KERNEL,
  FLOW_MOVING,
  FLOW_NO_JUMP,
  FLOW_NUMBERS_OLD,
  FLOW_OVER,
  FLOW_PICKED_UP,
  FLOW_PROVEN,
  FLOW_ROW_WORDS,
  FLOW_RULE_WANTED,
  FLOW_TRANSLATED,
  FLOW_UNTOUCHED,
  GENERATION,
  HALF_WORDS,
  INDEX_TRANSLATED,
  ISS,
  SCALE_FIX,
  SEGMENT_COUNT,
  SND_CONT,
  ST_ESTABLISHED,
  STATE,
  TS_DELTA,
} from '../flow/layout.ts';
import { askKernel } from '../kernel-requests.ts';
import { letGo } from '../lifecycle.ts';
import { POLICY_BYPASS, POLICY_KERNEL, POLICY_OFF } from '../memory.ts';
import {
  IN_DELTA,
  IN_FAMILY,
  IN_FAR_ADDR,
  IN_FLOW,
  IN_GENERATION,
  IN_KIND,
  IN_KIND_ADOPT,
  IN_KIND_KERNEL,
  IN_KIND_RULE_GONE,
  IN_MARKED,
  IN_NEAR_ADDR,
  IN_OK,
  IN_PORTS,
  IN_REFUSED,
} from '../outbox.ts';
import { dropRule } from '../rule-requests.ts';
import { HOOK_PREROUTING, VERDICT_ACCEPT, VERDICT_DROP } from '../verdict.ts';
import { RST, SYN } from '../wire/segment.ts';
import { seqAdd } from '../wire/seq.ts';
import { completeHandshake, resendFirstData } from './handover.ts';
import { confirm, endTranslated, GO_ON, isOld, judgeOld } from './translate.ts';

/** A flow that has just been re-anchored: true when the kernel was asked to translate it. */
export function moveToKernel(core: Core, flow: number): boolean {
  const off = core.policy[POLICY_OFF + (TRANSLATED_BY_KERNEL >> 5)]!;
  if (core.policy[POLICY_KERNEL] === 0 || (off & (1 << (TRANSLATED_BY_KERNEL & 31))) !== 0) {
    return false;
  }
  const rows = core.flows.rows;
  const row = flow * FLOW_ROW_WORDS;
  const scales = rescales(rows[row + SCALE_FIX]!) ? 1 : 0;
  if (scales !== 0 || rows[row + TS_DELTA] !== 0) {
    stay(core, flow, rows[row + TS_DELTA]!, scales, 0);
    return false;
  }
  if (!askKernel(core, flow, rows[row + DELTA]!)) return false;
  setFlags(core, flow, FLOW_MOVING);
  return true;
}

/** Do the two ends count windows in different units, in either direction? */
function rescales(fix: number): boolean {
  return (fix & 0xff) !== ((fix >>> 8) & 0xff) || ((fix >>> 16) & 0xff) !== fix >>> 24;
}

function stay(core: Core, flow: number, tsBy: number, scales: number, refused: number): void {
  count(core, KEPT_IN_USERSPACE);
  event(core, flow, KEPT_IN_USERSPACE, PHANTOM_SYNACK, tsBy, scales, refused, 0, 0);
}

/** What the main thread says of translation by the kernel, in the inbox at `at`; false: nothing. */
export function hearKernel(core: Core, at: number): boolean {
  const kind = core.inbox.words[at + IN_KIND]!;
  if (kind === IN_KIND_KERNEL) kernelTold(core, at);
  else if (kind === IN_KIND_ADOPT) adopt(core, at);
  else if (kind === IN_KIND_RULE_GONE) ruleGone(core, at);
  else return false;
  return true;
}

/** The answer to `moveToKernel`. */
function kernelTold(core: Core, at: number): void {
  const told = core.inbox.words;
  const flow = told[at + IN_FLOW]!;
  const row = flow * FLOW_ROW_WORDS;
  const same = core.flows.rows[row + GENERATION] === told[at + IN_GENERATION];
  if (!same || (flagsOf(core, flow) & FLOW_MOVING) === 0) return; // let go: its entry goes as well
  if (told[at + IN_OK] === 0) {
    clearFlags(core, flow, FLOW_MOVING);
    stay(core, flow, 0, 0, told[at + IN_REFUSED]!);
    if (core.stopping !== 0) endTranslated(core, flow, 0);
    else completeHandshake(core, flow);
    return;
  }
  clearFlags(core, flow, FLOW_TRANSLATED);
  setFlags(core, flow, FLOW_KERNEL | FLOW_NO_JUMP);
  core.flows.index[INDEX_TRANSLATED] = core.flows.index[INDEX_TRANSLATED]! - 1;
  count(core, TRANSLATED_BY_KERNEL);
  const delta = core.flows.rows[row + DELTA]!;
  event(core, flow, TRANSLATED_BY_KERNEL, PHANTOM_SYNACK, delta, 0, 0, 0, 0);
  dropRule(core, flow); // its packets pass with or without us
  const waits = core.policy[POLICY_BYPASS] !== 0;
  if (waits && (flagsOf(core, flow) & FLOW_RULE_WANTED) === 0) return; // see `ruleGone`
  clearFlags(core, flow, FLOW_MOVING);
  completeHandshake(core, flow);
}

/**
 * Where a flow may be settled, that happens while nothing is in flight: on the answer to a probe
 * right behind the ACK, before the first data. Behind conntrack only can a connection be marked, so
 * its own rules, which show it before, have to be gone; so long nothing passes, still.
 */
function ruleGone(core: Core, at: number): void {
  const told = core.inbox.words;
  const flow = told[at + IN_FLOW]!;
  const same = generationOf(core, flow) === told[at + IN_GENERATION];
  const waits = FLOW_KERNEL | FLOW_MOVING;
  if (!same || (flagsOf(core, flow) & waits) !== waits) return;
  clearFlags(core, flow, FLOW_MOVING);
  acknowledgeAgain(core, flow);
  if (!probe(core, flow, PHANTOM_SYNACK, 1)) resendFirstData(core, flow);
}

/** Is the segment in hand, of a flow that the kernel translates, nothing but that answer? */
export function isGreeted(core: Core, flow: number): boolean {
  const seg = core.seg;
  const far = core.flows.halves[farHalf(core, flow) + SEGMENT_COUNT];
  if ((flagsOf(core, flow) & FLOW_KERNEL) === 0 || far !== 1 || seg.segLen > 0) return false;
  if (core.hook === HOOK_PREROUTING) return false;
  const iss = core.flows.halves[nearHalf(core, flow) + ISS]!;
  return seg.segAck === seqAdd(iss, 1) && seg.sackCount === 0;
}

/**
 * An older run, or the machine that we take over from, has left the flow in the inbox at `at` to
 * the kernel: nothing of it is judged. What of it was seen before we were told was read in numbers
 * that are not its own.
 */
function adopt(core: Core, at: number): void {
  const told = core.inbox.words;
  const key = core.flows.key;
  for (let i = 0; i < 4; i++) {
    key[i] = told[at + IN_NEAR_ADDR + i]!;
    key[4 + i] = told[at + IN_FAR_ADDR + i]!;
  }
  key[8] = told[at + IN_PORTS]!;
  key[9] = told[at + IN_FAMILY] === 6 ? FLOW_IPV6 : 0;
  let flow = core.flows.find();
  if (flow >= 0) {
    if ((flagsOf(core, flow) & (FLOW_PICKED_UP | FLOW_TRANSLATED)) !== FLOW_PICKED_UP) return;
    if ((flagsOf(core, flow) & FLOW_KERNEL) === 0) letGo(core, flow);
    core.flows.keyOf(flow);
    core.flows.clear(flow);
  } else {
    flow = core.flows.insert(core.nowMs);
    if (flow < 0) return;
  }
  if (told[at + IN_MARKED] !== 0) setFlags(core, flow, FLOW_BYPASSED);
  core.flows.rows[flow * FLOW_ROW_WORDS + DELTA] = told[at + IN_DELTA]!;
  core.flows.halves[flow * 2 * HALF_WORDS + STATE] = ST_ESTABLISHED;
  core.flows.halves[(flow * 2 + 1) * HALF_WORDS + STATE] = ST_ESTABLISHED;
  setFlags(core, flow, FLOW_PICKED_UP | FLOW_ANCHORED | FLOW_PROVEN | FLOW_UNTOUCHED);
  setFlags(core, flow, FLOW_KERNEL | FLOW_NO_JUMP);
  core.flows.touch(flow, core.nowMs);
}

/** Does a flow that we have adopted stay in the kernel? Nothing of it is judged by anybody. */
export function staysAdopted(flags: number): boolean {
  const adopted = FLOW_KERNEL | FLOW_UNTOUCHED | FLOW_BYPASSED;
  return (flags & adopted) === adopted;
}

/** An arriving segment of a flow that the kernel translates, or is about to: near numbers. */
export function toNear(core: Core, flow: number): void {
  if ((core.seg.flags & (SYN | RST)) === SYN) return; // of these the handshake knows the numbers
  const delta = core.flows.rows[flow * FLOW_ROW_WORDS + DELTA]!;
  core.seg.segSeq = seqAdd(core.seg.segSeq, -delta);
}

/** The same behind `toNear`: GO_ON, or its verdict. Old numbers are treated as in userspace. */
export function kernelIn(core: Core, flow: number): number {
  const seg = core.seg;
  const flags = flagsOf(core, flow);
  if ((flags & FLOW_MOVING) !== 0) return dropMoving(core);
  if ((flags & FLOW_NUMBERS_OLD) !== 0) return GO_ON;
  const cont = core.flows.halves[farHalf(core, flow) + SND_CONT]!;
  const delta = core.flows.rows[flow * FLOW_ROW_WORDS + DELTA]!;
  const wireSeq = seqAdd(seg.segSeq, delta);
  if (isOld(wireSeq, delta, cont)) {
    seg.segSeq = wireSeq;
    return judgeOld(core, flow, cont);
  }
  if ((seg.flags & RST) === 0 && (flags & FLOW_CONFIRMED) === 0) {
    confirm(core, flow);
    if (core.policy[POLICY_BYPASS] !== 0) resendFirstData(core, flow);
  }
  return GO_ON;
}

/**
 * A SYN without ACK on a flow that the kernel translates. On a new connection on its ports
 * conntrack may still shift what comes: the SYN goes nowhere, and before it comes again, a second
 * later, the old entry is gone.
 */
export function kernelSyn(core: Core, flow: number, toFar: boolean): number {
  const sender = toFar ? nearHalf(core, flow) : farHalf(core, flow);
  const again = core.flows.halves[sender + ISS] === core.seg.segSeq;
  const over = (flagsOf(core, flow) & FLOW_OVER) !== 0;
  if (again || (!toFar && !over)) return VERDICT_ACCEPT; // a challenge is due (RFC 5961 §4.2)
  setFlags(core, flow, FLOW_OVER); // whoever opens anew has closed
  letGo(core, flow);
  core.flows.remove(flow);
  return dropMoving(core);
}

/** While the entry is exchanged a packet may belong to either; what matters is sent again. */
export function dropMoving(core: Core): number {
  count(core, STAT_MOVING_DROPPED);
  return VERDICT_DROP;
}
