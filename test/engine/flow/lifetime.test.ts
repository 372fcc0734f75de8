/** How long a silent flow keeps its row, for each of its states. */
import { expect, it } from 'vitest';
import * as flow from '../../../src/engine/flow/layout.ts';
import { lifetimeMs } from '../../../src/engine/flow/lifetime.ts';
import * as limit from '../../../src/engine/limits.ts';

const over = flow.FLOW_OVER;
const settled = flow.FLOW_SETTLED;
const forwarded = flow.FLOW_FORWARDED | flow.FLOW_SETTLED;

it.each([
  ['new', 0, false, false, limit.IDLE_TRANSITORY_MS],
  ['established', 0, true, false, limit.IDLE_ESTABLISHED_MS],
  ['established, a reset went by', 0, true, true, limit.IDLE_ESTABLISHED_MS],
  ['over', over, true, false, limit.IDLE_CLOSED_MS],
  [
    'over, translated here',
    over | flow.FLOW_TRANSLATED,
    true,
    false,
    limit.IDLE_ENDED_TRANSLATED_MS,
  ],
  [
    'over, translated by conntrack',
    over | flow.FLOW_KERNEL,
    true,
    true,
    limit.IDLE_ENDED_TRANSLATED_MS,
  ],
  ['over while settled', over | settled, true, false, limit.IDLE_CLOSED_MS],
  ['settled', settled, true, false, limit.IDLE_SETTLED_MS],
  ['settled, a reset went by', settled, true, true, limit.IDLE_ASK_SOON_MS],
  ['forwarded and settled', forwarded, true, false, limit.IDLE_ESTABLISHED_MS],
  ['forwarded, a reset went by', forwarded, true, true, limit.IDLE_TRANSITORY_MS],
  ['forwarded and new', flow.FLOW_FORWARDED, false, false, limit.IDLE_TRANSITORY_MS],
] as const)('a flow that is %s', (_, flags, established, passed, ms) => {
  expect(lifetimeMs(flags, established, passed)).toBe(ms);
});
