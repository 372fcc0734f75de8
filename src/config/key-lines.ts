/**
 * On which line of a TOML text each key stands: the parser does not say. Reads text that has been
 * parsed without an error, so that it need not judge. Owns nothing. Lines count from 1.
 */

/** Names of tables and keys, and indices in lists of tables, from the first level on. */
export type KeyPath = readonly (string | number)[];

/** Strings, comments, and what opens and closes lists and tables; all else has no meaning here. */
const TOKEN =
  /"""(?:\\[\s\S]|[^\\])*?"{3,5}|'''[\s\S]*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*|[[\]{}\n=]/g;
const KEY = /\s*(?:"((?:\\.|[^"\\])*)"|'([^']*)'|([A-Za-z0-9_-]+))\s*(\.?)/y;

/** Of the first level only: `[table]` and `a.b = 1` are found under their first name. */
export function findKeyLines(toml: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  walkKeys(toml, ([first], line) => {
    const key = String(first);
    if (!lines.has(key)) lines.set(key, line);
  });
  return lines;
}

/**
 * The line of a key anywhere; of one in an inline table or a list, which have no lines of their
 * own, that of the nearest key around it.
 */
export function findPathLine(toml: string, wanted: KeyPath): number {
  let best = 1;
  let bestDepth = 0;
  walkKeys(toml, (path, line) => {
    const depth = path.findIndex((key, at) => key !== wanted[at]);
    const common = depth < 0 ? path.length : 0;
    if (common <= bestDepth) return;
    best = line;
    bestDepth = common;
  });
  return best;
}

function walkKeys(toml: string, note: (path: KeyPath, line: number) => void): void {
  const counts = new Map<string, number>();
  let table: KeyPath = [];
  let line = 1;
  let depth = 0;
  /** Where the statement that is being read began; what is left of `=` is its key. */
  let from = 0;
  let isKey = true;
  for (const { 0: token, index } of toml.matchAll(TOKEN)) {
    if (token === '\n' && depth === 0) {
      if (isKey) read(toml.slice(from, index));
      from = index + 1;
      isKey = true;
    } else if (token === '=' && depth === 0 && isKey) {
      read(toml.slice(from, index));
      isKey = false;
    } else if (token === '[' || token === '{') depth++;
    else if (token === ']' || token === '}') depth--;
    line += token.split('\n').length - 1;
  }
  if (isKey) read(toml.slice(from));

  function read(statement: string): void {
    const brackets = /^\s*(\[*)/.exec(statement)?.[0] ?? '';
    const keys = keysOf(statement, brackets.length);
    if (keys.length === 0) return;
    const opened = brackets.trim().length;
    if (opened === 0) note([...table, ...keys], line);
    else {
      if (opened === 2) {
        const name = keys.join('\n');
        counts.set(name, (counts.get(name) ?? -1) + 1);
      }
      table = withIndices(keys, counts);
      note(table, line);
    }
  }
}

/** `[a.b]` is about the last one of the list `a`, where that is one. */
function withIndices(keys: readonly string[], counts: ReadonlyMap<string, number>): KeyPath {
  return keys.flatMap((key, at) => {
    const index = counts.get(keys.slice(0, at + 1).join('\n'));
    return index === undefined ? [key] : [key, index];
  });
}

function keysOf(statement: string, from: number): string[] {
  const keys: string[] = [];
  KEY.lastIndex = from;
  for (let more = true; more; ) {
    const match = KEY.exec(statement);
    if (match === null) break;
    const [, basic, literal, bare, dot] = match;
    keys.push(basic === undefined ? (literal ?? bare ?? '') : unescaped(basic));
    more = dot === '.';
  }
  return keys;
}

/** The escapes of TOML that are those of JSON; a key with another one is found without its line. */
function unescaped(basic: string): string {
  try {
    return JSON.parse(`"${basic}"`) as string;
  } catch {
    return basic;
  }
}
