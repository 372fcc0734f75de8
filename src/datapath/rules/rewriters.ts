/**
 * Rules of others that may give forwarded connections another address (NAT). Before conntrack a
 * packet of such a connection carries one address, behind it another: the two do not make one flow.
 * Reads `iptables-save -t nat` and `nft list ruleset` text, changes nothing.
 *
 * A rule is left out only where its own words exclude our connections: protocol, server port, far
 * network; or what left its chain before it. What leads to the chain is not followed.
 */
import { BlockList } from 'node:net';
import type { Network } from '../../config/network.ts';
import { run } from './execute.ts';
import type { RuleInput } from './rule-input.ts';

export interface Rewriter {
  /** The command that shows the rule. */
  readonly source: string;
  readonly rule: string;
  /** All our connections, as far as the rule's words go, or only some clients'. */
  readonly concerns: 'all' | 'some';
  /** The server's address: seqshim's own packets would not be taken for the connection's. */
  readonly destination: boolean;
}

const RULE_CHARACTERS_MAX = 200;
const SOURCES = [
  { command: ['iptables-save', '-t', 'nat'], read: (text: string) => readIptables(text, 4) },
  { command: ['ip6tables-save', '-t', 'nat'], read: (text: string) => readIptables(text, 6) },
  { command: ['nft', 'list', 'ruleset'], read: readNft },
] as const;

/** What a rule says of the packets it takes. */
interface Wording {
  readonly line: string;
  readonly chain: string;
  /** It rewrites nothing: what it takes leaves the chain before the rules behind it. */
  readonly exits: boolean;
  readonly families: readonly (4 | 6)[];
  readonly protocol: string | undefined;
  /** Networks and ports; undefined: any. Negated: all but these. */
  readonly from: Side;
  readonly to: Side;
  readonly ports: readonly string[] | undefined;
  /** DNAT's new address. */
  readonly target: string | undefined;
  readonly destination: boolean;
  /** Has it words of its own besides? */
  readonly narrow: boolean;
}

interface Side {
  readonly networks: readonly string[] | undefined;
  readonly negated: boolean;
}

export function findRewriters(input: RuleInput): Rewriter[] {
  return SOURCES.flatMap(({ command, read }) => {
    const [file, ...args] = command;
    const found = rewritersIn(read(run(file, args).stdout), input);
    return found.map((rewriter) => ({ ...rewriter, source: command.join(' ') }));
  });
}

export function rewritersIn(
  wordings: readonly Wording[],
  input: RuleInput,
): Omit<Rewriter, 'source'>[] {
  const found: Omit<Rewriter, 'source'>[] = [];
  const left = new Map<string, Rewriter['concerns']>();
  for (const wording of wordings.filter((one) => mayConcern(one, input))) {
    const { line, destination } = wording;
    const narrow = wording.narrow || nearSide(wording, input).networks !== undefined;
    const concerns = wording.families
      .filter((family) => input.targets.some((target) => target.family === family))
      .flatMap((family) => {
        const chain = `${family} ${wording.chain}`;
        const before = left.get(chain);
        if (before === 'all') return [];
        if (!wording.exits) return narrow || before === 'some' ? 'some' : 'all';
        left.set(chain, !narrow && takesAll(wording, input, family) ? 'all' : 'some');
        return [];
      });
    if (concerns.length === 0) continue;
    const rule = line.trim().slice(0, RULE_CHARACTERS_MAX);
    found.push({ rule, concerns: concerns.includes('all') ? 'all' : 'some', destination });
  }
  return found;
}

/** Every port of every target of the family. */
function takesAll({ ports, ...wording }: Wording, input: RuleInput, family: 4 | 6): boolean {
  const holdsAll = ports === undefined || input.ports.every((port) => anyHolds(ports, [port]));
  const far = input.direction === 'in' ? wording.from : wording.to;
  const { networks, negated } = far;
  if (networks === undefined) return holdsAll;
  const targets = input.targets.filter((target) => target.family === family);
  if (negated) return holdsAll && !meets(targets, networks);
  return holdsAll && targets.every((one) => networks.some((cidr) => within(one, cidr)));
}

/** Rules see a connection's first packet: its destination port is the server's. */
function mayConcern(wording: Wording, input: RuleInput): boolean {
  if (wording.protocol !== undefined && wording.protocol !== 'tcp') return false;
  const targets = input.targets.filter(({ family }) => wording.families.includes(family));
  const toTargets = input.direction !== 'in';
  if (wording.destination && toTargets) {
    return wording.target === undefined || meets(targets, [wording.target]);
  }
  if (wording.ports !== undefined && !anyHolds(wording.ports, input.ports)) return false;
  const far = toTargets ? wording.to : wording.from;
  if (far.networks === undefined) return targets.length > 0;
  if (!far.negated) return meets(targets, far.networks);
  return targets.some((target) => !far.networks?.some((cidr) => within(target, cidr)));
}

function nearSide(wording: Wording, input: RuleInput): Side {
  return input.direction === 'in' ? wording.to : wording.from;
}

export function meets(targets: readonly Network[], cidrs: readonly string[]): boolean {
  return targets.some((target) => cidrs.some((cidr) => overlaps(target, cidr)));
}

function anyHolds(written: readonly string[], ports: readonly number[]): boolean {
  return written.some((one) => holdsPort(one, ports));
}

/** `22`, `20:25`, `20-25`, and what is no number: may be any. */
function holdsPort(written: string, ports: readonly number[]): boolean {
  const [low, high = low] = written.split(/[:-]/).map(Number);
  if (low === undefined || high === undefined || Number.isNaN(low + high)) return true;
  return ports.some((port) => port >= low && port <= high);
}

function split(cidr: string, family: 4 | 6): readonly [address: string, bits: number] | undefined {
  const [address = '', bits = family === 4 ? '32' : '128'] = cidr.split('/');
  const other = address.includes(':') ? 6 : 4;
  return other === family && /^[0-9a-f.:]+$/i.test(address) ? [address, Number(bits)] : undefined;
}

/** Networks of another family do not meet; what is no network (a set, a range) may. */
function overlaps(network: Network, cidr: string): boolean {
  if (!/^[0-9a-f.:]+(\/\d+)?$/i.test(cidr)) return true;
  const other = split(cidr, network.family);
  const own = split(network.cidr, network.family);
  if (other === undefined || own === undefined) return false;
  return holds(own, other, Math.min(own[1], other[1]), network.family);
}

function within(network: Network, cidr: string): boolean {
  const other = split(cidr, network.family);
  const own = split(network.cidr, network.family);
  if (other === undefined || own === undefined) return false;
  return own[1] >= other[1] && holds(own, other, other[1], network.family);
}

function holds(
  a: readonly [string, number],
  b: readonly [string, number],
  bits: number,
  family: 4 | 6,
): boolean {
  const list = new BlockList();
  list.addSubnet(a[0], bits, `ipv${family}`);
  return list.check(b[0], `ipv${family}`);
}

const OF_IPTABLES = / -j (?:MASQUERADE|SNAT|DNAT|NETMAP|RETURN|ACCEPT)\b/;

export function readIptables(saved: string, family: 4 | 6): Wording[] {
  const lines = saved
    .split('\n')
    .filter((line) => line.startsWith('-A ') && OF_IPTABLES.test(line));
  return lines
    .filter((line) => !/^-A (?:INPUT|OUTPUT) /.test(line) && !/ -[io] lo /.test(line))
    .map((line) => {
      const [tests = '', does = ''] = line
        .replace(/ -m comment --comment "[^"]*"/, '')
        .split(' -j ');
      const side = (flag: string): Side => {
        const [, not, cidr] = new RegExp(` (! )?-${flag} (\\S+)`).exec(tests) ?? [];
        return { networks: cidr === undefined ? undefined : [cidr], negated: not !== undefined };
      };
      const [, not, protocol] = / (! )?-p (\S+)/.exec(tests) ?? [];
      const ports = / --dports? (\S+)/.exec(tests)?.[1];
      const known = / (?:! )?-[sdpo] \S+| -m (?:tcp|multiport)| --dports? \S+/g;
      return {
        line,
        chain: line.split(' ')[1] ?? '',
        exits: /^(?:RETURN|ACCEPT)/.test(does),
        families: [family],
        protocol: not === undefined ? protocol : `not ${protocol}`,
        from: side('s'),
        to: side('d'),
        ports: / ! --dports? /.test(tests) ? undefined : ports?.split(','),
        target: / --to-destination \[?([0-9a-f.]+|[0-9a-f:]+)\]?/.exec(` ${does}`)?.[1],
        destination: /^(?:DNAT|NETMAP)/.test(does),
        narrow:
          tests
            .replace(/^-A \S+/, '')
            .replace(known, '')
            .trim() !== '',
      };
    });
}

const OF_NFT = /\b(?:masquerade|snat|dnat|return|accept)\b/;

export function readNft(ruleset: string): Wording[] {
  const wordings: Wording[] = [];
  let local = false;
  let chain = '';
  let families: readonly (4 | 6)[] = [4, 6];
  for (const line of ruleset.split('\n')) {
    const table = /^table (\S+)/.exec(line)?.[1];
    if (table !== undefined) families = table === 'ip' ? [4] : table === 'ip6' ? [6] : [4, 6];
    else if (/^\s*chain /.test(line)) {
      local = false;
      chain = `${wordings.length} ${line}`; // of another table it may have the same name
    } else if (/\btype \S+ hook /.test(line)) {
      local = /type nat hook (?:output|input)/.test(line);
    } else if (!local && OF_NFT.test(line) && !/\b[io]if(?:name)? "lo"/.test(line)) {
      wordings.push(readNftRule(line, chain, families));
    }
  }
  return wordings;
}

function readNftRule(line: string, chain: string, ofTable: readonly (4 | 6)[]): Wording {
  const text = line.replace(/ comment "[^"]*"/, '').replace(/ counter packets \d+ bytes \d+/, '');
  const at = text.search(OF_NFT);
  const tests = text.slice(0, at);
  const side = (name: string): Side => {
    const word = new RegExp(`\\bip6? ${name} (!= )?(\\{[^}]*\\}|\\S+)`);
    const [, not, value] = word.exec(tests) ?? [];
    return { networks: value === undefined ? undefined : items(value), negated: not !== undefined };
  };
  const port = /\b(tcp|udp|sctp|th) dport (?:!= )?(\{[^}]*\}|\S+)/.exec(tests);
  const protocol = /\b(?:l4proto|protocol|nexthdr) (tcp|udp|icmp\S*|sctp)\b/.exec(tests)?.[1];
  const known =
    /\bip6? [sd]addr (?:!= )?(?:\{[^}]*\}|\S+)|\b(?:tcp|th) dport (?:\{[^}]*\}|\S+)|\boif(?:name)? \S+|\bmeta l4proto tcp|\bip protocol tcp/g;
  const own = /\bip (?:[sd]addr|protocol)/.test(tests) ? 4 : /\bip6 /.test(tests) ? 6 : 0;
  return {
    line,
    chain,
    exits: /^(?:return|accept)/.test(text.slice(at)),
    families: own === 0 ? ofTable : [own],
    protocol: protocol ?? (port?.[1] === 'th' ? undefined : port?.[1]),
    from: side('saddr'),
    to: side('daddr'),
    ports: port === null || / dport != /.test(tests) ? undefined : items(port[2] ?? ''),
    target: /\bto \[?([0-9a-f.]+|[0-9a-f:]+)\]?/.exec(text.slice(at))?.[1],
    destination: text.startsWith('dnat', at),
    narrow: tests.replace(known, '').trim() !== '',
  };
}

function items(value: string): string[] {
  return value
    .replace(/[{}]/g, '')
    .split(',')
    .map((item) => item.trim());
}
