/**
 * Which firewall program can queue packets here: found by trying, not by version. Kernels exist
 * without nft's queue expression (and with the NFQUEUE target), and the other way round; Debian 12
 * ships nft and leaves iptables to choice. Changes nothing: `nft -c`, `iptables-restore --test`.
 */
import { firstLine, type Outcome, run } from './execute.ts';
import { iptablesText } from './print-iptables.ts';
import { nftText } from './print-nft.ts';
import type { RuleInput } from './rule-input.ts';

export type Backend = 'nft' | 'iptables';
export type FirewallChoice = 'auto' | Backend;

export interface Firewall {
  readonly backend: Backend | undefined;
  /** One line: why this one, or what to do. */
  readonly because: string;
  /** Families whose packets can be selected. */
  readonly families: readonly (4 | 6)[];
}

export const SAVE = { 4: 'iptables-save', 6: 'ip6tables-save' } as const;
export const RESTORE = { 4: 'iptables-restore', 6: 'ip6tables-restore' } as const;
export const RESTORE_ARGS = ['--noflush', '-w', '5'] as const;

/** The very rules that would be installed are what is tried. */
export function detectFirewall(wanted: FirewallChoice, input: RuleInput): Firewall {
  const nft = wanted === 'iptables' ? undefined : tryNft(nftText(input));
  if (nft?.ok) return { backend: 'nft', because: 'nft can queue packets here', families: [4, 6] };
  const problems = nft === undefined ? [] : [`nft: ${firstLine(nft)}`];
  if (wanted !== 'nft') {
    const four = tryIptables(4, iptablesText(input, 4));
    if (four.ok) return iptables(input, problems);
    problems.push(`iptables: ${firstLine(four)}`);
  }
  return { backend: undefined, because: remedy(problems), families: [] };
}

function iptables(input: RuleInput, problems: readonly string[]): Firewall {
  const six = tryIptables(6, iptablesText(input, 6));
  const why = problems.length === 0 ? 'asked for' : `it can queue packets here (${problems[0]})`;
  if (six.ok) return { backend: 'iptables', because: why, families: [4, 6] };
  const without = `${why}; without IPv6 (ip6tables: ${firstLine(six)})`;
  return { backend: 'iptables', because: without, families: [4] };
}

export function tryNft(text: string): Outcome {
  return run('nft', ['-c', '-f', '-'], text);
}

export function tryIptables(family: 4 | 6, text: string): Outcome {
  return run(RESTORE[family], ['--test', ...RESTORE_ARGS], text);
}

function remedy(problems: readonly string[]): string {
  const why = problems.join('; ');
  const denied = /denied|not permitted|must be root/i.test(why);
  const does = denied
    ? 'Run this as root, in a container with --cap-add NET_ADMIN'
    : 'Try as root: modprobe -a nfnetlink_queue nft_queue xt_NFQUEUE, and install nftables or iptables';
  return `Cannot queue packets here (${why}). ${does}`;
}
