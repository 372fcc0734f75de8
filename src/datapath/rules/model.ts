/**
 * The rules as data: three chains, what each rule matches, what it does. Two printers write it.
 *
 * Owns the order (DESIGN §3 "Where it sits"): arriving control packets before conntrack, other
 * arriving data behind it, leaving packets last. A chain begins with what must not be seen twice:
 * loopback, what we injected, what we have just judged (NF_REPEAT with the bypass bit, which SAVE
 * clears). A flow under repair is selected by its own entry, without bypass: without a listener its
 * packets wait for a retransmission instead of passing in numbers that mean nothing.
 */
import type { Network, RuleInput } from './rule-input.ts';

export type Place = 'raw' | 'in' | 'out';

export type Match =
  | { readonly kind: 'loopback' }
  | { readonly kind: 'mark'; readonly bit: number }
  | { readonly kind: 'not-mark'; readonly bit: number }
  | { readonly kind: 'connmark'; readonly bit: number }
  | { readonly kind: 'syn' }
  | { readonly kind: 'control' }
  | { readonly kind: 'plain' }
  | { readonly kind: 'sack' }
  | { readonly kind: 'network'; readonly network: Network }
  | { readonly kind: 'repair' };

export type Action =
  | { readonly kind: 'return' }
  | { readonly kind: 'save' }
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
const PORTS_PER_RULE = 15;

const RETURN: Action = { kind: 'return' };

export function ruleModel(input: RuleInput): readonly Chain[] {
  const excluded = input.excludes.map(
    (network): Rule => ({ match: [{ kind: 'network', network }], action: RETURN }),
  );
  const head: readonly Rule[] = [
    { match: [{ kind: 'loopback' }], action: RETURN },
    { match: [{ kind: 'mark', bit: input.marks.inject }], action: RETURN },
    { match: [{ kind: 'mark', bit: input.marks.bypass }], action: { kind: 'save' } },
    ...excluded,
  ];
  const queue = (match: Match[]): Rule => ({ match, action: { kind: 'queue', bypass: true } });
  const repair = (action: Action): Rule => ({ match: [{ kind: 'repair' }], action });
  // A re-used port must not inherit the bit of an older connection (conntrack keeps the entry).
  const forget: Rule = {
    match: [{ kind: 'syn' }, { kind: 'connmark', bit: input.marks.bypass }],
    action: { kind: 'forget', bit: input.marks.bypass },
  };
  const held: Action = { kind: 'queue', bypass: false };
  return [
    {
      place: 'raw',
      entries: entries(input, true),
      rules: [...head, repair(held), queue([{ kind: 'control' }]), queue([{ kind: 'sack' }])],
    },
    {
      place: 'in',
      entries: entries(input, true),
      rules: [
        ...head,
        forget,
        repair(RETURN),
        { match: [{ kind: 'control' }], action: RETURN },
        { match: [{ kind: 'sack' }], action: RETURN },
        queue([]),
      ],
    },
    {
      place: 'out',
      entries: entries(input, false),
      rules: [...head, forget, repair(held), queue([])],
    },
  ];
}

function entries(input: RuleInput, arriving: boolean): Entry[] {
  const out: Entry[] = [];
  for (const network of input.targets) {
    for (let i = 0; i < input.ports.length; i += PORTS_PER_RULE) {
      const ports = input.ports.slice(i, i + PORTS_PER_RULE);
      // `out`: the far end is the server, so arriving packets carry its port as their source.
      if (input.direction !== 'in') out.push({ network, ports, portIsSource: arriving });
      if (input.direction !== 'out') out.push({ network, ports, portIsSource: !arriving });
    }
  }
  return out;
}
