/**
 * The rules as one POSIX sh script for a person to read and run: nft where it can queue packets,
 * iptables elsewhere. Owns nothing.
 */
import { iptablesText } from './print-iptables.ts';
import { nftText } from './print-nft.ts';
import type { RuleInput } from './rule-input.ts';

export function shText(input: RuleInput): string {
  const v4 = iptablesText(input, 4);
  const v6 = iptablesText(input, 6);
  return `#!/bin/sh
# Firewall rules of seqshim ${input.version}. Needs root. To remove them: seqshim down
set -e
PATH=$PATH:/usr/sbin:/sbin
nft_rules() {
  cat <<'RULES'
${nftText(input)}RULES
}
if nft_rules | nft -c -f - 2>/dev/null; then
  nft_rules | nft -f -
  echo 'installed with nft'
  exit 0
fi
iptables-restore --noflush -w 5 <<'RULES'
${v4}RULES
echo 'installed with iptables'
ip6tables-restore --noflush -w 5 <<'RULES' || echo 'without IPv6'
${v6}RULES
`;
}
