/**
 * The rules as data: three chains, what each rule matches, what it does. Two printers write it.
 *
 * Owns the order (DESIGN §3 "Where it sits"): arriving control packets before conntrack, other
 * arriving data behind it, leaving packets last. A chain begins with what must not be seen twice:
 * loopback, what we injected, and what we have just judged: it comes again (NF_REPEAT) with our
 * bit, loses it, and goes on to other people's rules. A SYN clears the bit of its connection. A
 * flow under repair is selected by its own entry, without bypass: without a listener its packets
 * wait for a retransmission instead of passing in numbers that mean nothing to their receiver.
 */
import type { Network } from '../../config/network.ts';
import type { RuleInput } from './rule-input.ts';

export type Place = 'raw' | 'in' | 'out';

export type Match =
  | { readonly kind: 'loopback' }
  | { readonly kind: 'mark'; readonly bit: number }
  | { readonly kind: 'not-mark'; readonly bit: number }
  | { readonly kind: 'connmark'; readonly bit: number }
  /** SYN without ACK, FIN or RST. */
  | { readonly kind: 'syn' }
  /** Any of SYN, FIN, RST. */
  | { readonly kind: 'control' }
  /** None of SYN, FIN, RST. */
  | { readonly kind: 'plain' }
  | { readonly kind: 'sack' }
  | { readonly kind: 'no-sack' }
  /** For this machine: what is forwarded is none of our business in host mode. */
  | { readonly kind: 'local' }
  | { readonly kind: 'network'; readonly network: Network }
  /** One of the flows under repair. */
  | { readonly kind: 'repair' };

export type Action =
  /** Back to other people's rules. */
  | { readonly kind: 'return' }
  /** Clears the bit of the packet, after giving it to its connection if so asked, and returns. */
  | { readonly kind: 'unmark'; readonly bit: number; readonly toConnection: boolean }
  /** Clears the bit of the connection, and goes on. */
  | { readonly kind: 'forget'; readonly bit: number }
  | { readonly kind: 'queue'; readonly bypass: boolean };

export interface Rule {
  readonly match: readonly Match[];
  readonly action: Action;
}

/** Which packets enter a chain: far network, and on which side the server port stands. */
export interface Entry {
  readonly network: Network;
  readonly ports: readonly number[];
  /** Is the server port the source port of these packets? */
  readonly portIsSource: boolean;
}

export interface Chain {
  readonly place: Place;
  readonly entries: readonly Entry[];
  readonly rules: readonly Rule[];
}

/** iptables' multiport takes fifteen. */
const PORTS_PER_ENTRY = 15;

const RETURN: Action = { kind: 'return' };
const QUEUE: Action = { kind: 'queue', bypass: true };
const QUEUE_OR_DROP: Action = { kind: 'queue', bypass: false };

export function ruleModel(input: RuleInput): readonly Chain[] {
  const bit = input.marks.bypass;
  const loopback: readonly Rule[] = [
    rule(RETURN, { kind: 'loopback' }),
    rule(RETURN, { kind: 'mark', bit: input.marks.inject }),
  ];
  const excluded = input.excludes.map((network) => rule(RETURN, { kind: 'network', network }));
  const unmark = (toConnection: boolean) =>
    rule({ kind: 'unmark', bit, toConnection }, { kind: 'mark', bit });
  // What was just judged comes first: it passes here a second time (NF_REPEAT).
  const rawHead = [unmark(false), ...loopback, ...excluded]; // connection marks begin behind raw
  const settling = input.settledBypass === true;
  const head = [unmark(settling), ...loopback, ...(settling ? [forget(bit)] : []), ...excluded];
  return [
    {
      place: 'raw',
      entries: entries(input, true),
      rules: [
        ...rawHead,
        rule(QUEUE_OR_DROP, { kind: 'repair' }),
        // Last, and for these few only: it asks the routing table (3 % of a transfer for all).
        rule(QUEUE, { kind: 'control' }, { kind: 'local' }),
        rule(QUEUE, { kind: 'sack' }, { kind: 'local' }),
      ],
    },
    {
      place: 'in',
      entries: entries(input, true),
      rules: [
        ...head,
        // These were seen in raw.
        rule(RETURN, { kind: 'control' }),
        rule(RETURN, { kind: 'sack' }),
        rule(RETURN, { kind: 'repair' }),
        ...settled(input),
        rule(QUEUE),
      ],
    },
    {
      place: 'out',
      entries: entries(input, false),
      rules: [...head, rule(QUEUE_OR_DROP, { kind: 'repair' }), ...settled(input), rule(QUEUE)],
    },
  ];
}

function rule(action: Action, ...match: Match[]): Rule {
  return { match, action };
}

/**
 * A re-used port must not inherit the bit of an older connection: conntrack keeps the entry. Only
 * where connections are marked at all: the match alone would switch connection tracking on.
 */
function forget(bit: number): Rule {
  return rule(
    { kind: 'forget', bit },
    { kind: 'syn' },
    { kind: 'not-mark', bit },
    { kind: 'connmark', bit },
  );
}

function settled(input: RuleInput): readonly Rule[] {
  if (input.settledBypass !== true) return [];
  const bit = input.marks.bypass;
  return [rule(RETURN, { kind: 'plain' }, { kind: 'no-sack' }, { kind: 'connmark', bit })];
}

function entries(input: RuleInput, arriving: boolean): Entry[] {
  const out: Entry[] = [];
  for (const network of input.targets) {
    for (let i = 0; i < input.ports.length; i += PORTS_PER_ENTRY) {
      const ports = input.ports.slice(i, i + PORTS_PER_ENTRY);
      // `out`: the far end is the server, so arriving packets carry its port as their source.
      if (input.direction !== 'in') out.push({ network, ports, portIsSource: arriving });
      if (input.direction !== 'out') out.push({ network, ports, portIsSource: !arriving });
    }
  }
  return out;
}
