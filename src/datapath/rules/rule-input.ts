/**
 * What the rules are made from: the operator's choice of connections, the queue, our two mark bits.
 * Owns the names of our table and chains. Addresses are CIDR strings.
 */
import type { Hook } from '../../config/hook.ts';
import type { Network } from '../../config/network.ts';
import type { FlowAddress } from '../../telemetry/flow-address.ts';

export interface RuleInput {
  readonly version: string;
  /** Far ends. */
  readonly targets: readonly Network[];
  readonly excludes: readonly Network[];
  /** Server ports, 1 to 65535. */
  readonly ports: readonly number[];
  /** `out`: the near ends open the connections; `in`: the far ends do. */
  readonly direction: 'out' | 'in' | 'both';
  /** Whose connections: those of this machine, those that it forwards, or both. */
  readonly hooks: readonly Hook[];
  /** The first of `queueCount` that follow one another. */
  readonly queueNum: number;
  readonly queueCount: number;
  readonly marks: { readonly bypass: number; readonly inject: number };
  /** Named in every rule's comment, so that a colleague finds the way out. */
  readonly removeScript: string;
  /** Why we are here, and the last day of it: in the comments, as far as there is room. */
  readonly ticket?: string | undefined;
  readonly expires?: string | undefined;
  /** Flows under repair that targets, ports and direction no longer describe. */
  readonly strays?: readonly FlowAddress[];
  /** Plain data of flows whose connmark has the bypass bit stays in the kernel; default off. */
  readonly settledBypass?: boolean;
}

/** The table of nft, and the chains of iptables: API, never renamed. */
export const NFT_TABLE = 'seqshim';
/** Rules of a probe that is under way, with its pid. */
export const PROBE_PREFIX = 'seqshim-probe-';
export const CHAIN_PREFIX = 'SEQSHIM-';
/** Entered from the kernel's chains; which packets are ours. */
export const CHAIN_RAW = 'SEQSHIM-RAW';
export const CHAIN_IN = 'SEQSHIM-IN';
export const CHAIN_FORWARD = 'SEQSHIM-FWD';
export const CHAIN_OUT = 'SEQSHIM-OUT';
/** What is done with them. */
export const CHAIN_RAW_RULES = 'SEQSHIM-RAW-RULES';
export const CHAIN_IN_RULES = 'SEQSHIM-IN-RULES';
export const CHAIN_FORWARD_RULES = 'SEQSHIM-FWD-RULES';
export const CHAIN_OUT_RULES = 'SEQSHIM-OUT-RULES';
/** One entry for each flow under repair. */
export const CHAIN_RAW_REPAIR = 'SEQSHIM-RAW-REPAIR';
export const CHAIN_IN_REPAIR = 'SEQSHIM-IN-REPAIR';
export const CHAIN_FORWARD_REPAIR = 'SEQSHIM-FWD-REPAIR';
export const CHAIN_OUT_REPAIR = 'SEQSHIM-OUT-REPAIR';
/** What routers say of segments that are too big: in raw, and in mangle POSTROUTING. */
export const CHAIN_ICMP = 'SEQSHIM-ICMP';
export const CHAIN_ICMP_RULES = 'SEQSHIM-ICMP-RULES';
export const CHAIN_SAVE = 'SEQSHIM-SAVE';
export const CHAIN_SETTLE = 'SEQSHIM-SETTLE';

/** Empty segments of settled connections that are forwarded: so many of a kind are looked at. */
export const FOLLOWED_PER_SECOND = 1000;
export const FOLLOWED_BURST = 100;

/** Of a ticket in a comment. */
const TICKET_CHARACTERS_MAX = 40;

/** What both firewalls take between double quotes without a way to escape it. */
const PLAIN_PATH = /^[A-Za-z0-9_./+@%:,=~-]+$/;

/**
 * At most `bytesMax` long: a path that does not fit, or that would need quoting, is left out rather
 * than cut, because half a command is worse than none. Then the date and the ticket, likewise.
 */
export function ruleComment(input: RuleInput, bytesMax: number): string {
  const parts = [
    PLAIN_PATH.test(input.removeScript) ? `, or sh ${input.removeScript}` : '',
    input.expires === undefined ? '' : `; until ${input.expires}`,
    ticketPart(input.ticket ?? ''),
  ];
  let text = `seqshim ${input.version}: seqshim down`;
  for (const part of parts) if (text.length + part.length <= bytesMax) text += part;
  return text;
}

/**
 * One word of characters that mean nothing to a firewall's program, to a shell, or to whoever reads
 * rules line by line (`-j X`, braces, quotes).
 */
function ticketPart(ticket: string): string {
  const word = ticket.replaceAll(/[^A-Za-z0-9_./+@:,=#-]+/g, '_').replace(/^[-_]+|_+$/g, '');
  if (word === '') return '';
  const isLong = word.length > TICKET_CHARACTERS_MAX;
  return `; ${isLong ? `${word.slice(0, TICKET_CHARACTERS_MAX)}...` : word}`;
}

/** The largest IP packet that cannot carry an octet: headers, and 12 bytes of timestamps. */
export function emptyBytesMax(family: 4 | 6, timestamps: boolean): number {
  return (family === 4 ? 40 : 60) + (timestamps ? 12 : 0);
}
