#!/usr/bin/env node
/**
 * The command line. Commands are loaded when they are called, so that `--help` is quick and a
 * command that needs no native module loads none. Owns the exit code.
 */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import yargs, { type Argv, type CommandModule } from 'yargs';
import { OperatorError } from '../config/errors.ts';
import { EXIT_BUG, EXIT_USAGE } from '../config/exit-codes.ts';
import { VERSION } from '../version.ts';
import { addConfigOptions, addControlOptions } from './flags.ts';

type Handler = (args: Record<string, unknown>) => Promise<number>;

function lazy(
  command: string,
  describe: string,
  builder: (args: Argv) => Argv,
  load: () => Promise<Handler>,
): CommandModule {
  return {
    command,
    describe,
    builder,
    handler: async (args) => {
      const handle = await load();
      process.exitCode = await handle(args as Record<string, unknown>);
    },
  };
}

const json = (args: Argv) => args.option('json', { type: 'boolean', describe: 'as JSON' });

const COMMANDS: readonly CommandModule[] = [
  lazy(
    'diagnose <file..>',
    'say what happened in a pasted tcpdump text (- reads standard input)',
    (args) =>
      json(args)
        .positional('file', { type: 'string', array: true, describe: 'text or capture' })
        .option('fail-on', {
          choices: ['note', 'warning', 'error'],
          default: 'warning',
          describe: 'least severity that exits 1',
        })
        .example('$0 diagnose trace.txt', 'explain a trace that somebody pasted'),
    async () => (await import('./diagnose.ts')).diagnose,
  ),
  lazy(
    'run',
    'look after the connections to the targets',
    (args) =>
      addConfigOptions(args).example(
        '$0 run --target 10.0.0.0/8 --mode observe --for 10m',
        'watch for ten minutes, change nothing, remove itself',
      ),
    async () => (await import('./run.ts')).run,
  ),
  lazy(
    'status',
    'what the running shim sees and does',
    (args) => json(addControlOptions(args)),
    async () => (await import('./status.ts')).status,
  ),
  lazy(
    'flows',
    'the connections it knows, those in trouble first',
    (args) =>
      json(addControlOptions(args)).option('all', { type: 'boolean', describe: 'all of them' }),
    async () => (await import('./flows.ts')).flows,
  ),
  lazy(
    'paths',
    'what is known of destinations, and for how long',
    (args) =>
      json(addControlOptions(args)).option('forget', {
        type: 'string',
        describe: 'forget this destination: ADDRESS or ADDRESS:PORT',
      }),
    async () => (await import('./paths.ts')).paths,
  ),
  lazy(
    'keep',
    'cancel the end set by `run --for`',
    (args) => addControlOptions(args),
    async () => (await import('./keep.ts')).keep,
  ),
  lazy(
    'up',
    'install the rules without running (they bypass until something listens)',
    (args) => addConfigOptions(args),
    async () => (await import('./up.ts')).up,
  ),
  lazy(
    'down',
    'remove every rule of ours, whoever installed them',
    (args) =>
      addControlOptions(args)
        .option('now', {
          type: 'boolean',
          describe: 'at once, without letting a running shim end its translated connections',
        })
        .option('ended', {
          type: 'boolean',
          describe: 'only what ended connections of the kernel’s left behind; 1 while some live',
        }),
    async () => (await import('./down.ts')).down,
  ),
  lazy(
    'rules',
    'print the rules that would be installed (no root)',
    (args) =>
      addConfigOptions(args).option('format', {
        choices: ['nft', 'iptables', 'sh'],
        default: 'nft',
        describe: 'sh: commands for both address families',
      }),
    async () => (await import('./rules.ts')).rules,
  ),
  lazy(
    'check',
    'is this machine ready for it? One line each: ok, warning, blocks',
    (args) => json(addConfigOptions(args)),
    async () => (await import('./check.ts')).check,
  ),
];

async function main(argv: readonly string[]): Promise<void> {
  // yargs drops a lone `-` from a list of files.
  const parser = yargs(argv.map((word) => (word === '-' ? '/dev/stdin' : word)))
    .scriptName('seqshim')
    .usage('$0 <command>\n\nMakes TCP survive a broken middlebox, and shows which one is broken.')
    .version(VERSION)
    .command([...COMMANDS])
    .demandCommand(1, 'Say what to do, for example: seqshim diagnose trace.txt')
    .strict()
    .wrap(Math.min(100, process.stdout.columns ?? 100))
    .exitProcess(false)
    .fail((message, error) => {
      if (error !== undefined && error !== null && error.name !== 'YError') throw error;
      const line = (message ?? error?.message ?? '').replaceAll(/\s+/g, ' ');
      throw new OperatorError(`${line}. Try: seqshim --help`, EXIT_USAGE);
    });
  await parser.parseAsync();
}

/** Our bug: one line, and the rest in a file for the report. */
function crashed(error: unknown): void {
  const what = error instanceof Error ? error : new Error(String(error));
  const file = join(tmpdir(), `seqshim-crash-${Date.now()}-${process.pid}.txt`);
  let where = `Please report ${file}`;
  try {
    const text = `seqshim ${VERSION}, node ${process.version}\n${what.stack ?? what.message}\n`;
    writeFileSync(file, text, { mode: 0o600, flag: 'wx' });
  } catch {
    where = `Please report this: ${(what.stack ?? '').replaceAll(/\s*\n\s*/g, ' ')}`;
  }
  const line = what.message.replaceAll(/\s+/g, ' ');
  process.stderr.write(`seqshim has failed: ${line}. ${where}\n`);
}

// Whoever reads us may have read enough (`seqshim status | head -1`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit();
});

main(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof OperatorError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode;
    return;
  }
  crashed(error);
  process.exitCode = EXIT_BUG;
});
