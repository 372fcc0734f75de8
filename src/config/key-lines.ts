/**
 * On which line of a TOML text each key of its first level stands: the parser does not say. Reads
 * text that has been parsed without an error, so that it need not judge. Owns nothing. Lines count
 * from 1.
 */

/** Strings, comments, and what opens and closes lists and tables; all else has no meaning here. */
const TOKEN =
  /"""(?:\\[\s\S]|[^\\])*?"{3,5}|'''[\s\S]*?'{3,5}|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|#[^\n]*|[[\]{}\n=]/g;

/** `[table]` and `a.b = 1` are found under their first name. */
export function findKeyLines(toml: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  let line = 1;
  let depth = 0;
  /** Where the statement that is being read began; what is left of `=` is its key. */
  let from = 0;
  let isKey = true;
  for (const { 0: token, index } of toml.matchAll(TOKEN)) {
    if (token === '\n' && depth === 0) {
      note(toml.slice(from, index), isKey);
      from = index + 1;
      isKey = true;
    } else if (token === '=' && depth === 0 && isKey) {
      note(toml.slice(from, index), true);
      isKey = false;
    } else if (token === '[' || token === '{') depth++;
    else if (token === ']' || token === '}') depth--;
    line += token.split('\n').length - 1;
  }
  note(toml.slice(from), isKey);
  return lines;

  function note(statement: string, whole: boolean): void {
    const key = whole ? firstKey(statement) : undefined;
    if (key !== undefined && !lines.has(key)) lines.set(key, line);
  }
}

function firstKey(statement: string): string | undefined {
  const match = /^[\s[]*(?:"((?:\\.|[^"\\])*)"|'([^']*)'|([A-Za-z0-9_-]+))/.exec(statement);
  if (match === null) return undefined;
  const [, basic, literal, bare] = match;
  return basic === undefined ? (literal ?? bare) : unescaped(basic);
}

/** The escapes of TOML that are those of JSON; a key with another one is found without its line. */
function unescaped(basic: string): string {
  try {
    return JSON.parse(`"${basic}"`) as string;
  } catch {
    return basic;
  }
}
