/** The files of the project, as git knows them: tracked, or new and not ignored. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Paths relative to the root whose names match, sorted. Without git: none, and the test fails. */
export function projectFiles(pattern: RegExp): string[] {
  const list = execFileSync(
    'git',
    ['-c', `safe.directory=${ROOT}`, 'ls-files', '--cached', '--others', '--exclude-standard'],
    { cwd: ROOT, encoding: 'utf8' },
  );
  // A file that is deleted and not committed yet is still listed.
  return list
    .split('\n')
    .filter((path) => path !== '' && pattern.test(path) && existsSync(join(ROOT, path)))
    .sort();
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
