/** The scenarios that come with the program: TOML files beside it, found by their names. */
import { existsSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OperatorError } from '../config/errors.ts';
import { nearestName } from '../config/suggestion.ts';
import { readScenarioFile, type ScenarioFile } from './scenario-file.ts';

const SUFFIX = '.toml';

/** Seen from the bundle and from the sources. */
function scenarioDir(): string {
  for (const base of ['./scenarios', '../scenarios']) {
    const path = fileURLToPath(new URL(base, import.meta.url));
    if (existsSync(path)) return path;
  }
  throw new Error('the scenarios are missing. Run: npm run build');
}

export function shippedNames(): readonly string[] {
  return readdirSync(scenarioDir())
    .filter((name) => name.endsWith(SUFFIX))
    .map((name) => basename(name, SUFFIX))
    .sort();
}

export function shippedScenarios(): readonly ScenarioFile[] {
  return shippedNames().map(shippedScenario);
}

/** What ends in `.toml` or has a slash in it is a file, all else the name of a shipped one. */
export function scenarioNamed(word: string): ScenarioFile {
  if (word.endsWith(SUFFIX) || word.includes('/')) return readScenarioFile(word);
  const names = shippedNames();
  if (names.includes(word)) return shippedScenario(word);
  const nearest = nearestName(word, names);
  const hint = nearest === undefined ? 'see: seqshim testbed list' : `did you mean ${nearest}`;
  throw new OperatorError(`Cannot find scenario "${word}": ${hint}. A file ends in .toml`);
}

function shippedScenario(name: string): ScenarioFile {
  return readScenarioFile(join(scenarioDir(), name + SUFFIX));
}
