/**
 * A command line, one word a line: understood, or refused with one line. Commands are not run, but
 * the configuration of those that take one is read.
 */
import yargs, { type CommandModule } from 'yargs';
import { optionsOf, patternOf } from '../../../src/cli/command.ts';
import { COMMANDS } from '../../../src/cli/commands.ts';
import { addFlags } from '../../../src/cli/flags.ts';
import { helpAskedFor } from '../../../src/cli/help-text.ts';
import { configFrom, pathsOf, type Values } from '../../../src/config/config.ts';
import { OperatorError } from '../../../src/config/errors.ts';
import { mutateLines } from '../lines.ts';
import { demand, demandOneLine, demandWhole, type Target } from '../target.ts';

const nobody = async () => [];

/** How yargs says no. */
class Refused extends Error {}

export const flags: Target = {
  name: 'flags',
  about: 'words of a command line',
  bytesMax: 600,
  mutate: mutateLines,

  /** Every command, with every option that it takes. */
  seeds: () =>
    COMMANDS.flatMap((command) => {
      const words = [
        command.name,
        ...(command.positionals ?? []).map(({ choices }) => choices?.[0] ?? 'a:1'),
      ];
      const all = optionsOf(command).flatMap(({ name, type, fallback, value }) => {
        return type === 'flag' ? [`--${name}`] : [`--${name}`, fallback ?? value];
      });
      return [words, [...words, ...all], ['--help', ...words]].map((line) =>
        Buffer.from(line.join('\n')),
      );
    }),

  async run(input: Uint8Array): Promise<void> {
    const words = Buffer.from(input).toString('utf8').split('\n');
    try {
      const help = helpAskedFor(words, 100);
      if (help !== undefined) demandWhole(help);
      else await understand(words);
    } catch (error) {
      const isOurs = error instanceof OperatorError || error instanceof Refused;
      if (!isOurs) throw error;
      demand(
        error.message !== '' && !error.message.includes('\n'),
        `not one line: ${error.message}`,
      );
      demandOneLine(error.message.replace(/undefined|NaN/g, ''));
    }
  },
};

async function understand(words: readonly string[]): Promise<void> {
  let read: Promise<unknown> = Promise.resolve();
  const parser = yargs([...words])
    .scriptName('seqshim')
    .help(false)
    .version('0')
    .command(
      COMMANDS.map(
        (command): CommandModule => ({
          command: patternOf(command),
          describe: command.does,
          builder: (args) => addFlags(args, command),
          handler: (args) => {
            // No file of this machine's: what stands in files is another target's.
            const values = { ...(args as Values), config: false };
            read = command.takes === 'config' ? configFrom(values, nobody) : read;
            if (command.takes === 'control') pathsOf(values);
          },
        }),
      ),
    )
    .demandCommand(1, 'Say what to do')
    .strict()
    .exitProcess(false)
    .fail((message, error) => {
      if (error !== undefined && error !== null && error.name !== 'YError') throw error;
      throw new Refused((message ?? error?.message ?? '').replaceAll(/\s+/g, ' '));
    });
  const { log } = console;
  console.log = () => {}; // --version
  try {
    await parser.parseAsync();
  } finally {
    console.log = log;
  }
  await read;
}
