/**
 * A scenario as a TOML file: what the network does, what clients do in it, what is expected without
 * and with the shim. Keys are kebab-case there. Owns the schema of the whole; behaviours, path and
 * workloads own theirs. Every mistake is one line: file, line, key, what is allowed.
 */
import { parse as parseToml } from 'smol-toml';
import * as v from 'valibot';
import { OperatorError } from '../config/errors.ts';
import { readTomlSource, syntaxMistake } from '../config/toml-source.ts';
import { behaviourSchema, camelKeys } from './firewall/behaviour.ts';
import { pathSchema } from './firewall/path-options.ts';
import { scenarioMistakes } from './scenario-file-mistakes.ts';
import { workloadSchema } from './workload/workload.ts';

const NAME = 'must be small letters, digits and dashes, at most 60';
const text = (says: string) => v.pipe(v.string(says), v.trim(), v.minLength(1, says));

const scenarioSchema = v.strictObject({
  name: v.pipe(v.string(NAME), v.regex(/^[a-z0-9][a-z0-9-]{0,59}$/, NAME)),
  /** The real device or bug that it models, a paragraph. */
  about: text('must be text: which device or bug it models'),
  /** Where that is known from. */
  source: text('must be text: where the device or bug is described'),
  families: v.optional(
    v.pipe(
      v.array(v.picklist([4, 6], 'must be 4 or 6'), 'must be a list of 4, 6, or both'),
      v.minLength(1, 'must be a list of 4, 6, or both'),
    ),
    [4],
  ),
  /** The same seed, the same fate of the n-th packet. */
  seed: v.optional(v.pipe(v.number('must be a whole number'), v.integer()), 1),
  path: v.optional(pathSchema, {}),
  behaviour: v.optional(v.array(behaviourSchema, 'must be tables: [[behaviour]]'), []),
  workload: v.pipe(
    v.array(workloadSchema, 'must be tables: [[workload]]'),
    v.minLength(1, 'must be at least one table: [[workload]]'),
  ),
  /** Options of the shim beyond its defaults, as `run` takes them. */
  shim: v.optional(v.array(v.string(), 'must be a list like ["--sack", "repair"]'), []),
});
export type ScenarioFile = v.InferOutput<typeof scenarioSchema> & { readonly file: string };

/** @throws OperatorError, with every mistake. */
export function readScenarioFile(path: string): ScenarioFile {
  return parseScenario(path, readTomlSource('scenario', path));
}

/** `path` is only what mistakes are told with. */
export function parseScenario(path: string, source: string): ScenarioFile {
  let table: unknown;
  try {
    table = parseToml(source);
  } catch (error) {
    throw new OperatorError(syntaxMistake(path, error));
  }
  const result = v.safeParse(scenarioSchema, camelKeys(table));
  if (result.success) return { ...result.output, file: path };
  throw new OperatorError(scenarioMistakes(path, source, scenarioSchema, result.issues));
}
