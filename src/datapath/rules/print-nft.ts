/**
 * The model as one `nft -f` transaction: table `inet seqshim`, replaced whole, with two sets for
 * the flows under repair. Owns the wording; see nft(8).
 *
 * Base chains are ours alone, so that ACCEPT as verdict skips nobody's rules; the chain of a place
 * still begins like that of iptables. Priorities: raw -300 is before conntrack (-200), mangle -150.
 */

import { type Action, type Chain, type Entry, type Match, type Rule, ruleModel } from './model.ts';
import type { FlowChange } from './print-iptables.ts';
import { NFT_TABLE, type RuleInput, ruleComment } from './rule-input.ts';

const HOOKS = {
  raw: 'hook prerouting priority -300',
  in: 'hook input priority -150',
  out: 'hook postrouting priority -150',
} as const;

/** nft takes 128 bytes, its end included. */
const COMMENT_MAX = 127;
const SET_TYPE = { 4: 'ipv4_addr', 6: 'ipv6_addr' } as const;

export function nftText(input: RuleInput): string {
  const comment = quote(ruleComment(input).slice(0, COMMENT_MAX));
  const lines = [`table inet ${NFT_TABLE}`, `delete table inet ${NFT_TABLE}`];
  lines.push(`table inet ${NFT_TABLE} {`);
  for (const family of [4, 6] as const) {
    // far address, far port, near address, near port
    const type = `${SET_TYPE[family]} . inet_service . ${SET_TYPE[family]} . inet_service`;
    lines.push(`  set repair${family} {`, `    type ${type}`, '  }');
  }
  for (const chain of ruleModel(input)) lines.push(...chainLines(chain, input, comment));
  lines.push('}');
  return `${lines.join('\n')}\n`;
}

function chainLines(chain: Chain, input: RuleInput, comment: string): string[] {
  const body: string[] = [];
  for (const rule of chain.rules) {
    for (const text of ruleTexts(rule, chain, input)) body.push(`    ${text} comment ${comment}`);
  }
  const jumps = chain.entries.map(
    (entry) => `    ${entryText(entry, chain.place)} goto ${chain.place}_rules comment ${comment}`,
  );
  const base = `    type filter ${HOOKS[chain.place]}; policy accept;`;
  return [
    `  chain ${chain.place}_rules {`,
    ...body,
    '  }',
    `  chain ${chain.place} {`,
    base,
    ...jumps,
    '  }',
  ];
}

function entryText(entry: Entry, place: Chain['place']): string {
  const ip = entry.network.family === 4 ? 'ip' : 'ip6';
  const side = place === 'out' ? 'daddr' : 'saddr';
  const any = entry.network.cidr.endsWith('/0');
  const address = any
    ? `meta nfproto ipv${entry.network.family}`
    : `${ip} ${side} ${entry.network.cidr}`;
  const ports = `tcp ${entry.portIsSource ? 'sport' : 'dport'} { ${entry.ports.join(', ')} }`;
  const local = place === 'raw' ? ' fib daddr type local' : '';
  return `${address} ${ports}${local}`;
}

/** A rule on the sets of both families is two. */
function ruleTexts(rule: Rule, chain: Chain, input: RuleInput): string[] {
  const action = actionText(rule.action, input);
  if (rule.match.some((match) => match.kind === 'repair')) {
    return ([4, 6] as const).map((family) => `${repairText(family, chain.place)} ${action}`);
  }
  const matches = rule.match.map((match) => matchText(match, chain.place));
  return [[...matches, action].join(' ')];
}

function repairText(family: 4 | 6, place: Chain['place']): string {
  const ip = family === 4 ? 'ip' : 'ip6';
  const key =
    place === 'out'
      ? `${ip} daddr . tcp dport . ${ip} saddr . tcp sport`
      : `${ip} saddr . tcp sport . ${ip} daddr . tcp dport`;
  return `${key} @repair${family}`;
}

function matchText(match: Match, place: Chain['place']): string {
  switch (match.kind) {
    case 'loopback':
      return place === 'out' ? 'oifname "lo"' : 'iifname "lo"';
    case 'mark':
      return `meta mark & ${hex(match.bit)} == ${hex(match.bit)}`;
    case 'not-mark':
      return `meta mark & ${hex(match.bit)} == 0`;
    case 'connmark':
      return `ct mark & ${hex(match.bit)} == ${hex(match.bit)}`;
    case 'syn':
      return 'tcp flags & (fin | syn | rst | ack) == syn';
    case 'control':
      return 'tcp flags & (fin | syn | rst) != 0';
    case 'plain':
      return 'tcp flags & (fin | syn | rst) == 0';
    case 'sack':
      return 'tcp option sack exists';
    case 'network':
      return `${match.network.family === 4 ? 'ip' : 'ip6'} ${place === 'out' ? 'daddr' : 'saddr'} ${match.network.cidr}`;
    case 'repair':
      return '';
  }
}

function actionText(action: Action, input: RuleInput): string {
  switch (action.kind) {
    case 'return':
      return 'return';
    case 'save':
      return `meta mark set meta mark & ${hex(~input.marks.bypass >>> 0)} return`;
    case 'forget':
      return `ct mark set ct mark & ${hex(~action.bit >>> 0)}`;
    case 'queue':
      return `queue num ${input.queueNum}${action.bypass ? ' bypass' : ''}`;
  }
}

function hex(bits: number): string {
  return `0x${bits.toString(16)}`;
}

function quote(text: string): string {
  return `"${text.replaceAll('"', "'")}"`;
}

/** The own entries of flows: one element each. */
export function nftFlowText(changes: readonly FlowChange[]): string {
  return changes
    .map(({ add, flow }) => {
      const set = `inet ${NFT_TABLE} repair${flow.family}`;
      const key = `${flow.farAddr} . ${flow.farPort} . ${flow.nearAddr} . ${flow.nearPort}`;
      return `${add ? 'add' : 'delete'} element ${set} { ${key} }\n`;
    })
    .join('');
}
