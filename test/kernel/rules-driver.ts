/**
 * Runs inside a namespace: does to a RuleBook what its argument says, prints the outcomes as JSON.
 * Argument: {firewall, input, ops: [[name, ...args], ...]}.
 */
import { execFileSync } from 'node:child_process';
import { runAsync } from '../../src/datapath/rules/execute.ts';
import { RuleBook, RuleError } from '../../src/datapath/rules/rule-book.ts';
import type { RuleInput } from '../../src/datapath/rules/rule-input.ts';
import type { FlowAddress } from '../../src/telemetry/flow-address.ts';

/** What a run of the program costs that has nothing to do. */
const NO_CHANGE = '*raw\nCOMMIT\n';

interface Job {
  readonly firewall: 'auto' | 'nft' | 'iptables';
  readonly input: RuleInput;
  readonly ops: readonly (readonly unknown[])[];
}

async function main(job: Job): Promise<void> {
  try {
    const book = new RuleBook(job.input, job.firewall);
    const outcomes: unknown[] = [];
    for (const op of job.ops) outcomes.push(await perform(book, op));
    const { backend, because, families, repeatMark } = book;
    print({ backend, because, families, repeatMark, outcomes });
  } catch (error) {
    if (!(error instanceof RuleError)) throw error;
    print({ error: error.message });
  }
}

async function perform(book: RuleBook, [name, ...args]: readonly unknown[]): Promise<unknown> {
  switch (name) {
    case 'install':
      book.install();
      return true;
    case 'adopt':
      return book.adopt([]);
    case 'present':
      return book.present();
    case 'remove':
      return book.remove();
    case 'add':
      return Promise.all((args as FlowAddress[]).map((flow) => book.addFlow(flow)));
    case 'del':
      return Promise.all((args as FlowAddress[]).map((flow) => book.delFlow(flow)));
    case 'replace':
      try {
        await book.replace(args[0] as RuleInput, args[1] !== false);
        return true;
      } catch (error) {
        return (error as RuleError).message;
      }
    case 'add-timed': {
      const startMs = performance.now();
      const ok = await book.addFlow(args[0] as FlowAddress);
      return ok ? performance.now() - startMs : -1;
    }
    case 'run-timed': {
      const startMs = performance.now();
      const { ok } = await runAsync('iptables-restore', ['--noflush', '-w', '5'], NO_CHANGE);
      return ok ? performance.now() - startMs : -1;
    }
    case 'sh':
      return execFileSync('sh', ['-c', String(args[0])], { encoding: 'utf8' });
    default:
      throw new Error(`no operation ${String(name)}`);
  }
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

await main(JSON.parse(process.argv[2] ?? '') as Job);
