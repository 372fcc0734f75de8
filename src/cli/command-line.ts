/**
 * The command line: runs what `commands.ts` lists. Commands are loaded when they are called, so
 * that `--help` is quick and a command that needs no native module loads none. Owns the exit code.
 */
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import yargs, { type CommandModule } from 'yargs';
import { OperatorError } from '../config/errors.ts';
import { EXIT_BUG, EXIT_USAGE } from '../config/exit-codes.ts';
import { VERSION } from '../version.ts';
import { type Command, patternOf } from './command.ts';
import { COMMANDS } from './commands.ts';
import { addFlags } from './flags.ts';
import { helpAskedFor } from './help-text.ts';

/** Its exit code is the program's. */
function moduleOf(command: Command): CommandModule {
  return {
    command: patternOf(command),
    describe: command.does,
    builder: (args) => addFlags(args, command),
    handler: async (args) => {
      const handle = await command.load();
      process.exitCode = await handle(args as Record<string, unknown>);
    },
  };
}

async function main(argv: readonly string[]): Promise<void> {
  const help = helpAskedFor(argv, process.stdout.columns ?? 100);
  if (help !== undefined) {
    process.stdout.write(help);
    return;
  }
  // yargs drops a lone `-` from a list of files.
  const parser = yargs(argv.map((word) => (word === '-' ? '/dev/stdin' : word)))
    .scriptName('seqshim')
    .help(false)
    .version(VERSION)
    .command(COMMANDS.map(moduleOf))
    .demandCommand(1, 'Say what to do, for example: seqshim diagnose trace.txt')
    .strict()
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
