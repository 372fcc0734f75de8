/**
 * A flow of which packets may have gone by while no shim ran (FLOW_UNSEEN): it is verified by its
 * next packets before anything is judged, or rewritten, by what is remembered of it.
 *
 * **Translated flows** were held off meanwhile: both ends stand where they stood, and what does not
 * fit the windows of the near end is another connection on its ports. Nothing of it is translated:
 * it is picked up like any that is older than the shim. What arrives and does not fit is judged as
 * ever (`translate.ts`).
 *
 * **All others** passed: their numbers may be anywhere. The near end's next ACK tells where they
 * are; what arrives before that goes on unjudged, but shows that the chosen end point lives. What
 * was sent meanwhile is forgotten.
 *
 * Owns FLOW_UNSEEN. Units: octets. DESIGN §3.
 */
import { type Core, clearFlags, farHalf, flagsOf, nearHalf, setFlags } from '../core.ts';
import { askSocket } from '../emit.ts';
import {
  ANCHORED_MS,
  FLOW_BYPASSED,
  FLOW_FORWARDED,
  FLOW_KERNEL,
  FLOW_OLD,
  FLOW_PICKED_UP,
  FLOW_ROW_WORDS,
  FLOW_TRANSLATED,
  FLOW_UNHEARD,
  FLOW_UNSEEN,
  SND_CONT,
  SND_NXT,
  SND_UNA,
  SND_WND,
} from '../flow/layout.ts';
import { pickUpAgain } from '../lifecycle.ts';
import { POLICY_GATEWAY } from '../memory.ts';
import { ACK, RST, SYN } from '../wire/segment.ts';
import { type Seq, seqAdd, seqDiff } from '../wire/seq.ts';
import { hearUnseen } from './question.ts';
import { hearLiving } from './reset.ts';

/** Two numbers of a stranger lie this near to ours once in some million times. */
const NEAR_OCTETS = 1 << 20;

/** The segment in hand, of a flow with FLOW_UNSEEN: true when it goes on as it is, unjudged. */
export function isUnseen(core: Core, flow: number, toFar: boolean): boolean {
  const flags = flagsOf(core, flow);
  if ((core.seg.flags & (SYN | ACK)) !== ACK) return false;
  if ((flags & FLOW_TRANSLATED) !== 0) return toFar && !verify(core, flow);
  if ((core.seg.flags & RST) !== 0) return false;
  if (toFar) begin(core, flow, flags);
  else hearFarUnseen(core, flow);
  return !toFar;
}

/** The far end lives: that much is certain wherever the numbers are by now. */
function hearFarUnseen(core: Core, flow: number): void {
  hearUnseen(core, flow);
  const cont = core.flows.halves[farHalf(core, flow) + SND_CONT]!;
  const ahead = seqDiff(core.seg.segSeq, cont);
  if (ahead > -NEAR_OCTETS && ahead < NEAR_OCTETS) hearLiving(core, flow);
}

/** A leaving segment of a translated flow; false: it is none of that flow. */
function verify(core: Core, flow: number): boolean {
  const halves = core.flows.halves;
  const near = nearHalf(core, flow);
  const far = farHalf(core, flow);
  const { segSeq, segAck } = core.seg;
  const fits =
    isBetween(segSeq, halves[near + SND_UNA]!, halves[near + SND_NXT]!, halves[near + SND_WND]!) &&
    isBetween(segAck, halves[far + SND_UNA]!, halves[far + SND_NXT]!, 0);
  clearFlags(core, flow, FLOW_UNSEEN);
  if (!fits) pickUpAgain(core, flow);
  return fits;
}

function isBetween(number: Seq, una: Seq, nxt: Seq, wnd: number): boolean {
  return seqDiff(number, una) > -NEAR_OCTETS && seqDiff(number, nxt) < NEAR_OCTETS + (wnd >>> 0);
}

/**
 * The near end's word tells exactly what it has received, and nearly what it has sent: the rest its
 * socket knows, where there is one. Whether all of that was acknowledged nobody has seen: until an
 * acknowledgment or the socket tells, something counts as in flight. A jump would otherwise be
 * taken to begin behind octets that the far end never got.
 */
function begin(core: Core, flow: number, flags: number): void {
  const { segSeq, segAck } = core.seg;
  const { halves } = core.flows;
  const near = nearHalf(core, flow);
  clearFlags(core, flow, FLOW_UNSEEN | FLOW_OLD | FLOW_UNHEARD);
  restart(halves, near, segSeq);
  halves[near + SND_UNA] = seqAdd(segSeq, -1);
  restart(halves, farHalf(core, flow), segAck);
  core.spoken.forget(flow);
  if ((flags & FLOW_PICKED_UP) !== 0) return;
  setFlags(core, flow, FLOW_BYPASSED);
  core.flows.rows[flow * FLOW_ROW_WORDS + ANCHORED_MS] = core.nowMs;
  if ((flags & (FLOW_FORWARDED | FLOW_KERNEL)) !== 0 || core.policy[POLICY_GATEWAY] !== 0) return;
  setFlags(core, flow, FLOW_OLD);
  askSocket(core, flow);
}

function restart(halves: Int32Array, half: number, seq: Seq): void {
  halves[half + SND_UNA] = halves[half + SND_NXT] = halves[half + SND_CONT] = seq;
}
