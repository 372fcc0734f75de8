/**
 * The model as `iptables-restore --noflush` text, one per family: our chains afresh, and one jump
 * per entry appended to the kernel's chains, all or nothing per table. Owns the wording; see
 * iptables-extensions(8).
 *
 * The entries of flows stand in chains SEQSHIM-REPAIR-*. That of `in` is entered by goto and ends in
 * the queue rule, so that a RETURN in it leads back to other people's rules.
 */
import type { FlowChange } from './flow-change.ts';
import { type Action, type Chain, type Entry, type Match, type Place, ruleModel } from './model.ts';
import {
  CHAIN_IN,
  CHAIN_OUT,
  CHAIN_RAW,
  CHAIN_REPAIR_IN,
  CHAIN_REPAIR_OUT,
  CHAIN_REPAIR_RAW,
  CHAIN_SAVE,
  type RuleInput,
  ruleComment,
} from './rule-input.ts';

type Family = 4 | 6;

/** xt_comment takes 256 bytes, its end included. */
const COMMENT_BYTES_MAX = 255;

const PLACES = {
  raw: { hook: 'PREROUTING', chain: CHAIN_RAW, repair: CHAIN_REPAIR_RAW },
  in: { hook: 'INPUT', chain: CHAIN_IN, repair: CHAIN_REPAIR_IN },
  out: { hook: 'POSTROUTING', chain: CHAIN_OUT, repair: CHAIN_REPAIR_OUT },
} as const;

export function iptablesText(input: RuleInput, family: Family): string {
  const chains = ruleModel(input);
  const raw = chains.filter((chain) => chain.place === 'raw');
  const mangle = chains.filter((chain) => chain.place !== 'raw');
  return table('raw', raw, input, family) + table('mangle', mangle, input, family);
}

function table(name: string, chains: readonly Chain[], input: RuleInput, family: Family): string {
  const own = chains.flatMap(({ place }) => [PLACES[place].chain, PLACES[place].repair]);
  const lines = [
    `*${name}`,
    ...[CHAIN_SAVE, ...own].map((chain) => `:${chain} - [0:0]`),
    ...saveLines(chains, input),
    ...chains.flatMap((chain) => ruleLines(chain, input, family)),
    ...chains.flatMap((chain) => entryLines(chain, input, family)),
    'COMMIT',
  ];
  return `${lines.join('\n')}\n`;
}

/** Entered by goto: its end leads back to other people's rules. */
function saveLines(chains: readonly Chain[], input: RuleInput): string[] {
  const comment = commentText(input);
  const actions = chains.flatMap((chain) => chain.rules.map((rule) => rule.action));
  const unmark = actions.find((action) => action.kind === 'unmark');
  if (unmark === undefined) return [];
  const bit = hex(unmark.bit);
  const save = `-j CONNMARK --save-mark --nfmask ${bit} --ctmask ${bit}`;
  return [
    ...(unmark.toConnection ? [`-A ${CHAIN_SAVE} ${comment} ${save}`] : []),
    `-A ${CHAIN_SAVE} ${comment} -j MARK --set-xmark 0x0/${bit}`,
  ];
}

function entryLines(chain: Chain, input: RuleInput, family: Family): string[] {
  const comment = commentText(input);
  return chain.entries
    .filter((entry) => entry.network.family === family)
    .map((entry) => {
      const jump = `-j ${PLACES[chain.place].chain}`;
      return `-A ${PLACES[chain.place].hook} ${entryText(entry, chain.place)} ${comment} ${jump}`;
    });
}

function entryText(entry: Entry, place: Place): string {
  const ports = `--${entry.portIsSource ? 's' : 'd'}ports ${entry.ports.join(',')}`;
  // Host mode: what is forwarded is none of our business.
  const local = place === 'raw' ? ' -m addrtype --dst-type LOCAL' : '';
  const address = entry.network.cidr.endsWith('/0')
    ? ''
    : `${farSide(place)} ${entry.network.cidr} `;
  return `${address}-p tcp -m multiport ${ports}${local}`;
}

function farSide(place: Place): string {
  return place === 'out' ? '-d' : '-s';
}

function ruleLines(chain: Chain, input: RuleInput, family: Family): string[] {
  const { chain: name, repair } = PLACES[chain.place];
  const comment = commentText(input);
  const lines: string[] = [];
  let into: string = name;
  for (const { match, action } of chain.rules) {
    if (match.some((one) => one.kind === 'repair')) {
      const leaves = action.kind === 'return';
      lines.push(`-A ${name} ${comment} -${leaves ? 'g' : 'j'} ${repair}`);
      if (leaves) into = repair;
      continue;
    }
    if (match.some((one) => one.kind === 'network' && one.network.family !== family)) continue;
    // One `-p tcp` for all matches that need it.
    const tcp = match.some((one) => TCP_KINDS.has(one.kind)) ? '-p tcp ' : '';
    const words = match.map((one) => `${matchText(one, chain.place)} `).join('');
    lines.push(`-A ${into} ${tcp}${words}${comment} ${actionText(action, input)}`);
  }
  return lines;
}

const TCP_KINDS: ReadonlySet<Match['kind']> = new Set([
  'syn',
  'control',
  'plain',
  'sack',
  'no-sack',
]);

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
      return '--syn';
    case 'control':
      return '! --tcp-flags SYN,FIN,RST NONE';
    case 'plain':
      return '--tcp-flags SYN,FIN,RST NONE';
    case 'sack':
      return '--tcp-option 5';
    case 'no-sack':
      return '! --tcp-option 5';
    case 'network':
      return `${farSide(place)} ${match.network.cidr}`;
    case 'repair':
      return '';
  }
}

function actionText(action: Action, input: RuleInput): string {
  switch (action.kind) {
    case 'return':
      return '-j RETURN';
    case 'unmark':
      return `-g ${CHAIN_SAVE}`;
    case 'forget':
      return `-j CONNMARK --set-xmark 0x0/${hex(action.bit)}`;
    case 'queue':
      return `-j NFQUEUE --queue-num ${input.queueNum}${action.bypass ? ' --queue-bypass' : ''}`;
  }
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
  const queue = `${comment} -j NFQUEUE --queue-num ${input.queueNum}`;
  const raw: string[] = [];
  const mangle: string[] = [];
  for (const { add, flow } of changes) {
    const near = { addr: flow.nearAddr, port: flow.nearPort };
    const far = { addr: flow.farAddr, port: flow.farPort };
    const arriving = tupleText(far, near);
    const leaving = tupleText(near, far);
    // Inserted: the queue rule stands last in the chain of `in`.
    const verb = add ? '-I' : '-D';
    raw.push(`${verb} ${CHAIN_REPAIR_RAW} ${arriving} ${queue}`);
    mangle.push(`${verb} ${CHAIN_REPAIR_IN} ${arriving} ${comment} -j RETURN`);
    mangle.push(`${verb} ${CHAIN_REPAIR_OUT} ${leaving} ${queue}`);
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
