/**
 * What the rules are made from: the operator's choice of connections, the queue, our two mark bits.
 * Owns nothing. Addresses are CIDR strings; `any` targets are 0.0.0.0/0 and ::/0.
 */
export interface Network {
  readonly family: 4 | 6;
  readonly cidr: string;
}

export interface RuleInput {
  readonly version: string;
  /** Far ends. */
  readonly targets: readonly Network[];
  readonly excludes: readonly Network[];
  /** Server ports, 1 to 65535. */
  readonly ports: readonly number[];
  /** `out`: this machine opens the connections; `in`: the far ends do. */
  readonly direction: 'out' | 'in' | 'both';
  readonly queueNum: number;
  readonly marks: { readonly bypass: number; readonly inject: number };
  /** Named in every rule's comment, so that a colleague finds the way out. */
  readonly removeScript: string;
}

/** The table of nft, and the chains of iptables: API, never renamed. */
export const NFT_TABLE = 'seqshim';
export const CHAIN_RAW = 'SEQSHIM-RAW';
export const CHAIN_REPAIR_RAW = 'SEQSHIM-REPAIR-RAW';
export const CHAIN_IN = 'SEQSHIM-IN';
export const CHAIN_OUT = 'SEQSHIM-OUT';
export const CHAIN_REPAIR_OUT = 'SEQSHIM-REPAIR-OUT';
export const CHAIN_SAVE = 'SEQSHIM-SAVE';

export function ruleComment(input: RuleInput): string {
  return `seqshim ${input.version}: seqshim down, or sh ${input.removeScript}`;
}
