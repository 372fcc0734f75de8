/**
 * What was asked for, and where: flags over files over defaults. Owns the places where files are
 * looked for.
 *
 * `--config FILE` is that file and no other; `--config DIR` is DIR/seqshim.toml and
 * DIR/conf.d/*.toml; without it DIR is /etc/seqshim, which need not exist. Files are read in that
 * order, those of conf.d by name, and what comes later replaces what came before, whole lists too:
 * a list that could only grow could not be made smaller from conf.d. `--no-config` reads none.
 */
import { readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ConfigFile, type Place, readConfigFile } from './config-file.ts';
import { OperatorError, type OptionError } from './errors.ts';
import { OPTIONS } from './options.ts';

export const CONFIG_DIR_DEFAULT = '/etc/seqshim';
const CONFIG_FILE = 'seqshim.toml';
const CONFIG_PARTS = 'conf.d';

/** Option values by name, as text; lists as arrays. */
export type Values = Readonly<Record<string, unknown>>;

export type Origin = Place | 'flag' | 'default';

export interface Settings {
  /** Without those that have the default. */
  readonly values: Values;
  readonly origins: ReadonlyMap<string, Origin>;
  readonly files: readonly string[];
  readonly mistakes: readonly string[];
}

export function readSettings(flags: Values): Settings {
  const values: Record<string, unknown> = {};
  const origins = new Map<string, Origin>();
  const files = configFiles(flags).map(readConfigFile);
  for (const file of files) addFile(file, values, origins);
  for (const [name, value] of Object.entries(given(flags))) {
    values[name] = value;
    origins.set(name, 'flag');
  }
  return {
    values,
    origins,
    files: files.map(({ path }) => path),
    mistakes: files.flatMap((file) => file.mistakes),
  };
}

function addFile(
  file: ConfigFile,
  values: Record<string, unknown>,
  origins: Map<string, Origin>,
): void {
  for (const [name, { value, place }] of file.values) {
    values[name] = value;
    origins.set(name, place);
  }
}

function configFiles(flags: Values): readonly string[] {
  const named = [flags['config']].flat().at(-1);
  if (named === false) return [];
  if (named === undefined || named === '') return filesIn(CONFIG_DIR_DEFAULT);
  const path = resolve(String(named));
  if (!isDirectory(path)) return [path];
  const files = filesIn(path);
  if (files.length > 0) return files;
  throw new OperatorError(
    `Cannot read config "${path}": there is no ${CONFIG_FILE} in it, name a readable TOML file`,
  );
}

/** One that is there and cannot be read is an error of its reader's. */
function filesIn(dir: string): string[] {
  const parts = namesIn(join(dir, CONFIG_PARTS)).filter((name) => name.endsWith('.toml'));
  const whole = namesIn(dir).includes(CONFIG_FILE) ? [join(dir, CONFIG_FILE)] : [];
  // By code unit, whatever the locale.
  return [...whole, ...parts.sort().map((name) => join(dir, CONFIG_PARTS, name))];
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw new OperatorError(
      `Cannot read config "${dir}": ${code}, make it readable or use --config`,
    );
  }
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** yargs understands `--no-` before every name; it means something before a flag only. */
function given(flags: Values): Values {
  for (const { name, type } of OPTIONS) {
    if (type === 'flag' || ![flags[name]].flat().includes(false)) continue;
    throw new OperatorError(`Cannot use --no-${name}: leave it out, or give --${name} a value`);
  }
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
}

/** An error about a value that stands in a file names the place in the file. */
export function mistakeOf(error: OptionError, settings: Settings): string | undefined {
  const origin = settings.origins.get(error.option);
  if (origin === undefined || typeof origin === 'string') return undefined;
  const { file, line } = origin;
  return `${file}:${line}: ${error.option}: cannot be ${error.what}: ${error.allowed}`;
}
