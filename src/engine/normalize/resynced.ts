/**
 * A segment from the far end of a flow whose numbers have jumped (`jump.ts`): in the new numbers
 * it is translated, in the old ones it cancels the translation, in any others it is a sight of
 * the next jump, told in near numbers and left as it is.
 *
 * Reads DELTA, NEAR_DELTA. Writes the packet in place and the Segment. Units: octets. DESIGN §4.4.
 */
import { type Core, isBehindRaw } from '../core.ts';
import { DELTA, FLOW_ROW_WORDS, NEAR_DELTA } from '../flow/layout.ts';
import { VERDICT_ACCEPT, VERDICT_DROP } from '../verdict.ts';
import { ACK, RST } from '../wire/segment.ts';
import { seqAdd } from '../wire/seq.ts';
import { cancelResync } from './jump.ts';
import { inNumbers, seqIn } from './numbers.ts';
import { dropOld, GO_ON, rewriteIn } from './translate.ts';

/** GO_ON: the Segment is in near numbers; otherwise the verdict. */
export function translateResynced(core: Core, flow: number): number {
  if (isBehindRaw(core)) return VERDICT_ACCEPT; // it came through raw already
  const seg = core.seg;
  const row = flow * FLOW_ROW_WORDS;
  const nearSeq = seqAdd(seg.segSeq, -core.flows.rows[row + DELTA]!);
  const nearAck = seqAdd(seg.segAck, -core.flows.rows[row + NEAR_DELTA]!);
  if ((seg.flags & RST) !== 0) {
    // A reset in the old numbers answers what left before the jump: it declares nothing dead.
    if (!seqIn(core, flow, nearSeq)) return dropOld(core, flow);
    return rewriteIn(core, flow) ? GO_ON : VERDICT_DROP;
  }
  if ((seg.flags & ACK) === 0) return VERDICT_ACCEPT;
  if (inNumbers(core, flow, nearSeq, nearAck)) {
    return rewriteIn(core, flow) ? GO_ON : VERDICT_DROP;
  }
  if (inNumbers(core, flow, seg.segSeq, seg.segAck)) {
    cancelResync(core, flow);
    return GO_ON;
  }
  seg.segSeq = nearSeq;
  seg.segAck = nearAck;
  return GO_ON;
}
