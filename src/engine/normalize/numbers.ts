/**
 * Which numbers a flow can mean: within its windows, and SLACK around them for what reordering
 * and an overflowed queue leave behind. Reads the halves; decides nothing. Units: octets.
 */
import { type Core, farHalf, nearHalf } from '../core.ts';
import { HALF_FLAGS, HALF_TS_ON, SND_NXT, SND_UNA, SND_WND } from '../flow/layout.ts';
import { type Seq, seqDiff } from '../wire/seq.ts';

export const SLACK = 1 << 20;
const WND_MIN = 65_535;

/** Within what either end can mean by these numbers now? */
export function inNumbers(core: Core, flow: number, seq: Seq, ack: Seq): boolean {
  return seqIn(core, flow, seq) && ackIn(core, flow, ack);
}

export function seqIn(core: Core, flow: number, seq: Seq): boolean {
  const halves = core.flows.halves;
  const far = farHalf(core, flow);
  const room = SLACK + (halves[far + SND_WND]! > WND_MIN ? halves[far + SND_WND]! : WND_MIN);
  const below = seqDiff(seq, halves[far + SND_UNA]!);
  return below >= -room && seqDiff(seq, halves[far + SND_NXT]!) <= room;
}

export function ackIn(core: Core, flow: number, ack: Seq): boolean {
  const halves = core.flows.halves;
  const near = nearHalf(core, flow);
  const room = SLACK + (halves[near + SND_WND]! > WND_MIN ? halves[near + SND_WND]! : WND_MIN);
  const below = seqDiff(ack, halves[near + SND_UNA]!);
  return below >= -room && seqDiff(ack, halves[near + SND_NXT]!) <= SLACK;
}

/** Do both ends send timestamps? */
export function hasTimestamps(core: Core, flow: number): boolean {
  const halves = core.flows.halves;
  const both =
    halves[nearHalf(core, flow) + HALF_FLAGS]! & halves[farHalf(core, flow) + HALF_FLAGS]!;
  return (both & HALF_TS_ON) !== 0;
}
