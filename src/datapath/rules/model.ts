/**
 * The rules as data: the chains, what each rule matches, what it does. Two printers write it.
 *
 * Owns the order (DESIGN §3 "Where it sits"): arriving control packets before conntrack, other
 * arriving data behind it (where it is delivered here, or where it is forwarded, as the hooks ask),
 * leaving packets last; and ICMP errors that may quote a translated segment. A chain begins with
 * what must not be seen twice: loopback, what we injected, and what we have just judged: it comes
 * again (NF_REPEAT) with our bit, loses it, and goes on to other people's rules. A flow under
 * repair is selected by its own entry, without bypass: without a listener its packets wait for a
 * retransmission instead of passing in numbers that mean nothing to their receiver.
 *
 * What nearly every packet is, data of a connection that is settled or not under repair, leaves a
 * chain at its first rule, before anything asks whose it is: a rule costs 60 to 200 ns a packet.
 *
 * With `settledBypass`, what was just judged carries the engine's word on its connection: both our
 * bits settle it (its mark is set), the one alone unsettles it. Plain packets of a settled
 * connection stay in the kernel, and what SACKs this machine sends on it; SYN, FIN and RST unsettle
 * it here, so that what follows them is seen. A packet that conntrack calls INVALID has no
 * connection mark, and is seen as well. Of forwarded ones some empty segments are seen too: no
 * socket here could tell how far they are.
 *
 * With one hook alone, the address of the near end tells local packets from forwarded ones where a
 * chain sees both (raw, out). Not the interface that they came by: iptables cannot ask that in
 * POSTROUTING, it is not set there before Linux 5.7, and what we inject for a forwarded connection
 * has left this machine like a local packet.
 */
import type { Network } from '../../config/network.ts';
import type { FlowAddress } from '../../telemetry/flow-address.ts';
import type { RuleInput } from './rule-input.ts';

export type Place = 'raw' | 'in' | 'forward' | 'out' | 'raw-icmp' | 'out-icmp';

export type Match =
  | { readonly kind: 'loopback' }
  | { readonly kind: 'not-loopback' }
  | { readonly kind: 'mark'; readonly bit: number }
  /** None of these bits. */
  | { readonly kind: 'unmarked'; readonly bits: number }
  | { readonly kind: 'connmark'; readonly bit: number }
  /** Any of SYN, FIN, RST. */
  | { readonly kind: 'control' }
  /** None of SYN, FIN, RST. */
  | { readonly kind: 'plain' }
  | { readonly kind: 'sack' }
  | { readonly kind: 'no-sack' }
  /** Carries no octet for certain; with timestamps, or without options. */
  | { readonly kind: 'empty'; readonly timestamps: boolean }
  /** FOLLOWED_PER_SECOND of all that match what stands before. */
  | { readonly kind: 'sample' }
  /** The near end is this machine: what is forwarded is none of our business in host mode. */
  | { readonly kind: 'local' }
  /** It is not. */
  | { readonly kind: 'forwarded' }
  | { readonly kind: 'network'; readonly network: Network }
  /** One of the flows under repair. */
  | { readonly kind: 'repair' }
  /** None of them; stands last. */
  | { readonly kind: 'not-repair' };

export type Action =
  /** Back to other people's rules. */
  | { readonly kind: 'return' }
  /** Settles the connection, or unsettles it, or leaves it; clears our bits, and returns. */
  | { readonly kind: 'unmark'; readonly connection: 'settle' | 'unsettle' | 'leave' }
  /** Clears the bit of the connection, and goes on. */
  | { readonly kind: 'forget'; readonly bit: number }
  | { readonly kind: 'queue'; readonly bypass: boolean; readonly first?: boolean };

export interface Rule {
  readonly match: readonly Match[];
  readonly action: Action;
  /** Its packets and octets are read for `status`. */
  readonly counted?: true;
}

/** Which packets enter a chain: far network, and on which side the server port stands. */
export interface Entry {
  readonly network: Network;
  /** None: not TCP, but an ICMP error that says "too big". */
  readonly ports: readonly number[];
  /** Is the server port the source port of these packets? */
  readonly portIsSource: boolean;
  /** One flow and no other. */
  readonly flow?: FlowAddress;
}

export interface Chain {
  readonly place: Place;
  /** Before the entries: whatever network or port. */
  readonly first: readonly Rule[];
  readonly entries: readonly Entry[];
  readonly rules: readonly Rule[];
}

/** iptables' multiport takes fifteen. */
const PORTS_PER_ENTRY = 15;

/** Routers may have any address. */
const EVERYWHERE: readonly Network[] = [
  { family: 4, cidr: '0.0.0.0/0' },
  { family: 6, cidr: '::/0' },
];

const RETURN: Action = { kind: 'return' };
const QUEUE: Action = { kind: 'queue', bypass: true };
const QUEUE_OR_DROP: Action = { kind: 'queue', bypass: false };

export function ruleModel(input: RuleInput): readonly Chain[] {
  const bit = input.marks.bypass;
  const onHost = input.hooks.includes('host');
  const onGateway = input.hooks.includes('gateway');
  const settles = input.settledBypass === true;
  const loopback: readonly Rule[] = [
    rule(RETURN, { kind: 'loopback' }),
    rule(RETURN, { kind: 'mark', bit: input.marks.inject }),
  ];
  const excluded = input.excludes.map((network) => rule(RETURN, { kind: 'network', network }));
  const unmark = (connection: 'unsettle' | 'leave') =>
    rule({ kind: 'unmark', connection }, { kind: 'mark', bit });
  const repair = { kind: 'repair' } as const;
  // Neither just judged nor injected.
  const fresh: Match = { kind: 'unmarked', bits: bit | input.marks.inject };
  const elsewhere: Match = { kind: 'not-loopback' };
  // Last, and only for what is queued anyhow: it asks the routing table (160 ns, IPv6 380 ns).
  const whose = near(onHost, onGateway);
  // These were seen in raw.
  const seen = [
    rule(RETURN, { kind: 'control' }),
    rule(RETURN, { kind: 'sack' }),
    rule(RETURN, repair),
  ];
  const raw: Chain = {
    place: 'raw',
    first: [
      rule(RETURN, elsewhere, { kind: 'plain' }, { kind: 'no-sack' }, fresh, {
        kind: 'not-repair',
      }),
    ],
    entries: [...entries(input, true), ...strays(input, true)],
    rules: [
      // What was just judged comes first: it passes here a second time (NF_REPEAT).
      unmark('leave'), // connection marks begin behind raw
      ...loopback,
      // Before what is excluded: a reload may exclude the server of a flow that is translated.
      rule(QUEUE_OR_DROP, repair),
      ...excluded,
      rule(QUEUE, { kind: 'control' }, ...whose),
      rule(QUEUE, { kind: 'sack' }, ...whose),
    ],
  };
  const inward: Chain = {
    place: 'in',
    first: settled(input, fresh),
    entries: entries(input, true),
    rules: [
      ...settling(input),
      unmark(settles ? 'unsettle' : 'leave'),
      ...loopback,
      ...excluded,
      ...unsettling(input),
      ...seen,
      rule(QUEUE),
    ],
  };
  const forward: Chain = {
    place: 'forward',
    first: [],
    entries: entries(input, true),
    rules: [
      // Behind the entries: both directions of a connection come by here.
      ...followed(input, fresh, []),
      ...settled(input, fresh),
      ...settling(input),
      unmark(settles ? 'unsettle' : 'leave'),
      ...loopback,
      ...excluded,
      ...unsettling(input),
      ...seen,
      rule(QUEUE),
    ],
  };
  const outward: Chain = {
    place: 'out',
    // What is under repair first, settled or not: these numbers mean nothing to their receiver.
    first: [
      rule(QUEUE_OR_DROP, elsewhere, fresh, repair),
      ...(onGateway ? [] : settled(input, fresh, { leavesHere: true })),
    ],
    entries: [...entries(input, false), ...strays(input, false)],
    rules: [
      ...(onGateway ? followed(input, fresh, onHost ? [{ kind: 'forwarded' }] : []) : []),
      ...(onGateway ? settled(input, fresh) : []),
      ...settling(input),
      unmark(settles ? 'unsettle' : 'leave'),
      ...loopback,
      ...excluded,
      ...unsettling(input),
      rule(QUEUE, ...whose),
    ],
  };
  const { targets } = input;
  // With several queues the first one: what a router says does not balance by a flow's addresses.
  const first: Action = { kind: 'queue', bypass: true, first: true };
  const tooBigIn: Chain = {
    place: 'raw-icmp',
    first: [],
    entries: EVERYWHERE.filter(({ family }) => targets.some((one) => one.family === family)).map(
      (network) => ({ network, ports: [], portIsSource: true }),
    ),
    rules: [unmark('leave'), ...loopback, rule(first, ...whose)],
  };
  const tooBigOut: Chain = {
    place: 'out-icmp',
    first: [],
    entries: targets.map((network) => ({ network, ports: [], portIsSource: false })),
    rules: [unmark('leave'), ...loopback, ...excluded, rule(first)],
  };
  return [
    raw,
    tooBigIn,
    ...(onHost ? [inward] : []),
    ...(onGateway ? [forward, tooBigOut] : []),
    outward,
  ];
}

/** With both hooks all that the entries describe is ours. */
function near(onHost: boolean, onGateway: boolean): readonly Match[] {
  if (onHost && onGateway) return [];
  return [{ kind: onGateway ? 'forwarded' : 'local' }];
}

/** Its first queue alone. */
export function firstOf(input: RuleInput): RuleInput {
  return { ...input, queueCount: 1 };
}

/** Do packets there go to the far end? */
export function isLeaving(place: Place): boolean {
  return place === 'out' || place === 'out-icmp';
}

function rule(action: Action, ...match: Match[]): Rule {
  return { match, action };
}

/** The engine has called the connection of this packet settled. */
function settling(input: RuleInput): readonly Rule[] {
  if (input.settledBypass !== true) return [];
  const both = input.marks.bypass | input.marks.inject;
  return [rule({ kind: 'unmark', connection: 'settle' }, { kind: 'mark', bit: both })];
}

/**
 * SYN, FIN and RST end a bypass: what follows them is looked at. A re-used port thus inherits
 * nothing of an older connection, whose entry conntrack keeps. Only where connections are marked at
 * all: the match alone would switch connection tracking on.
 */
function unsettling(input: RuleInput): readonly Rule[] {
  if (input.settledBypass !== true) return [];
  const bit = input.marks.bypass;
  const connmark = { kind: 'connmark', bit } as const;
  return [rule({ kind: 'forget', bit }, { kind: 'control' }, connmark)];
}

/**
 * Empty segments of settled connections that are forwarded, all of them or, under load, a sample:
 * each tells both ends' numbers, and the last of an exchange all of them. What overtakes an
 * acknowledgement in the queue does no harm. All of them under load: no faster than `full` (12
 * Gbit/s of 18 through a gateway of veth pairs), for there is one to each super-packet of data.
 */
function followed(input: RuleInput, fresh: Match, whose: readonly Match[]): readonly Rule[] {
  if (input.settledBypass !== true) return [];
  const connmark = { kind: 'connmark', bit: input.marks.bypass } as const;
  return [true, false].map((timestamps) =>
    rule(
      QUEUE,
      { kind: 'plain' },
      { kind: 'empty', timestamps }, // nor is there room for SACK
      fresh,
      connmark,
      ...whose,
      { kind: 'sample' },
    ),
  );
}

/**
 * Wherever they come from: nothing is settled on loopback, excluded, or injected. `leavesHere`:
 * all of them leave this machine's own sockets; what SACK blocks say to the far end is the far
 * side's to repair, and nobody here would look at them.
 */
function settled(input: RuleInput, fresh: Match, { leavesHere = false } = {}): readonly Rule[] {
  if (input.settledBypass !== true) return [];
  const noSack: readonly Match[] = leavesHere ? [] : [{ kind: 'no-sack' }];
  const match: Match[] = [
    { kind: 'plain' },
    ...noSack,
    fresh,
    { kind: 'connmark', bit: input.marks.bypass },
  ];
  return [{ match, action: RETURN, counted: true }];
}

/** What is translated stays so to its end, whatever a reload has changed. */
function strays(input: RuleInput, arriving: boolean): Entry[] {
  return (input.strays ?? []).map((flow) => ({
    network: { family: flow.family, cidr: `${flow.farAddr}/${flow.family === 4 ? 32 : 128}` },
    ports: [flow.farPort],
    portIsSource: arriving,
    flow,
  }));
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
