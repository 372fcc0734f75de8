/** The files of the project, and what stands in them. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Not ours, or made from what is ours. */
const FOREIGN = new Set(['.git', 'node_modules', 'dist', 'coverage']);

/** Paths relative to the root whose names match, sorted. */
export function projectFiles(pattern: RegExp): string[] {
  return filesBelow('')
    .filter((path) => pattern.test(path))
    .sort();
}

function filesBelow(dir: string): string[] {
  return readdirSync(join(ROOT, dir), { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (FOREIGN.has(entry.name)) return [];
    return entry.isDirectory() ? filesBelow(path) : [path];
  });
}

export function readProjectFile(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** `path:line: text` of every line that matches. */
export function linesMatching(paths: readonly string[], pattern: RegExp): string[] {
  const found: string[] = [];
  for (const path of paths) {
    for (const [index, line] of readProjectFile(path).split('\n').entries()) {
      if (pattern.test(line)) found.push(`${path}:${index + 1}: ${line.trim()}`);
    }
  }
  return found;
}

/** Relative import targets of a TypeScript file, resolved to project paths; others as written. */
export function importsOf(path: string): string[] {
  const source = readProjectFile(path);
  const targets: string[] = [];
  for (const match of source.matchAll(/(?:from|import\()\s*'([^']+)'/g)) {
    const target = match[1] ?? '';
    targets.push(target.startsWith('.') ? join(path, '..', target) : target);
  }
  return targets;
}
