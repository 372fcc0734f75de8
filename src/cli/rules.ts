/** `rules`: what `run` and `up` would install, as text. Needs no root and no native module. */
import { loadConfig, type Values } from '../config/config.ts';
import { EXIT_OK } from '../config/exit-codes.ts';
import { iptablesText } from '../datapath/rules/print-iptables.ts';
import { nftText } from '../datapath/rules/print-nft.ts';
import { shText } from '../datapath/rules/print-sh.ts';
import { ruleInput } from '../datapath/rules/rule-config.ts';

export async function rules(args: Values): Promise<number> {
  const input = ruleInput(await loadConfig(args));
  process.stdout.write(textOf(String(args['format'])));
  return EXIT_OK;

  function textOf(format: string): string {
    if (format === 'nft') return `# nft -f -\n${nftText(input)}`;
    if (format === 'sh') return shText(input);
    const v4 = `# iptables-restore --noflush -w 5\n${iptablesText(input, 4)}`;
    return `${v4}# ip6tables-restore --noflush -w 5\n${iptablesText(input, 6)}`;
  }
}
