/**
 * One look at the firewall: do our rules stand, are they this run's, and what stands beside them?
 * Owns nothing, changes nothing.
 *
 * Not blocking: on a busy machine the programs take half a second.
 */
import type { FlowAddress } from '../../telemetry/flow-address.ts';
import { type Backend, SAVE } from './detect.ts';
import { runAsync } from './execute.ts';
import { type Landmarks, tableHandles } from './landmarks.ts';
import { leadsToUs } from './leftovers.ts';
import { ruleModel } from './model.ts';
import { queueText as iptablesQueue } from './print-iptables.ts';
import { queueText as nftQueue } from './print-nft.ts';
import { CHAIN_OUT_RULES, CHAIN_RAW_REPAIR, NFT_TABLE, type RuleInput } from './rule-input.ts';

export interface Look {
  /** Tables (`FAMILY TABLE`) in which ours are missing; none: they stand. */
  readonly missing: readonly string[];
  /** They stand, but are another run's: other queues, or without the entries of flows. */
  readonly stale: boolean;
  readonly landmarks: Landmarks;
}

const OURS = `inet ${NFT_TABLE}`;
const LIST_TABLE = ['list', 'table', 'inet', NFT_TABLE] as const;
const TABLES = ['raw', 'mangle'] as const;

/**
 * Undefined where the programs cannot tell, because others change rules at this moment. `flows`
 * says which flows have had entries from the first moment of the look to the last.
 */
export async function lookAtRules(
  backend: Backend,
  families: readonly (4 | 6)[],
  input: RuleInput,
  flows: () => readonly FlowAddress[],
): Promise<Look | undefined> {
  const before = flows();
  const tables = await runAsync('nft', ['-j', 'list', 'tables'], '');
  const landmarks = tableHandles(tables.stdout);
  if (backend === 'nft') {
    const listed = await runAsync('nft', LIST_TABLE, '');
    if (!listed.ok && !/No such file/.test(listed.stderr)) return undefined;
    const missing = listed.ok ? [] : [OURS];
    const wanted = kept(before, flows()).length;
    const stale =
      listed.ok && !(servesNft(input, listed.stdout) && flowElements(listed.stdout) >= wanted);
    return { missing, stale, landmarks };
  }
  const missing: string[] = [];
  let stale = false;
  for (const family of families) {
    const outcome = await runAsync(SAVE[family], [], '');
    if (!outcome.ok) return undefined;
    const saved = outcome.stdout;
    missing.push(...missingTables(input, family, saved));
    const wanted = kept(before, flows()).filter((flow) => flow.family === family).length;
    if (!servesIptables(input, saved) || flowEntries(saved) < wanted) stale = true;
  }
  return { missing, stale: stale && missing.length === 0, landmarks };
}

function kept(before: readonly FlowAddress[], now: readonly FlowAddress[]): FlowAddress[] {
  return before.filter((flow) => now.includes(flow));
}

/** Tables of `iptables-save` text in which a jump to us is missing. */
export function missingTables(input: RuleInput, family: 4 | 6, saved: string): string[] {
  const chains = ruleModel(input).filter((chain) =>
    chain.entries.some((entry) => entry.network.family === family),
  );
  return TABLES.filter((table) => {
    const inRaw = table === 'raw';
    const expected = chains.filter(({ place }) => place.startsWith('raw') === inRaw).length;
    return linesOf(saved, table).filter(leadsToUs).length < expected;
  }).map((table) => `${family} ${table}`);
}

function linesOf(saved: string, table: string): string[] {
  const text = saved.split(/^\*/m).find((part) => part.startsWith(`${table}\n`)) ?? '';
  return text.split('\n');
}

/** Of `nft list table` text: what other queues get, we would never see. */
export function servesNft(input: RuleInput, listed: string): boolean {
  const [chain = ''] = /chain out-rules \{[^}]*\}/.exec(listed) ?? [];
  const queue = nftQueue(input);
  // nft 1.0 prints it the other way round.
  return new RegExp(`queue (?:num ${queue} bypass|flags bypass to ${queue}(?![-\\d]))`).test(chain);
}

/** Of `iptables-save` text. */
export function servesIptables(input: RuleInput, saved: string): boolean {
  const wanted = `${iptablesQueue(input)} --queue-bypass`;
  return saved
    .split('\n')
    .some((line) => line.startsWith(`-A ${CHAIN_OUT_RULES} `) && line.includes(wanted));
}

/** Flows that have an entry of their own, in `iptables-save` text. */
export function flowEntries(saved: string): number {
  const own = `-A ${CHAIN_RAW_REPAIR} `;
  return saved.split('\n').filter((line) => line.startsWith(own) && / --dport \d/.test(line))
    .length;
}

/** Likewise, in `nft list table` text. */
export function flowElements(listed: string): number {
  const sets = listed.matchAll(/elements = \{([^}]*)\}/g);
  return [...sets].reduce((count, [, text = '']) => count + text.split(',').length, 0);
}

/** What stands beside the tables in which ours are missing: all others of nft, or these. */
export function besides(backend: Backend, missing: readonly string[]): (table: string) => boolean {
  if (backend === 'nft') return (table) => table !== OURS;
  return (table) => missing.includes(table);
}
