/** The table of options as yargs flags. Values stay text: `config` reads and judges them. */
import type { Argv } from 'yargs';
import { OPTIONS } from '../config/options.ts';

export function addConfigOptions(args: Argv): Argv {
  let out = args.option('config', {
    type: 'string',
    requiresArg: true,
    describe: 'TOML file; its keys are these names',
  });
  for (const entry of OPTIONS) {
    const choices = entry.choices === undefined ? '' : `: ${entry.choices.join(', ')}`;
    const fallback = entry.fallback === undefined ? '' : ` [${entry.fallback}]`;
    const describe = `${entry.help}${entry.type === 'flag' ? '' : choices + fallback}`;
    if (entry.type === 'flag') out = out.option(entry.name, { type: 'boolean', describe });
    else if (entry.type === 'list') {
      out = out.option(entry.name, { type: 'string', array: true, requiresArg: true, describe });
    } else out = out.option(entry.name, { type: 'string', requiresArg: true, describe });
  }
  return out;
}

/** For commands that talk to a running instance. */
export function addControlOptions(args: Argv): Argv {
  return args
    .option('state-dir', {
      type: 'string',
      requiresArg: true,
      describe: 'as given to `run` [/run/seqshim]',
    })
    .option('control', { type: 'string', requiresArg: true, describe: 'its control socket' });
}
