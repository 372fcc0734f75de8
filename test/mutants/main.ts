/**
 * `npm run mutants`: how many small mistakes in the engine its tests would not notice. Samples
 * mutants by a seed, runs for each the files of tests that reach it, quickest first, until one
 * fails. Prints the score with its interval, and every survivor. Owns build/mutants.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createVitest, type TestSpecification, type Vitest } from 'vitest/node';
import { Random } from '../helpers/seed.ts';
import { KINDS, type Mutant, mutantsOf } from './mutators.ts';

const SCORE_MIN = 75;
/** Of a normal distribution: 95 %. */
const Z = 1.96;

interface Judged extends Mutant {
  readonly killedBy: string | undefined;
  /** Files of tests that reach it. */
  readonly reachedBy: number;
}

interface TestFile {
  readonly spec: TestSpecification;
  readonly name: string;
  readonly ms: number;
  readonly hits: ReadonlySet<number>;
}

export async function main(argv: readonly string[], root: string): Promise<number> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      count: { type: 'string', default: '300' },
      seed: { type: 'string', default: '1' },
      file: { type: 'string', default: '' },
      /** Survivors again: `src/engine/FILE:LINE`, more of them behind commas. */
      at: { type: 'string', default: '' },
      minutes: { type: 'string', default: '60' },
    },
  });
  const places = values.at === '' ? [] : values.at.split(',');
  const isAsked = ({ file, line }: Mutant) =>
    file.includes(values.file) && (places.length === 0 || places.includes(`${file}:${line}`));
  const all = allMutants(root).filter(isAsked);
  const sample = sampleOf(all, Number(values.count), Number(values.seed));
  const dir = join(root, 'build/mutants');
  mkdirSync(dir, { recursive: true });
  const sampleFile = join(dir, 'sample.json');
  writeFileSync(sampleFile, JSON.stringify(sample));
  process.env['SEQSHIM_MUTANTS'] = sampleFile;
  const vitest = await createVitest('test', {
    config: join(root, 'test/mutants/vitest.config.ts'),
    watch: false,
    reporters: [{}],
  });
  say(`${sample.length} of ${all.length} mutants, seed ${values.seed}`);
  try {
    const files = await testFiles(vitest, dir);
    const until = Date.now() + Number(values.minutes) * 60_000;
    const judged: Judged[] = [];
    for (const mutant of sample) {
      if (Date.now() > until) break;
      const one = await judge(vitest, files, mutant);
      judged.push(one);
      if (one.killedBy === undefined) say(survivorText(one));
      if (judged.length % 25 === 0) say(`so far: ${scoreText(judged)}`);
    }
    return report(judged);
  } finally {
    await vitest.close();
  }
}

function allMutants(root: string): Mutant[] {
  const found: Mutant[] = [];
  const names = readdirSync(join(root, 'src/engine'), { recursive: true, encoding: 'utf8' });
  for (const name of names.filter((one) => one.endsWith('.ts')).sort()) {
    const file = `src/engine/${name}`;
    found.push(...mutantsOf(file, readFileSync(join(root, file), 'utf8'), found.length));
  }
  return found;
}

/** Each as likely as any other. */
function sampleOf(all: readonly Mutant[], count: number, seed: number): Mutant[] {
  const random = new Random(seed);
  const rest = [...all];
  const sample: Mutant[] = [];
  while (sample.length < count && rest.length > 0) {
    sample.push(...rest.splice(random.below(rest.length), 1));
  }
  return sample;
}

/** Every file of tests once, without a mutant: it has to pass, and tells what it reaches. */
async function testFiles(vitest: Vitest, dir: string): Promise<TestFile[]> {
  const hitsFile = join(dir, 'hits.json');
  const files: TestFile[] = [];
  for (const spec of await vitest.globTestSpecifications()) {
    rmSync(hitsFile, { force: true });
    const beganMs = Date.now();
    const failed = await run(vitest, [spec], -1, hitsFile);
    const name = spec.moduleId.slice(spec.moduleId.lastIndexOf('/test/') + 1);
    if (failed !== undefined) throw new Error(`${name} fails without a mutant: ${failed}`);
    if (!existsSync(hitsFile)) continue; // all of it is skipped here
    const hits = new Set(JSON.parse(readFileSync(hitsFile, 'utf8')) as number[]);
    files.push({ spec, name, ms: Date.now() - beganMs, hits });
  }
  return files.sort((a, b) => a.ms - b.ms);
}

async function judge(vitest: Vitest, files: readonly TestFile[], mutant: Mutant): Promise<Judged> {
  const reaching = files.filter(({ hits }) => hits.has(mutant.id));
  const specs = reaching.map(({ spec }) => spec);
  const killedBy = specs.length === 0 ? undefined : await run(vitest, specs, mutant.id, '');
  return { ...mutant, killedBy, reachedBy: reaching.length };
}

/** The first that failed, or undefined. */
async function run(
  vitest: Vitest,
  specs: TestSpecification[],
  mutant: number,
  hitsFile: string,
): Promise<string | undefined> {
  for (const project of vitest.projects) {
    project.provide('mutant', mutant);
    project.provide('hitsFile', hitsFile);
  }
  vitest.state.filesMap.clear();
  const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specs);
  const failed = testModules.find((module) => !module.ok());
  if (failed !== undefined) return failed.relativeModuleId;
  return unhandledErrors.length > 0 ? String(unhandledErrors[0]) : undefined;
}

function report(judged: readonly Judged[]): number {
  say('');
  for (const kind of KINDS) {
    const of = judged.filter((one) => one.kind === kind);
    if (of.length > 0) say(`${kind.padEnd(12)} ${scoreText(of)}`);
  }
  say(`${'all'.padEnd(12)} ${scoreText(judged)}`);
  const killed = judged.filter(({ killedBy }) => killedBy !== undefined).length;
  const score = (100 * killed) / judged.length;
  return score >= SCORE_MIN ? 0 : 1;
}

function survivorText({ file, line, kind, before, after, reachedBy }: Judged): string {
  const what = after === '' ? 'is not there' : `is ${oneLine(after)}`;
  const reached = reachedBy === 0 ? ' (no test reaches it)' : '';
  return `survived: ${file}:${line}: ${kind}: ${oneLine(before)} ${what}${reached}`;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').slice(0, 90);
}

/** The score, and where that of all mutants lies at 95 % (Wilson). */
function scoreText(judged: readonly Judged[]): string {
  const count = judged.length;
  const killed = judged.filter(({ killedBy }) => killedBy !== undefined).length;
  const share = killed / count;
  const z2 = (Z * Z) / count;
  const middle = (share + z2 / 2) / (1 + z2);
  const half = (Z * Math.sqrt((share * (1 - share)) / count + z2 / (4 * count))) / (1 + z2);
  const [low, high] = [middle - half, middle + half].map((part) => (100 * part).toFixed(1));
  return `${killed} of ${count} killed, ${(100 * share).toFixed(1)} % (95 %: ${low} to ${high})`;
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
