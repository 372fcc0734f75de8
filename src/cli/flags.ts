/**
 * The options of a command as yargs flags. Values stay text: `config` reads and judges those of the
 * configuration. Owns nothing.
 */
import type { Argv } from 'yargs';
import type { OptionEntry } from '../config/options.ts';
import { type Command, optionsOf } from './command.ts';

export function addFlags(args: Argv, command: Command): Argv {
  let out = args;
  for (const { name, help, choices, isList } of command.positionals ?? []) {
    out = out.positional(name, {
      type: 'string',
      describe: help,
      ...(choices === undefined ? {} : { choices: [...choices] }),
      ...(isList ? { array: true } : {}),
    });
  }
  const own = new Set(command.options ?? []);
  for (const entry of optionsOf(command)) out = addFlag(out, entry, own.has(entry));
  return out;
}

/** yargs judges the choices and has the defaults of a command's own options only. */
function addFlag(args: Argv, entry: OptionEntry, isOwn: boolean): Argv {
  const { name, type, choices, fallback, mayBeBare } = entry;
  if (type === 'flag') return args.option(name, { type: 'boolean' });
  if (type === 'list') {
    return args.option(name, { type: 'string', array: true, requiresArg: true });
  }
  if (mayBeBare) return args.option(name, { type: 'string' });
  if (isOwn && choices !== undefined) {
    return args.option(name, { choices: [...choices], default: fallback, requiresArg: true });
  }
  const preset = isOwn && fallback !== undefined ? { default: fallback } : {};
  return args.option(name, { type: 'string', requiresArg: true, ...preset });
}
