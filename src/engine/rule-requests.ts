/**
 * Asks the main thread for a flow's own rules, which show all of its packets before conntrack does,
 * and gives them back. Writes FLOW_RULE_WANTED; whether they stand the inbox tells. DESIGN §4.1.
 */
import { type Core, clearFlags, flagsOf, setFlags } from './core.ts';
import { openRequest } from './emit.ts';
import { FLOW_RULE, FLOW_RULE_WANTED } from './flow/layout.ts';
import { OUT_KIND_RULE_ADD, OUT_KIND_RULE_DEL } from './outbox.ts';

/** Asks for the flow's own rules, once. The answer comes through the inbox. */
export function wantRule(core: Core, flow: number): void {
  if ((flagsOf(core, flow) & FLOW_RULE_WANTED) !== 0) return;
  if (openRequest(core, flow, OUT_KIND_RULE_ADD) < 0) return;
  setFlags(core, flow, FLOW_RULE_WANTED);
  core.outbox.commit();
}

/** Gives the flow's own rules back. */
export function dropRule(core: Core, flow: number): void {
  if ((flagsOf(core, flow) & FLOW_RULE_WANTED) === 0) return;
  if (openRequest(core, flow, OUT_KIND_RULE_DEL) < 0) return;
  clearFlags(core, flow, FLOW_RULE_WANTED | FLOW_RULE);
  core.outbox.commit();
}
