/**
 * The one table of commands: what each is called, says, takes, and which file does it. The command
 * line, its `--help`, its completion and the manual page are made from it. Handlers are loaded when
 * they are called. Owns the table only.
 */
import type { Argv } from 'yargs';
import { addConfigOptions, addControlOptions } from './flags.ts';

type Handler = (args: Record<string, unknown>) => Promise<number>;

export interface Command {
  /** As yargs takes it: a name, then positionals. */
  readonly command: string;
  readonly describe: string;
  readonly builder: (args: Argv) => Argv;
  readonly load: () => Promise<Handler>;
}

function lazy(
  command: string,
  describe: string,
  builder: (args: Argv) => Argv,
  load: () => Promise<Handler>,
): Command {
  return { command, describe, builder, load };
}

const json = (args: Argv) => args.option('json', { type: 'boolean', describe: 'as JSON' });

export const COMMANDS: readonly Command[] = [
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
    'top',
    'the same, every second: rates, and what was repaired last (q leaves)',
    (args) =>
      addControlOptions(args)
        .option('once', { type: 'boolean', describe: 'print once, as where no terminal reads' })
        .example('$0 top --once', 'one page with the rates of one second'),
    async () => (await import('./top.ts')).top,
  ),
  lazy(
    'report',
    'what was repaired, where, and whether it is still needed: 0 safe, 1 needed, 4 unknown',
    (args) =>
      json(addControlOptions(args))
        .option('since', {
          type: 'string',
          requiresArg: true,
          default: '7d',
          describe: 'how far back',
        })
        .example('$0 report --since 24h', 'the last day'),
    async () => (await import('./report.ts')).report,
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
