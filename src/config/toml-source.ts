/** A TOML file as text, and what is said where it cannot be had or is no TOML. Owns the words. */
import { readFileSync } from 'node:fs';
import { OperatorError } from './errors.ts';

/** @param what it is: "config". */
export function readTomlSource(what: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'unreadable';
    throw new OperatorError(`Cannot read ${what} "${path}": ${why}, name a readable TOML file`);
  }
}

/** `error` is the parser's. */
export function syntaxMistake(path: string, error: unknown): string {
  const { line = 1 } = error as { line?: number };
  const [first = ''] = (error as Error).message.split('\n');
  return `${path}:${line}: no TOML: ${first.replace('Invalid TOML document: ', '')}`;
}
