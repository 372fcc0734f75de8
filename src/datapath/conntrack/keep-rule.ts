/**
 * The one rule that keeps connection tracking going in this network namespace. conntrack runs only
 * while some rule uses it; without it what it shifts would pass unshifted from one packet to the
 * next. The rule stands in a chain that nothing leads to: it matches no packet and costs nothing.
 * Its names do not begin like those of our other rules, so that whoever removes those leaves it.
 *
 * Owns chain KEEP-SEQSHIM in table filter, or table `inet keep_seqshim` of nft.
 */
import { VERSION } from '../../version.ts';
import { type Backend, RESTORE, RESTORE_ARGS } from '../rules/detect.ts';
import { firstLine, run } from '../rules/execute.ts';

export const KEEP_CHAIN = 'KEEP-SEQSHIM';
const KEEP_TABLE = 'keep_seqshim';
const COMMENT = `seqshim ${VERSION}: for connections that the kernel translates. seqshim down`;
const FAMILIES = [4, 6] as const;
const IPTABLES = { 4: 'iptables', 6: 'ip6tables' } as const;

/** Empty: it stands. Otherwise why not. */
export function keepTracking(backend: Backend, families: readonly (4 | 6)[]): string {
  if (backend === 'nft') {
    const rule = `ct state invalid return comment "${COMMENT}"`;
    if (nftStands()) return '';
    // nft 1.0.6 wants a new line, or a semicolon, behind the brace that ends a chain.
    const text = `table inet ${KEEP_TABLE} {\n  chain keep {\n    ${rule}\n  }\n}\n`;
    const outcome = run('nft', ['-f', '-'], text);
    return outcome.ok ? '' : firstLine(outcome);
  }
  for (const family of families) {
    const rule = `-m conntrack --ctstate INVALID -m comment --comment "${COMMENT}" -j RETURN`;
    const text = `*filter\n:${KEEP_CHAIN} - [0:0]\n-A ${KEEP_CHAIN} ${rule}\nCOMMIT\n`;
    const outcome = run(RESTORE[family], RESTORE_ARGS, text);
    if (!outcome.ok) return firstLine(outcome);
  }
  return '';
}

export function keepRuleStands(): boolean {
  return nftStands() || FAMILIES.some(chainStands);
}

/** Both backends': an older run may have used the other. True when none remains. */
export function dropKeepRule(): boolean {
  if (nftStands()) run('nft', ['delete', 'table', 'inet', KEEP_TABLE]);
  for (const family of FAMILIES) {
    if (!chainStands(family)) continue;
    const text = `*filter\n-F ${KEEP_CHAIN}\n-X ${KEEP_CHAIN}\nCOMMIT\n`;
    run(RESTORE[family], RESTORE_ARGS, text);
  }
  return !keepRuleStands();
}

function nftStands(): boolean {
  return run('nft', ['list', 'table', 'inet', KEEP_TABLE]).ok;
}

function chainStands(family: 4 | 6): boolean {
  return run(IPTABLES[family], ['-w', '5', '-S', KEEP_CHAIN]).ok;
}
