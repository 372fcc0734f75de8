/**
 * The TOML file of options: its keys are the names of the flags, its values have the option's type.
 * Every mistake is one line that names the file and the key. Owns nothing.
 */
import { readFileSync } from 'node:fs';
import { parse as parseToml } from 'smol-toml';
import { OperatorError } from './errors.ts';
import { OPTIONS, type OptionType } from './options.ts';

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
};

export function readConfigFile(path: string): Readonly<Record<string, unknown>> {
  const values = parseFile(path);
  for (const [key, value] of Object.entries(values)) {
    const entry = OPTIONS.find(({ name }) => name === key);
    if (entry === undefined) {
      const names = OPTIONS.map(({ name }) => name).join(', ');
      throw new OperatorError(
        `Cannot load config "${path}": ${JSON.stringify(key)} is no option, known are ${names}`,
      );
    }
    const [says, holds] = FORMS[entry.type];
    if (!holds(value)) {
      throw new OperatorError(`Cannot load config "${path}": ${key} must be ${says}`);
    }
  }
  return values;
}

function parseFile(path: string): Record<string, unknown> {
  let source: string;
  try {
    source = readFileSync(path, 'utf8');
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    throw new OperatorError(`Cannot read config "${path}": ${why}, name a readable TOML file`);
  }
  try {
    return parseToml(source);
  } catch (error) {
    const line = (error as { line?: number }).line;
    const why = (error as Error).message.split('\n')[0] ?? '';
    throw new OperatorError(`Cannot load config "${path}": line ${line ?? '?'}: ${why}`);
  }
}
