/**
 * The model as `iptables-restore --noflush` text, one per family: our chains afresh, and one jump
 * appended to each of the kernel's chains, all or nothing per table. Owns the wording; see
 * iptables-extensions(8).
 *
 * From the jump on it goes by goto, so that a RETURN leads back to other people's rules at once. A
 * packet that two entries describe is thus judged once: were it to come back to the second entry
 * without its mark, NF_REPEAT would never end.
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
import * as names from './rule-input.ts';
import { emptyBytesMax, type RuleInput, ruleComment } from './rule-input.ts';

type Family = 4 | 6;

/** xt_comment takes 256 bytes, its end included. */
const COMMENT_BYTES_MAX = 255;

const PLACES = {
  raw: {
    table: 'raw',
    hook: 'PREROUTING',
    enter: names.CHAIN_RAW,
    rules: names.CHAIN_RAW_RULES,
    repair: names.CHAIN_RAW_REPAIR,
  },
  in: {
    table: 'mangle',
    hook: 'INPUT',
    enter: names.CHAIN_IN,
    rules: names.CHAIN_IN_RULES,
    repair: names.CHAIN_IN_REPAIR,
  },
  forward: {
    table: 'mangle',
    hook: 'FORWARD',
    enter: names.CHAIN_FORWARD,
    rules: names.CHAIN_FORWARD_RULES,
    repair: names.CHAIN_FORWARD_REPAIR,
  },
  out: {
    table: 'mangle',
    hook: 'POSTROUTING',
    enter: names.CHAIN_OUT,
    rules: names.CHAIN_OUT_RULES,
    repair: names.CHAIN_OUT_REPAIR,
  },
  'raw-icmp': {
    table: 'raw',
    hook: 'PREROUTING',
    enter: names.CHAIN_ICMP,
    rules: names.CHAIN_ICMP_RULES,
    repair: '',
  },
  'out-icmp': {
    table: 'mangle',
    hook: 'POSTROUTING',
    enter: names.CHAIN_ICMP,
    rules: names.CHAIN_ICMP_RULES,
    repair: '',
  },
} as const;

const TOO_BIG = {
  4: '-p icmp -m icmp --icmp-type 3/4',
  6: '-p ipv6-icmp -m icmp6 --icmpv6-type 2',
} as const;

export function iptablesText(input: RuleInput, family: Family): string {
  const chains = ruleModel(input);
  const raw = chains.filter((chain) => PLACES[chain.place].table === 'raw');
  const mangle = chains.filter((chain) => PLACES[chain.place].table !== 'raw');
  return table('raw', raw, input, family) + table('mangle', mangle, input, family);
}

function table(name: string, chains: readonly Chain[], input: RuleInput, family: Family): string {
  const own = chains
    .flatMap(({ place }) => [PLACES[place].enter, PLACES[place].rules, PLACES[place].repair])
    .filter((chain) => chain !== '');
  const settle = name !== 'raw' && input.settledBypass === true ? [names.CHAIN_SETTLE] : [];
  const lines = [
    `*${name}`,
    ...[names.CHAIN_SAVE, ...settle, ...own].map((chain) => `:${chain} - [0:0]`),
    ...saveLines(chains, input),
    ...chains.flatMap((chain) => ruleLines(chain, input, family)),
    ...chains.flatMap((chain) => enterLines(chain, input, family)),
    'COMMIT',
  ];
  return `${lines.join('\n')}\n`;
}

/** Entered by goto: their end leads back to other people's rules. */
function saveLines(chains: readonly Chain[], input: RuleInput): string[] {
  const { bypass, inject } = input.marks;
  const actions = chains.flatMap((chain) => chain.rules.map((rule) => rule.action));
  const has = (connection: string) =>
    actions.some((action) => action.kind === 'unmark' && action.connection === connection);
  const line = (chain: string, does: string) => `-A ${chain} ${commentText(input)} ${does}`;
  const bit = hex(bypass);
  const lines: string[] = [];
  if (has('settle')) {
    lines.push(
      line(names.CHAIN_SETTLE, `-j CONNMARK --set-xmark ${bit}/${bit}`),
      line(names.CHAIN_SETTLE, `-j MARK --set-xmark 0x0/${hex(bypass | inject)}`),
    );
  }
  if (has('unsettle')) lines.push(line(names.CHAIN_SAVE, `-j CONNMARK --set-xmark 0x0/${bit}`));
  lines.push(line(names.CHAIN_SAVE, `-j MARK --set-xmark 0x0/${bit}`));
  return lines;
}

function enterLines(chain: Chain, input: RuleInput, family: Family): string[] {
  const { hook, enter, rules } = PLACES[chain.place];
  const comment = commentText(input);
  const lines = chain.entries
    .filter((entry) => entry.network.family === family)
    .map((entry) => `-A ${enter} ${entryText(entry, chain.place)}${comment} -g ${rules}`);
  if (lines.length === 0) return [];
  const protocol = chain.place.endsWith('icmp') ? TOO_BIG[family] : '-p tcp';
  const first = chain.first.map((rule) => ruleLine(rule, enter, chain, input, family));
  return [...first, ...lines, `-A ${hook} ${protocol} ${comment} -j ${enter}`];
}

function entryText(entry: Entry, place: Place): string {
  if (entry.flow !== undefined) {
    const { nearAddr, nearPort, farAddr, farPort } = entry.flow;
    const near = { addr: nearAddr, port: nearPort };
    const far = { addr: farAddr, port: farPort };
    return `${isLeaving(place) ? tupleText(near, far) : tupleText(far, near)} `;
  }
  const address = entry.network.cidr.endsWith('/0')
    ? ''
    : `${farSide(place)} ${entry.network.cidr} `;
  if (entry.ports.length === 0) return address;
  const side = entry.portIsSource ? 's' : 'd';
  const list = entry.ports.join(',');
  // The list is another module: one port needs none.
  const ports =
    entry.ports.length === 1 ? `--${side}port ${list}` : `-m multiport --${side}ports ${list}`;
  return `${address}-p tcp ${ports} `;
}

function farSide(place: Place): string {
  return isLeaving(place) ? '-d' : '-s';
}

function nearType(place: Place): string {
  return isLeaving(place) ? '--src-type' : '--dst-type';
}

function ruleLines(chain: Chain, input: RuleInput, family: Family): string[] {
  const { rules: name, repair } = PLACES[chain.place];
  const lines: string[] = [];
  let into: string = name;
  for (const rule of chain.rules) {
    const { match, action } = rule;
    if (match.some((one) => one.kind === 'network' && one.network.family !== family)) continue;
    lines.push(ruleLine(rule, into, chain, input, family));
    if (match.some((one) => one.kind === 'repair') && action.kind === 'return') into = repair;
  }
  return lines;
}

/**
 * The entries of flows stand in a chain of their own, and what does not belong to one leaves it at
 * its end: by goto where the packet is to return then, by jump where it is to go on.
 */
function ruleLine(
  { match, action }: Rule,
  into: string,
  chain: Chain,
  input: RuleInput,
  family: Family,
): string {
  // One `-p tcp` for all matches that need it.
  const tcp = match.some((one) => TCP_KINDS.has(one.kind)) ? '-p tcp ' : '';
  const words = match
    .map((one) => matchText(one, chain.place, family))
    .filter((word) => word !== '');
  const tests = words.map((word) => `${word} `).join('');
  const asksRepair = match.some((one) => one.kind === 'repair' || one.kind === 'not-repair');
  const does = asksRepair
    ? `-${action.kind === 'return' ? 'g' : 'j'} ${PLACES[chain.place].repair}`
    : actionText(action, input);
  return `-A ${into} ${tcp}${tests}${commentText(input)} ${does}`;
}

const TCP_KINDS: ReadonlySet<Match['kind']> = new Set([
  'control',
  'plain',
  'sack',
  'no-sack',
  'empty',
]);

function matchText(match: Match, place: Place, family: Family): string {
  switch (match.kind) {
    case 'loopback':
      return isLeaving(place) ? '-o lo' : '-i lo';
    case 'not-loopback':
      return isLeaving(place) ? '! -o lo' : '! -i lo';
    case 'mark':
      return `-m mark --mark ${hex(match.bit)}/${hex(match.bit)}`;
    case 'unmarked':
      return `-m mark --mark 0x0/${hex(match.bits)}`;
    case 'connmark':
      return `-m connmark --mark ${hex(match.bit)}/${hex(match.bit)}`;
    case 'control':
      return '! --tcp-flags SYN,FIN,RST NONE';
    case 'plain':
      return '--tcp-flags SYN,FIN,RST NONE';
    case 'sack':
      return '--tcp-option 5';
    case 'no-sack':
      return '! --tcp-option 5';
    case 'empty': {
      const bytes = emptyBytesMax(family, match.timestamps);
      return `${match.timestamps ? '--tcp-option 8 ' : ''}-m length --length 0:${bytes}`;
    }
    case 'sample': {
      const { FOLLOWED_PER_SECOND: rate, FOLLOWED_BURST: burst } = names;
      return `-m limit --limit ${rate}/sec --limit-burst ${burst}`;
    }
    case 'local':
      return `-m addrtype ${nearType(place)} LOCAL`;
    case 'forwarded':
      return `-m addrtype ! ${nearType(place)} LOCAL`;
    case 'network':
      return `${farSide(place)} ${match.network.cidr}`;
    case 'repair':
    case 'not-repair':
      return '';
  }
}

function actionText(action: Action, input: RuleInput): string {
  switch (action.kind) {
    case 'return':
      return '-j RETURN';
    case 'unmark':
      return `-g ${action.connection === 'settle' ? names.CHAIN_SETTLE : names.CHAIN_SAVE}`;
    case 'forget':
      return `-j CONNMARK --set-xmark 0x0/${hex(action.bit)}`;
    case 'queue':
      return `-j NFQUEUE ${queueText(action.first ? firstOf(input) : input)}${action.bypass ? ' --queue-bypass' : ''}`;
  }
}

/**
 * Balanced by the two addresses, in either order. Not --queue-cpu-fanout: with that the processor
 * which a packet happens to be on chooses, and a flow comes to several workers.
 */
export function queueText({ queueNum, queueCount }: RuleInput): string {
  if (queueCount === 1) return `--queue-num ${queueNum}`;
  return `--queue-balance ${queueNum}:${queueNum + queueCount - 1}`;
}

function commentText(input: RuleInput): string {
  return `-m comment --comment "${ruleComment(input, COMMENT_BYTES_MAX)}"`;
}

function hex(bit: number): string {
  return `0x${bit.toString(16)}`;
}

/**
 * The own entries of flows, several in one restore. raw stands first and goes first, and the queue
 * sees a packet twice rather than never between the two commits.
 */
export function iptablesFlowText(input: RuleInput, changes: readonly FlowChange[]): string {
  const comment = commentText(input);
  const queue = `${comment} -j NFQUEUE ${queueText(input)}`;
  const inward = [
    ...(input.hooks.includes('host') ? [names.CHAIN_IN_REPAIR] : []),
    ...(input.hooks.includes('gateway') ? [names.CHAIN_FORWARD_REPAIR] : []),
  ];
  const raw: string[] = [];
  const mangle: string[] = [];
  for (const { add, flow } of changes) {
    const near = { addr: flow.nearAddr, port: flow.nearPort };
    const far = { addr: flow.farAddr, port: flow.farPort };
    const arriving = tupleText(far, near);
    const leaving = tupleText(near, far);
    // Inserted: the queue rule stands last in the chains of `in` and `forward`.
    const verb = add ? '-I' : '-D';
    raw.push(`${verb} ${names.CHAIN_RAW_REPAIR} ${arriving} ${queue}`);
    for (const chain of inward) mangle.push(`${verb} ${chain} ${arriving} ${comment} -j RETURN`);
    mangle.push(`${verb} ${names.CHAIN_OUT_REPAIR} ${leaving} ${queue}`);
  }
  return `*raw\n${raw.join('\n')}\nCOMMIT\n*mangle\n${mangle.join('\n')}\nCOMMIT\n`;
}

interface End {
  readonly addr: string;
  readonly port: number;
}

function tupleText(from: End, to: End): string {
  return `-p tcp -s ${from.addr} -d ${to.addr} --sport ${from.port} --dport ${to.port}`;
}
