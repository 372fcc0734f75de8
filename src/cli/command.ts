/**
 * What a command is, and what follows from it: the options that it takes, how it is called, its
 * exit codes. Owns nothing; the commands stand in `commands.ts`.
 */
import { OPTIONS, type OptionEntry } from '../config/options.ts';
import { EXIT_MEANINGS } from './exit-meanings.ts';

export type Handler = (args: Record<string, unknown>) => Promise<number>;

/** Entries that most commands have of their own. */
export const flag = (name: string, help: string): OptionEntry => {
  return { name, type: 'flag', value: '', fallback: undefined, help };
};

export const text = (name: string, value: string, help: string): OptionEntry => {
  return { name, type: 'text', value, fallback: undefined, help };
};

export interface Positional {
  readonly name: string;
  readonly help: string;
  readonly choices?: readonly string[];
  readonly isOptional?: true;
  readonly isList?: true;
}

export interface Command {
  readonly name: string;
  /** In the list of commands. */
  readonly does: string;
  /** Sentences for whoever wants to know more. */
  readonly about: string;
  readonly positionals?: readonly Positional[];
  /** `config`: all options of the configuration; `control`: those that find a running shim. */
  readonly takes?: 'config' | 'control';
  /** Its own. */
  readonly options?: readonly OptionEntry[];
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** Exit codes beyond 0, 2 and 70, or with a meaning of their own. */
  readonly exits: Readonly<Record<number, string>>;
  readonly load: () => Promise<Handler>;
}

export const CONFIG_OPTION: OptionEntry = {
  name: 'config',
  type: 'text',
  value: 'FILE|DIR',
  fallback: '/etc/seqshim',
  help: 'TOML file, or directory of seqshim.toml and conf.d/*.toml; `--no-config`: none',
};

const FINDERS: ReadonlySet<string> = new Set(['state-dir', 'control']);
/** Every command can have these. */
const EXITS_ALWAYS: ReadonlySet<number> = new Set([0, 2, 70]);

/** All that it takes, its own first. */
export function optionsOf({ takes, options = [] }: Command): readonly OptionEntry[] {
  if (takes === 'config') return [...options, CONFIG_OPTION, ...OPTIONS];
  if (takes === undefined) return options;
  return [...options, CONFIG_OPTION, ...OPTIONS.filter(({ name }) => FINDERS.has(name))];
}

/** `diagnose FILE...`; as yargs takes it: `diagnose <file..>`. */
export function synopsisOf(command: Command): string {
  const words = (command.positionals ?? []).map(({ name, choices, isOptional, isList }) => {
    const word = (choices?.join('|') ?? name.toUpperCase()) + (isList ? '...' : '');
    return isOptional ? `[${word}]` : word;
  });
  return [command.name, ...words].join(' ');
}

export function patternOf({ name, positionals = [] }: Command): string {
  const words = positionals.map((one) => {
    const word = `${one.name}${one.isList ? '..' : ''}`;
    return one.isOptional ? `[${word}]` : `<${word}>`;
  });
  return [name, ...words].join(' ');
}

/** `--port N`, `--json`, `--no-rules`: as it is written. */
export function flagOf({ name, type, value, fallback }: OptionEntry): string {
  if (type !== 'flag') return `--${name} ${value}`;
  return fallback === 'true' ? `--no-${name}` : `--${name}`;
}

/** What it is for, what it may be, what it is without. */
export function helpOf({ type, help, choices, fallback }: OptionEntry): string {
  const may = choices === undefined ? '' : `: ${choices.join(', ')}`;
  const without = fallback === undefined || type === 'flag' ? '' : ` [${fallback}]`;
  return help.replace(/^`--no-[a-z-]+`: /, '') + may + without;
}

export function exitsOf({ exits }: Command): readonly (readonly [code: number, meaning: string])[] {
  return EXIT_MEANINGS.filter(([code]) => EXITS_ALWAYS.has(code) || code in exits).map(
    ([code, meaning]) => [code, exits[code] ?? meaning] as const,
  );
}
