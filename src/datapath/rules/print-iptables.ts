/**
 * The model as `iptables-restore --noflush` text, one per family: creates our chains afresh and
 * appends one jump per entry, all or nothing per table. Owns the wording; see
 * iptables-extensions(8).
 *
 * MARK and CONNMARK work in every table; NFQUEUE and RETURN as DESIGN §2 describes.
 */
import type { Action, Chain, Entry, Match, Place, Rule } from './model.ts';
import { ruleModel } from './model.ts';
import {
  CHAIN_IN,
  CHAIN_OUT,
  CHAIN_RAW,
  CHAIN_REPAIR_OUT,
  CHAIN_REPAIR_RAW,
  CHAIN_SAVE,
  type RuleInput,
  ruleComment,
} from './rule-input.ts';

type Family = 4 | 6;

const CHAINS: Readonly<Record<Place, string>> = { raw: CHAIN_RAW, in: CHAIN_IN, out: CHAIN_OUT };
const HOOKS: Readonly<Record<Place, string>> = {
  raw: 'PREROUTING',
  in: 'INPUT',
  out: 'POSTROUTING',
};
const REPAIRS: Readonly<Record<Place, string | undefined>> = {
  raw: CHAIN_REPAIR_RAW,
  in: undefined, // its entries stand in the chain itself: a RETURN must leave SEQSHIM-IN
  out: CHAIN_REPAIR_OUT,
};

/** Where the own entries of flows are inserted in SEQSHIM-IN: behind the three head rules. */
const IN_POSITION = 4;

export function iptablesText(input: RuleInput, family: Family): string {
  const chains = ruleModel(input);
  const raw = chains.filter((chain) => chain.place === 'raw');
  const mangle = chains.filter((chain) => chain.place !== 'raw');
  return `${table('raw', raw, input, family)}${table('mangle', mangle, input, family)}`;
}

function table(name: string, chains: readonly Chain[], input: RuleInput, family: Family): string {
  const comment = `-m comment --comment "${ruleComment(input)}"`;
  const names = chains.flatMap((chain) => [CHAINS[chain.place], REPAIRS[chain.place] ?? []].flat());
  const lines = [`*${name}`, ...[...names, CHAIN_SAVE].map((chain) => `:${chain} - [0:0]`)];
  const bit = hex(input.marks.bypass);
  lines.push(`-A ${CHAIN_SAVE} ${comment} -j MARK --set-xmark 0x0/${bit}`);
  for (const chain of chains) {
    for (const rule of chain.rules) {
      const text = ruleText(rule, chain, input, family);
      if (text !== undefined) lines.push(`-A ${CHAINS[chain.place]} ${comment} ${text}`);
    }
  }
  for (const chain of chains) {
    for (const entry of chain.entries) {
      if (entry.network.family === family) {
        lines.push(`-A ${HOOKS[chain.place]} ${comment} ${entryText(entry, chain.place)}`);
      }
    }
  }
  return `${lines.join('\n')}\nCOMMIT\n`;
}

function entryText(entry: Entry, place: Place): string {
  const side = place === 'out' ? '-d' : '-s';
  const ports = `--${entry.portIsSource ? 's' : 'd'}ports ${entry.ports.join(',')}`;
  const local = place === 'raw' ? ' -m addrtype --dst-type LOCAL' : '';
  const address = entry.network.cidr.endsWith('/0') ? '' : ` ${side} ${entry.network.cidr}`;
  return `-p tcp${address} -m multiport ${ports}${local} -j ${CHAINS[place]}`;
}

function ruleText(rule: Rule, chain: Chain, input: RuleInput, family: Family): string | undefined {
  const matches: string[] = [];
  for (const match of rule.match) {
    if (match.kind === 'repair') {
      const repair = REPAIRS[chain.place];
      return repair === undefined ? undefined : `-j ${repair}`;
    }
    if (match.kind === 'network' && match.network.family !== family) return undefined;
    matches.push(matchText(match, chain.place));
  }
  return [...matches, actionText(rule.action, input)].join(' ');
}

function matchText(match: Match, place: Place): string {
  switch (match.kind) {
    case 'loopback':
      return place === 'out' ? '-o lo' : '-i lo';
    case 'mark':
      return `-m mark --mark ${hex(match.bit)}/${hex(match.bit)}`;
    case 'not-mark':
      return `-m mark ! --mark ${hex(match.bit)}/${hex(match.bit)}`;
    case 'connmark':
      return `-m connmark --mark ${hex(match.bit)}/${hex(match.bit)}`;
    case 'syn':
      return '-p tcp --syn';
    case 'control':
      return '-p tcp ! --tcp-flags SYN,FIN,RST NONE';
    case 'plain':
      return '-p tcp --tcp-flags SYN,FIN,RST NONE';
    case 'sack':
      return '-p tcp --tcp-option 5';
    case 'network':
      return `${place === 'out' ? '-d' : '-s'} ${match.network.cidr}`;
    case 'repair':
      return '';
  }
}

function actionText(action: Action, input: RuleInput): string {
  switch (action.kind) {
    case 'return':
      return '-j RETURN';
    case 'save':
      return `-g ${CHAIN_SAVE}`;
    case 'forget':
      return `-j CONNMARK --set-xmark 0x0/${hex(action.bit)}`;
    case 'queue':
      return `-j NFQUEUE --queue-num ${input.queueNum}${action.bypass ? ' --queue-bypass' : ''}`;
  }
}

function hex(bit: number): string {
  return `0x${bit.toString(16)}`;
}

export interface FlowTuple {
  readonly family: Family;
  readonly nearAddr: string;
  readonly nearPort: number;
  readonly farAddr: string;
  readonly farPort: number;
}

export interface FlowChange {
  readonly add: boolean;
  readonly flow: FlowTuple;
}

/** The own entries of flows, several in one restore: raw first, so that nothing is seen nowhere. */
export function iptablesFlowText(input: RuleInput, changes: readonly FlowChange[]): string {
  const comment = `-m comment --comment "${ruleComment(input)}"`;
  const queue = `${comment} -j NFQUEUE --queue-num ${input.queueNum}`;
  const raw: string[] = [];
  const mangle: string[] = [];
  for (const { add, flow } of changes) {
    const arriving = `-p tcp -s ${flow.farAddr} -d ${flow.nearAddr} --sport ${flow.farPort} --dport ${flow.nearPort}`;
    const leaving = `-p tcp -s ${flow.nearAddr} -d ${flow.farAddr} --sport ${flow.nearPort} --dport ${flow.farPort}`;
    const verb = add ? '-A' : '-D';
    const inVerb = add ? `-I ${CHAIN_IN} ${IN_POSITION}` : `-D ${CHAIN_IN}`;
    raw.push(`${verb} ${CHAIN_REPAIR_RAW} ${arriving} ${queue}`);
    mangle.push(`${inVerb} ${arriving} ${comment} -j RETURN`);
    mangle.push(`${verb} ${CHAIN_REPAIR_OUT} ${leaving} ${queue}`);
  }
  return `*raw\n${raw.join('\n')}\nCOMMIT\n*mangle\n${mangle.join('\n')}\nCOMMIT\n`;
}
