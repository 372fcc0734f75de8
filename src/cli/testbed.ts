/**
 * `testbed`: lists scenarios, plays them, or leaves one standing. Owns what it prints and its exit
 * code: 0 as expected, 1 not, 2 usage or a scenario with mistakes, 4 not possible here.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text, type Values } from '../config/config.ts';
import { OperatorError, OptionError } from '../config/errors.ts';
import { EXIT_NO, EXIT_OK } from '../config/exit-codes.ts';
import { checkPlace, writePrivate } from '../diagnose/private-file.ts';
import { wrapText } from '../diagnose/wrap-text.ts';
import { playMatrix } from '../testbed/matrix.ts';
import { matrixJson } from '../testbed/matrix-json.ts';
import { matrixPage } from '../testbed/matrix-page.ts';
import { ARMS, type Arm, isAsExpected, type ScenarioResult } from '../testbed/matrix-result.ts';
import { matrixHead, matrixSummary, resultLines, throughputNote } from '../testbed/matrix-text.ts';
import { demandLab } from '../testbed/preconditions.ts';
import type { ScenarioFile } from '../testbed/scenario-file.ts';
import { scenarioNamed, shippedScenarios } from '../testbed/shipped-scenarios.ts';
import { programOf } from '../testbed/workload/workload.ts';
import { standingLab } from './testbed-shell.ts';

const REPEAT_MAX = 100;
const LABS_MAX = 16;

export async function testbed(args: Values): Promise<number> {
  const what = String(args['what']);
  const words = Array.isArray(args['scenario']) ? args['scenario'].map(String) : [];
  const takesNames = what === 'run' || what === 'shell';
  if (takesNames && words.length === 0) {
    const example = `seqshim testbed ${what} first-connection-reset`;
    throw new OperatorError(`Say which scenario, for example: ${example}`);
  }
  if (!takesNames && words.length > 0) {
    throw new OperatorError(`Cannot name scenarios for ${what}: it takes all. Try: testbed run`);
  }
  if (what === 'list') return list(args['json'] === true);
  if (what === 'shell') return shell(words, args['with-shim'] === true);
  return play(args, what === 'run' ? words.map(scenarioNamed) : shippedScenarios());
}

function list(asJson: boolean): number {
  const scenarios = shippedScenarios();
  if (asJson) {
    const told = scenarios.map(({ name, about, source, families, behaviour, workload, file }) => ({
      ...{ name, about, source, families, file },
      behaviours: behaviour.map(({ kind }) => kind),
      workloads: workload.map(({ kind }) => kind),
    }));
    process.stdout.write(`${JSON.stringify({ schema: 1, scenarios: told })}\n`);
    return EXIT_OK;
  }
  for (const { name, about, source } of scenarios) {
    const paragraph = about.replaceAll(/\s+/g, ' ');
    const lines = [...wrapText('    ', paragraph), ...wrapText('    ', `Source: ${source}`)];
    process.stdout.write(`${[name, ...lines].join('\n')}\n\n`);
  }
  return EXIT_OK;
}

async function shell(words: readonly string[], withShim: boolean): Promise<number> {
  const [word = '', ...others] = words;
  if (others.length > 0) throw new OperatorError('Cannot leave several standing: name one');
  const scenario = scenarioNamed(word);
  demandLab('leave a lab standing', programsOf([scenario]));
  await standingLab(scenario, withShim);
  return EXIT_OK;
}

async function play(args: Values, scenarios: readonly ScenarioFile[]): Promise<number> {
  const arms = armsOf(args);
  const repeat = numberOf(args, 'repeat', REPEAT_MAX);
  const labs = numberOf(args, 'labs', LABS_MAX);
  const page = text(args, 'html');
  if (page !== undefined) await checkPlace('html', page);
  demandLab('build a testbed', programsOf(scenarios));
  const kept = await directoryOf(text(args, 'pcap'));
  const passing = page === undefined ? undefined : mkdtempSync(join(tmpdir(), 'seqshim-matrix-'));
  try {
    const asJson = args['json'] === true;
    const startedMs = performance.now();
    if (!asJson) say(matrixHead(arms));
    const tell = (result: ScenarioResult) => {
      if (!asJson) for (const line of resultLines(result, arms)) say(line);
    };
    const captureDir = kept ?? passing;
    const results = await playMatrix({ scenarios, arms, repeat, labs, captureDir, tell });
    const ms = performance.now() - startedMs;
    if (page !== undefined) await writePrivate('html', page, await matrixPage(results, arms, ms));
    if (asJson) say(JSON.stringify(matrixJson(results, arms, ms)));
    else say(`\n${throughputNote(results)}${matrixSummary(results, ms)}`);
    return results.every(isAsExpected) ? EXIT_OK : EXIT_NO;
  } finally {
    if (passing !== undefined) rmSync(passing, { recursive: true, force: true });
  }
}

function programsOf(scenarios: readonly ScenarioFile[]) {
  const programs = scenarios.flatMap(({ workload }) => workload.map(programOf));
  return new Set(programs.filter((program) => program !== undefined));
}

function armsOf(args: Values): readonly Arm[] {
  const only = ARMS.filter((arm) => args[`${arm}-shim`] === true);
  return only.length === 0 ? ARMS : only;
}

function numberOf(args: Values, option: string, max: number): number {
  const written = text(args, option) ?? '';
  const number = Number(written);
  if (/^\d+$/.test(written) && number >= 1 && number <= max) return number;
  throw new OptionError(option, `"${written}"`, `it must be from 1 to ${max}`);
}

async function directoryOf(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  try {
    await mkdir(path, { recursive: true });
    return path;
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'refused';
    throw new OptionError('pcap', `"${path}"`, `${why}, name a directory of yours`);
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
