/** `up`: the rules alone, for a service whose restarts must not lose them. */
import { loadConfig, type Values } from '../config/config.ts';
import { OperatorError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE, EXIT_OK } from '../config/exit-codes.ts';
import { makeRunDir } from '../config/run-dir.ts';
import { keepTracking } from '../datapath/conntrack/keep-rule.ts';
import { demandForwarding } from '../datapath/forwarding.ts';
import { demandCapabilities } from '../datapath/privileges.ts';
import { RuleBook, RuleError } from '../datapath/rules/rule-book.ts';
import { ruleInput } from '../datapath/rules/rule-config.ts';
import { writeRemoveScript } from '../datapath/rules/write-remove-script.ts';

export async function up(args: Values): Promise<number> {
  const config = await loadConfig(args);
  demandCapabilities('install rules');
  demandForwarding(config);
  try {
    const book = new RuleBook(ruleInput(config), config.firewall);
    makeRunDir(config.runDir);
    writeRemoveScript(config);
    book.install();
    if (config.translate === 'kernel') keep(book);
    process.stdout.write(`rules installed with ${book.backend} (${book.because})\n`);
  } catch (error) {
    if (error instanceof RuleError) throw new OperatorError(error.message, EXIT_IMPOSSIBLE);
    throw error;
  }
  return EXIT_OK;
}

/** Without it `run --translate kernel` translates in userspace, and says so. */
function keep(book: RuleBook): void {
  const problem = keepTracking(book.backend, book.families);
  if (problem !== '') process.stderr.write(`the kernel will not translate: ${problem}\n`);
}
