/** What flows of an older run wait for, and that each of them gets it. */
import { describe, expect, it } from 'vitest';
import { answerLeft, ruledFlows } from '../../src/datapath/taking-over.ts';
import {
  FLOW_KERNEL,
  FLOW_MOVING,
  FLOW_OVER,
  FLOW_RULE,
  FLOW_RULE_WANTED,
  FLOW_TRANSLATED,
} from '../../src/engine/flow/layout.ts';
import type { FlowAddress } from '../../src/telemetry/flow-address.ts';
import { memoryOf } from '../telemetry/flow-memory.ts';

/** Ports of the near end, from 40000 on, tell the flows apart. */
function answers(flags: readonly number[], held: readonly number[], refused = 0): string[] {
  const said: string[] = [];
  answerLeft(
    {
      memories: [memoryOf(flags.map((flag, i) => ({ flags: flag, delta: 7 + i })))],
      ruleStands: (queue, row) => said.push(`rule ${queue} ${row}`),
      kernelTold: (queue, row, _, why) => said.push(`kernel ${queue} ${row} ${why}`),
    },
    {
      holds: ({ nearPort }: FlowAddress) => held.includes(nearPort - 40_000),
      move: ({ nearPort }: FlowAddress, delta: number) => {
        said.push(`move ${nearPort - 40_000} ${delta}`);
        return refused;
      },
    },
  );
  return said;
}

describe('flows of an older run', () => {
  it('hear that their own rules stand, where they do not know it', () => {
    const wants = FLOW_TRANSLATED | FLOW_RULE_WANTED;
    expect(answers([wants, wants | FLOW_RULE, FLOW_TRANSLATED], [])).toEqual(['rule 0 0']);
  });

  it('are translated by the kernel again, where its entry is missing', () => {
    expect(answers([FLOW_KERNEL, FLOW_KERNEL, FLOW_KERNEL | FLOW_OVER], [1])).toEqual(['move 0 7']);
  });

  it('hear what became of a move that was under way', () => {
    const moving = FLOW_TRANSLATED | FLOW_MOVING;
    expect(answers([moving], [0])).toEqual(['kernel 0 0 0']);
    expect(answers([moving], [], 3)).toEqual(['move 0 7', 'kernel 0 0 3']);
  });

  it('have their rules put in again, all of them and no others', () => {
    const memories = [memoryOf([{ flags: FLOW_RULE_WANTED }, { flags: FLOW_TRANSLATED }])];
    expect(ruledFlows(memories).map(({ nearPort }) => nearPort)).toEqual([40_000]);
  });
});
