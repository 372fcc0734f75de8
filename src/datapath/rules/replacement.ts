/**
 * The text that puts other rules in place of those that stand, in one transaction (with iptables
 * one for each table of a family), without losing the entries of flows under repair. Owns nothing.
 *
 * A flow that the new rules do not describe any more keeps an entry of its own: its packets must be
 * translated to its end.
 */
import { BlockList } from 'node:net';
import type { FlowAddress } from '../../telemetry/flow-address.ts';
import { type Backend, RESTORE, RESTORE_ARGS, SAVE } from './detect.ts';
import { type Outcome, runAsync } from './execute.ts';
import type { FlowChange } from './flow-change.ts';
import { replacing, withoutFlows } from './leftovers.ts';
import { iptablesFlowText, iptablesText } from './print-iptables.ts';
import { nftFlowText, nftText } from './print-nft.ts';
import { NFT_TABLE, type RuleInput } from './rule-input.ts';

export interface Holder {
  readonly backend: Backend;
  readonly families: readonly (4 | 6)[];
}

/** All of it or nothing: the first outcome that is not ok, after which `standing` stands again. */
export async function swapRules(
  holder: Holder,
  standing: RuleInput,
  next: RuleInput,
  flows: readonly FlowAddress[],
): Promise<Outcome> {
  const wanted = withStrays(next, flows);
  const tried = await restore(holder, wanted, flows, '--test');
  if (!tried.ok) return tried;
  const done = await restore(holder, wanted, flows);
  // One family may have taken them.
  if (!done.ok) await restore(holder, withStrays(standing, flows), flows);
  return done;
}

async function restore(
  { backend, families }: Holder,
  input: RuleInput,
  flows: readonly FlowAddress[],
  ...test: readonly string[]
): Promise<Outcome> {
  if (backend === 'nft') {
    const args = [...(test.length > 0 ? ['-c'] : []), '-f', '-'];
    return runAsync('nft', args, nftReplacement(input, flows));
  }
  let outcome: Outcome = { ok: true, absent: false, stdout: '', stderr: '' };
  for (const family of families) {
    const saved = await runAsync(SAVE[family], [], '');
    if (!saved.ok) return saved;
    const text = iptablesReplacement(input, flows, family, saved.stdout);
    outcome = await runAsync(RESTORE[family], [...test, ...RESTORE_ARGS], text);
    if (!outcome.ok) break;
  }
  return outcome;
}

/** With the entries for those of `flows` that it does not describe. */
export function withStrays(input: RuleInput, flows: readonly FlowAddress[]): RuleInput {
  const targets = blockList(input.targets);
  const excludes = blockList(input.excludes);
  const strays = flows.filter((flow) => {
    const family = `ipv${flow.family}` as const;
    const ports = [
      ...(input.direction === 'in' ? [] : [flow.farPort]),
      ...(input.direction === 'out' ? [] : [flow.nearPort]),
    ];
    const isTarget = targets.check(flow.farAddr, family) && !excludes.check(flow.farAddr, family);
    return !isTarget || !ports.some((port) => input.ports.includes(port));
  });
  return { ...input, strays };
}

export function nftReplacement(input: RuleInput, flows: readonly FlowAddress[]): string {
  return nftText(input) + nftFlowText(additions(flows));
}

/** Of entries for single flows those of `flows`, and no others; the rules stay. */
export function nftExchange(flows: readonly FlowAddress[]): string {
  const sets = [4, 6].map((family) => `flush set inet ${NFT_TABLE} repair${family}\n`);
  return sets.join('') + nftFlowText(additions(flows));
}

/** Likewise; empty where nothing is to be done. */
export function iptablesExchange(
  input: RuleInput,
  flows: readonly FlowAddress[],
  family: 4 | 6,
  saved: string,
): string {
  const own = flows.filter((flow) => flow.family === family);
  const added = own.length === 0 ? '' : iptablesFlowText(input, additions(own));
  return withoutFlows(saved) + added;
}

function additions(flows: readonly FlowAddress[]): FlowChange[] {
  return flows.map((flow) => ({ add: true, flow }));
}

/** `saved`: what stands now. */
export function iptablesReplacement(
  input: RuleInput,
  flows: readonly FlowAddress[],
  family: 4 | 6,
  saved: string,
): string {
  const own = flows.filter((flow) => flow.family === family);
  const text = replacing(saved, iptablesText(input, family));
  if (own.length === 0) return text;
  const entries = tables(iptablesFlowText(input, additions(own)));
  let table = '';
  const lines = text.split('\n').flatMap((line) => {
    if (line.startsWith('*')) table = line;
    return line === 'COMMIT' ? [...(entries.get(table) ?? []), line] : [line];
  });
  return lines.join('\n');
}

/** The lines of each table, without its head and COMMIT. */
function tables(text: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  let lines: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('*')) {
      lines = [];
      found.set(line, lines);
    } else if (line !== 'COMMIT' && line !== '') lines.push(line);
  }
  return found;
}

function blockList(networks: RuleInput['targets']): BlockList {
  const list = new BlockList();
  for (const { family, cidr } of networks) {
    const [address = '', bits] = cidr.split('/');
    list.addSubnet(address, Number(bits), `ipv${family}`);
  }
  return list;
}
