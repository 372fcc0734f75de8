/**
 * The model as one `nft -f` transaction: table `inet seqshim`, replaced whole, with two sets for
 * the flows under repair. Owns the wording; see nft(8).
 *
 * Base chains are ours alone, so that a verdict in them skips nobody's rules: raw -300 is before
 * conntrack (-200), -150 is where mangle stands. The egress chain is of type filter: type route
 * would re-route what carries a mark.
 */
import type { FlowChange } from './flow-change.ts';
import {
  type Action,
  type Chain,
  type Entry,
  firstOf,
  isLeaving,
  type Match,
  type Place,
  type Rule,
  ruleModel,
} from './model.ts';
import {
  emptyBytesMax,
  FOLLOWED_BURST,
  FOLLOWED_PER_SECOND,
  NFT_TABLE,
  type RuleInput,
  ruleComment,
} from './rule-input.ts';

const HOOKS = {
  raw: 'type filter hook prerouting priority -300; policy accept;',
  in: 'type filter hook input priority -150; policy accept;',
  'raw-icmp': 'type filter hook prerouting priority -300; policy accept;',
  'out-icmp': 'type filter hook postrouting priority -150; policy accept;',
  forward: 'type filter hook forward priority -150; policy accept;',
  out: 'type filter hook postrouting priority -150; policy accept;',
} as const;

/** nft takes 128 bytes, its end included. */
const COMMENT_BYTES_MAX = 127;

const TOO_BIG = {
  4: 'icmp type destination-unreachable icmp code 4',
  6: 'icmpv6 type packet-too-big',
} as const;

const FAMILIES = [4, 6] as const;
const FAMILY_KINDS: ReadonlySet<Match['kind']> = new Set(['repair', 'not-repair', 'empty']);
const IP = { 4: 'ip', 6: 'ip6' } as const;

export function nftText(input: RuleInput): string {
  const lines = [
    // Created so that deleting it cannot fail: all three are one transaction.
    `table inet ${NFT_TABLE}`,
    `delete table inet ${NFT_TABLE}`,
    `table inet ${NFT_TABLE} {`,
    ...FAMILIES.flatMap(setLines),
    ...ruleModel(input).flatMap((chain) => chainLines(chain, input)),
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

/** Far address, far port, near address, near port. */
function setLines(family: 4 | 6): string[] {
  const address = `ipv${family}_addr`;
  const type = `type ${address} . inet_service . ${address} . inet_service`;
  return [`  set repair${family} {`, `    ${type}`, '  }'];
}

function chainLines(chain: Chain, input: RuleInput): string[] {
  const { place } = chain;
  const comment = `comment "${ruleComment(input, COMMENT_BYTES_MAX)}"`;
  const text = ({ match, action, counted }: Rule) => {
    const does = `${counted === true ? 'counter ' : ''}${actionText(action, input)}`;
    const asksFamily = match.some(({ kind }) => FAMILY_KINDS.has(kind));
    const families = asksFamily ? FAMILIES : ([4] as const);
    return families.map((family) =>
      [...match.map((one) => matchText(one, place, family)), does].join(' '),
    );
  };
  const entries = chain.entries.map((entry) => `${entryText(entry, place)} goto ${place}-rules`);
  const commented = (line: string) => `    ${line} ${comment}`;
  return [
    `  chain ${place}-rules {`,
    ...chain.rules.flatMap(text).map(commented),
    '  }',
    `  chain ${place} {`,
    `    ${HOOKS[place]}`,
    ...chain.first.flatMap(text).map(commented),
    ...entries.map(commented),
    '  }',
  ];
}

function entryText(entry: Entry, place: Place): string {
  const { family, cidr } = entry.network;
  if (entry.flow !== undefined) {
    const { nearAddr, nearPort, farPort } = entry.flow;
    const [far, near] = isLeaving(place) ? ['d', 's'] : ['s', 'd'];
    const nearEnd = `${IP[family]} ${near}addr ${nearAddr} tcp ${near}port ${nearPort}`;
    return `${IP[family]} ${far}addr ${cidr} tcp ${far}port ${farPort} ${nearEnd}`;
  }
  const address = cidr.endsWith('/0')
    ? `meta nfproto ipv${family}`
    : `${IP[family]} ${farSide(place)} ${cidr}`;
  if (entry.ports.length === 0) return `${address} ${TOO_BIG[family]}`;
  const ports = `tcp ${entry.portIsSource ? 'sport' : 'dport'} { ${entry.ports.join(', ')} }`;
  return `${address} ${ports}`;
}

function farSide(place: Place): string {
  return isLeaving(place) ? 'daddr' : 'saddr';
}

function nearSide(place: Place): string {
  return isLeaving(place) ? 'saddr' : 'daddr';
}

function repairText(family: 4 | 6, place: Place, not: '' | '!= '): string {
  const ip = IP[family];
  const [far, near] = place === 'out' ? ['d', 's'] : ['s', 'd'];
  const key = `${ip} ${far}addr . tcp ${far}port . ${ip} ${near}addr . tcp ${near}port`;
  return `${key} ${not}@repair${family}`;
}

/** `family`: of the flows under repair, which have a set each, and of sizes. */
function matchText(match: Match, place: Place, family: 4 | 6): string {
  switch (match.kind) {
    case 'loopback':
      return isLeaving(place) ? 'oifname "lo"' : 'iifname "lo"';
    case 'not-loopback':
      return isLeaving(place) ? 'oifname != "lo"' : 'iifname != "lo"';
    case 'mark':
      return `meta mark & ${hex(match.bit)} == ${hex(match.bit)}`;
    case 'unmarked':
      return `meta mark & ${hex(match.bits)} == 0x0`;
    case 'connmark':
      return `ct mark & ${hex(match.bit)} == ${hex(match.bit)}`;
    case 'control':
      return 'tcp flags & (fin | syn | rst) != 0x0';
    case 'plain':
      return 'tcp flags & (fin | syn | rst) == 0x0';
    case 'sack':
      return 'tcp option sack exists';
    case 'no-sack':
      return 'tcp option sack missing';
    case 'empty': {
      const bytes = emptyBytesMax(family, match.timestamps);
      const option = match.timestamps ? ' tcp option timestamp exists' : '';
      return `meta nfproto ipv${family} meta length <= ${bytes}${option}`;
    }
    case 'sample':
      return `limit rate ${FOLLOWED_PER_SECOND}/second burst ${FOLLOWED_BURST} packets`;
    case 'local':
      return `fib ${nearSide(place)} type local`;
    case 'forwarded':
      return `fib ${nearSide(place)} type != local`;
    case 'network':
      return `${IP[match.network.family]} ${farSide(place)} ${match.network.cidr}`;
    case 'repair':
      return repairText(family, place, '');
    case 'not-repair':
      return repairText(family, place, '!= ');
  }
}

function actionText(action: Action, input: RuleInput): string {
  switch (action.kind) {
    case 'return':
      return 'return';
    case 'unmark': {
      const { bypass, inject } = input.marks;
      const settle = action.connection === 'settle';
      const save = action.connection === 'leave' ? '' : `${connectionText(settle, bypass)} `;
      const bits = settle ? bypass | inject : bypass;
      return `${save}meta mark set meta mark & ${hex(~bits >>> 0)} return`;
    }
    case 'forget':
      return connectionText(false, action.bit);
    case 'queue':
      return `queue num ${queueText(action.first ? firstOf(input) : input)}${action.bypass ? ' bypass' : ''}`;
  }
}

/** A range is balanced by the two addresses, in either order; never with `fanout`. */
export function queueText({ queueNum, queueCount }: RuleInput): string {
  return queueCount === 1 ? String(queueNum) : `${queueNum}-${queueNum + queueCount - 1}`;
}

/** Sets or clears the bit of the connection. */
function connectionText(set: boolean, bit: number): string {
  return `ct mark set ct mark ${set ? `| ${hex(bit)}` : `& ${hex(~bit >>> 0)}`}`;
}

function hex(bits: number): string {
  return `0x${bits.toString(16)}`;
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
