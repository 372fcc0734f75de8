/**
 * What is wrong in a scenario file, in the words of whoever wrote it: `FILE:LINE: key: what is
 * allowed`. Owns these words where the schema has none of its own.
 */
import type * as v from 'valibot';
import { findPathLine, type KeyPath } from '../config/key-lines.ts';
import { nearestName } from '../config/suggestion.ts';

/** How the schema library says it. */
const STANDARD = /^Invalid \w+: Expected (.+?) (?:but|and) received (.+)$/;

type Issue = v.BaseIssue<unknown>;

/** As much of a schema as is needed to find what may stand beside an unknown key. */
interface Schema {
  readonly wrapped?: Schema;
  readonly item?: Schema;
  readonly entries?: Readonly<Record<string, Schema>>;
  readonly options?: readonly Schema[];
  readonly literal?: unknown;
}

export function scenarioMistakes(
  file: string,
  source: string,
  schema: object,
  issues: readonly Issue[],
): readonly string[] {
  const byLine = issues.map((issue) => {
    const path = pathOf(issue);
    const line = findPathLine(source, path);
    const problem = problemOf(schema as Schema, issue);
    return { line, text: `${file}:${line}: ${nameOf(path)}: ${problem}` };
  });
  byLine.sort((a, b) => a.line - b.line);
  return [...new Set(byLine.map(({ text }) => text))];
}

function pathOf(issue: Issue): KeyPath {
  return (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? key : kebab(String(key))));
}

/** As keys are written in the file. */
function kebab(key: string): string {
  return key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `behaviour 2: kind`: people count from one. */
function nameOf(path: KeyPath): string {
  return path.reduce<string>((name, key) => {
    if (typeof key === 'number') return `${name} ${key + 1}`;
    return name === '' ? printable(key) : `${name}: ${printable(key)}`;
  }, '');
}

/** Not more than a line of it, whatever it is. */
function printable(key: string): string {
  return /^[A-Za-z0-9_-]{1,60}$/.test(key) ? key : JSON.stringify(key).slice(0, 60);
}

function problemOf(schema: Schema, issue: Issue): string {
  if (issue.type === 'strict_object' && issue.expected === 'never')
    return unknownKey(schema, issue);
  if (issue.received === 'undefined') return 'is missing';
  if (issue.type === 'variant') return unknownKind(issue);
  const { message } = issue;
  const [, wanted, got] = STANDARD.exec(message) ?? [];
  return wanted === undefined ? message : `must be ${plainWords(wanted)}, is ${got}`;
}

/** `("a" | "b")`, `>=0`: what is meant. */
function plainWords(expected: string): string {
  return expected
    .replace(/^\((.*)\)$/, '$1')
    .replaceAll(' | ', ' or ')
    .replace(/^>=/, 'at least ')
    .replace(/^<=/, 'at most ');
}

function unknownKey(schema: Schema, issue: Issue): string {
  const known = knownKeys(schema, issue.path ?? []);
  const nearest = nearestName(kebab(String(issue.path?.at(-1)?.key ?? '')), known);
  const hint = nearest === undefined ? `known are ${known.join(', ')}` : `did you mean ${nearest}`;
  return `no such key, ${hint}`;
}

/** Of the table that the last of `path` was found in. */
function knownKeys(schema: Schema, path: readonly v.IssuePathItem[]): readonly string[] {
  let table = tableIn(schema, path[0]?.input);
  for (const [at, { input }] of path.slice(1).entries()) {
    const key = String(path[at]?.key);
    table = tableIn(table?.entries?.[key] ?? table?.item, input);
  }
  return Object.keys(table?.entries ?? {}).map(kebab);
}

/** What stands behind a default, and which of several kinds it is. */
function tableIn(schema: Schema | undefined, input: unknown): Schema | undefined {
  const bare = schema?.wrapped ?? schema;
  if (bare?.options === undefined) return bare;
  const { kind } = input as { kind?: unknown };
  return bare.options.find(({ entries }) => entries?.['kind']?.literal === kind);
}

/** `expected` is a list of quoted names. */
function unknownKind({ expected, received }: Issue): string {
  const kinds = [...(expected ?? '').matchAll(/"([^"]+)"/g)].map(([, kind = '']) => kind);
  const nearest = nearestName(received.replaceAll('"', ''), kinds);
  if (nearest !== undefined) return `no such kind, did you mean "${nearest}"`;
  return `no such kind, known are ${kinds.join(', ')}`;
}
