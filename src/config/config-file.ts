/**
 * One TOML file of options: its keys are the names of the flags, its values have the option's type.
 * Finds every mistake, not only the first, each with the line of its key. Owns nothing.
 */
import { parse as parseToml, TomlDate } from 'smol-toml';
import { findKeyLines } from './key-lines.ts';
import { OPTIONS, type OptionType } from './options.ts';
import { nearestName } from './suggestion.ts';
import { readTomlSource, syntaxMistake } from './toml-source.ts';

/** Where a value stands. Lines count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

export interface ConfigFile {
  readonly path: string;
  /** Those without a mistake, in their order. */
  readonly values: ReadonlyMap<string, { readonly value: unknown; readonly place: Place }>;
  /** `FILE:LINE: key: what is allowed`. */
  readonly mistakes: readonly string[];
}

const isText = (value: unknown) => typeof value === 'string';
const isItem = (value: unknown) => isText(value) || Number.isInteger(value);

/** What a value of each type may be, and how to say so. */
const FORMS: Readonly<
  Record<OptionType, readonly [says: string, holds: (value: unknown) => boolean]>
> = {
  text: ['text in quotes', isText],
  choice: ['text in quotes', isText],
  list: [
    'a list like ["a", "b"]',
    (value) => isItem(value) || (Array.isArray(value) && value.every(isItem)),
  ],
  number: ['a number', (value) => typeof value === 'number'],
  flag: ['true or false', (value) => typeof value === 'boolean'],
  duration: ['a time like "10m"', (value) => isText(value) || typeof value === 'number'],
  microseconds: ['a time like "200us"', (value) => isText(value) || typeof value === 'number'],
  date: ['a date like 2027-03-31', (value) => isText(value) || isDate(value)],
};

export function readConfigFile(path: string): ConfigFile {
  const source = readTomlSource('config', path);
  const mistakes: string[] = [];
  const values = new Map<string, { value: unknown; place: Place }>();
  let table: Record<string, unknown> = {};
  try {
    table = parseToml(source);
  } catch (error) {
    mistakes.push(syntaxMistake(path, error));
  }
  const lines = findKeyLines(source);
  const lineOf = (key: string) => lines.get(key) ?? 1;
  for (const [key, value] of Object.entries(table)) {
    const problem = problemOf(key, value);
    const place = { file: path, line: lineOf(key) };
    if (problem === '') values.set(key, { value: plain(value), place });
    else mistakes.push(`${placeText(place)}: ${keyText(key)}: ${problem}`);
  }
  return { path, values, mistakes };
}

export function placeText({ file, line }: Place): string {
  return `${file}:${line}`;
}

function problemOf(key: string, value: unknown): string {
  const names = OPTIONS.map(({ name }) => name);
  const entry = OPTIONS.find(({ name }) => name === key);
  if (entry === undefined) {
    const nearest = nearestName(key, names);
    if (nearest !== undefined) return `no such option, did you mean ${nearest}`;
    return `no such option, known are ${names.join(', ')}`;
  }
  const [says, holds] = FORMS[entry.type];
  return holds(value) ? '' : `must be ${says}`;
}

/** Not more than a line of it, whatever it is. */
function keyText(key: string): string {
  return /^[A-Za-z0-9_-]{1,60}$/.test(key) ? key : JSON.stringify(key).slice(0, 60);
}

function isDate(value: unknown): boolean {
  return value instanceof TomlDate && value.isDate();
}

/** Dates as they are written. */
function plain(value: unknown): unknown {
  return value instanceof TomlDate ? value.toISOString() : value;
}
