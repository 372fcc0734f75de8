/**
 * `config`: `check` names every mistake in the files, `show` says what each option is in the end,
 * and why. Needs no root, asks no resolver.
 */
import { type Effective, effectiveSettings } from '../config/effective.ts';
import { OperatorError } from '../config/errors.ts';
import { EXIT_OK, EXIT_USAGE } from '../config/exit-codes.ts';
import { findMistakes } from '../config/find-mistakes.ts';
import {
  CONFIG_DIR_DEFAULT,
  type Origin,
  readSettings,
  type Settings,
  type Values,
} from '../config/settings.ts';

export async function config(args: Values): Promise<number> {
  const { what, file, ...flags } = args;
  if (file !== undefined && what === 'show') {
    throw new OperatorError(`Cannot show a file: write seqshim config show --config ${file}`);
  }
  const settings = readSettings(file === undefined ? flags : { ...flags, config: file });
  const mistakes = await findMistakes(settings);
  for (const mistake of mistakes) process.stderr.write(`${mistake}\n`);
  if (mistakes.length > 0) return EXIT_USAGE;
  const effective = effectiveSettings(settings);
  if (what === 'check') process.stdout.write(`${checked(settings, effective)}\n`);
  else if (args['json'] === true) process.stdout.write(`${showJson(settings, effective)}\n`);
  else process.stdout.write(effective.map((one) => `${showLine(one)}\n`).join(''));
  return EXIT_OK;
}

function checked({ files }: Settings, effective: readonly Effective[]): string {
  if (files.length === 0) return `ok: there is no file in ${CONFIG_DIR_DEFAULT}`;
  const count = effective.filter(({ origin }) => origin !== 'default').length;
  const target = effective.find(({ entry }) => entry.name === 'target')?.origin;
  const note = target === 'default' ? '; no target yet, run needs one' : '';
  return `ok: ${count} options set in ${files.join(', ')}${note}`;
}

function showJson({ files }: Settings, effective: readonly Effective[]): string {
  const options = effective.map(({ entry, value, origin }) => ({
    name: entry.name,
    value,
    ...originJson(origin),
  }));
  return JSON.stringify({ schema: 1, files, options });
}

function originJson(origin: Origin) {
  if (typeof origin === 'string') return { from: origin, file: null, line: null };
  return { from: 'file', file: origin.file, line: origin.line };
}

/** A TOML file in itself. */
function showLine({ entry, value, origin }: Effective): string {
  if (value === null) return `# ${entry.name} is not set`;
  const from = typeof origin === 'string' ? origin : `${origin.file}:${origin.line}`;
  const written = entry.type === 'date' ? String(value) : tomlText(value);
  return `${`${entry.name} = ${written}`.padEnd(40)} # ${from}`;
}

/** JSON's texts, lists and numbers are TOML's. */
function tomlText(value: Exclude<Effective['value'], null>): string {
  return Array.isArray(value)
    ? `[${value.map((item) => JSON.stringify(item)).join(', ')}]`
    : JSON.stringify(value);
}
