/**
 * `npm test` and `npm run check`: set-up, static checks, unit tests and, for root, the tests in
 * network namespaces. Ends with a summary whose last line is `N passed, N failed`.
 * Reads CI (a skip is a failure there) and SEQSHIM_SEED (unset: derived from the commit).
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { officialNode } from '../packaging/official-node.mjs';
import { countTests } from './count-tests.mjs';
import { prepare, ROOT } from './setup.mjs';

const ci = process.env.CI === 'true';
const checkOnly = process.argv.includes('--check');
const scratch = mkdtempSync(join(tmpdir(), 'seqshim-test-'));
let summarised = false;
process.on('exit', () => {
  rmSync(scratch, { recursive: true, force: true });
  // Set-up that fails is a failure too, in the form that scripts read.
  if (!summarised) process.stdout.write('0 passed, 1 failed\n');
});

// A step that hangs fails; it does not take the rest of the run with it.
const STATIC_LIMIT_S = 120;
const UNIT_LIMIT_S = 600;
/** Against a hang only: on two idle cores the live tests take about half of this. */
const KERNEL_LIMIT_S = 2100;
/** On two cores one would be left idle: of itself a run takes one worker less than there are. */
const SIDE_BY_SIDE = ['--maxWorkers=2'];

/** Random worlds take minutes, and what they judge is no matter of which Node runs it. */
const WITHOUT_WORLDS = readdirSync(join(ROOT, 'test'))
  .filter((name) => name !== 'sim')
  .map((name) => `test/${name}`);

const startedMs = Date.now();
process.env.SEQSHIM_SEED ||= seedOfCommit();

const { live, why } = await prepare({
  what: checkOnly ? 'the checks' : 'the tests',
  yes: process.argv.includes('--yes'),
  live: !checkOnly,
});

const results = [];
await staticCheck('lint', 'node_modules/@biomejs/biome/bin/biome', [
  'check',
  '--error-on-warnings',
  '.',
]);
const tsc = 'node_modules/typescript/bin/tsc';
await staticCheck('types', tsc, ['-p', 'tsconfig.json']);
await staticCheck('types of the engine', tsc, ['-p', 'src/engine/tsconfig.json']);
await vitest('unit', UNIT_LIMIT_S, { args: SIDE_BY_SIDE });
if (ci) await unitTestsOnPackagedNode();
const notes = [];
if (live) {
  await vitest('labs', KERNEL_LIMIT_S, { args: SIDE_BY_SIDE });
  await vitest('kernel', KERNEL_LIMIT_S);
  await scenariosThroughNft();
} else if (!checkOnly) {
  const name = `tests in network namespaces: skipped, ${why}`;
  results.push({ name, passed: 0, failed: ci ? 1 : 0, skipped: 1, seconds: 0 });
}
summarise();

function seedOfCommit() {
  const commit = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: ROOT, encoding: 'utf8' });
  const hex = commit.status === 0 ? commit.stdout.slice(0, 7) : '1';
  return String(Number.parseInt(hex, 16));
}

async function staticCheck(name, script, args) {
  const { ok, seconds } = await node([script, ...args], STATIC_LIMIT_S);
  results.push({ name, passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0, seconds });
}

/** Where the kernel's nft knows no `queue`, iptables was all that could be tried: it is said. */
async function scenariosThroughNft() {
  const table =
    'table inet t { chain c { type filter hook input priority 0; queue num 1 bypass; }; }';
  const tried = spawnSync('unshare', ['-n', 'nft', '-c', '-f', '-'], {
    input: table,
    encoding: 'utf8',
  });
  if (tried.status === 0) {
    process.env.SEQSHIM_FIREWALL = 'nft';
    await vitest('labs', KERNEL_LIMIT_S, {
      name: 'scenarios through nft',
      args: ['test/e2e/scenarios.e2e.test.ts'],
    });
    delete process.env.SEQSHIM_FIREWALL;
    return;
  }
  const why = tried.error?.code ?? tried.stderr.split('\n')[0].replace(/^\S+ /, '');
  notes.push(`scenarios through nft: not run, its queue does not work here (${why})`);
  notes.push('`npm run test:vm` tries nft on Debian’s own kernel');
}

/** Packages bring a newer Node than the one that this may be. */
async function unitTestsOnPackagedNode() {
  const name = 'unit tests on the Node of the packages';
  try {
    const program = join(officialNode(join(ROOT, 'build')), 'bin/node');
    await vitest('unit', UNIT_LIMIT_S, {
      name,
      program,
      args: [...SIDE_BY_SIDE, ...WITHOUT_WORLDS],
    });
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    results.push({ name, passed: 0, failed: 1, skipped: 0, seconds: 0 });
  }
}

async function vitest(
  project,
  limitS,
  { name = `${project} tests`, args = [], program = process.execPath } = {},
) {
  const file = join(scratch, `${name.replaceAll(' ', '-')}.json`);
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  const script = 'node_modules/vitest/vitest.mjs';
  const command = [script, 'run', '--project', project, ...reporters, ...args];
  const step = await node(command, limitS, program);
  const counts = countTests(file, ci);
  // A run that died, hung, or failed outside any test must not look green.
  if (!step.ok && counts.failed === 0) counts.failed = 1;
  results.push({ name, ...counts, seconds: step.seconds });
}

/** One child in a process group of its own, so that a hang or Ctrl-C ends all of it. */
function node(args, limitS, program = process.execPath) {
  const beganMs = Date.now();
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: ROOT,
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    const kill = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch {
        // It has ended already.
      }
    };
    let killTimer;
    const stop = () => {
      kill('SIGTERM');
      killTimer = setTimeout(() => kill('SIGKILL'), 10_000);
    };
    const timer = setTimeout(() => {
      process.stderr.write(`"${args[0]}" took more than ${limitS} s and is stopped\n`);
      stop();
    }, limitS * 1000);
    const interrupted = () => {
      stop();
      child.once('exit', () => process.exit(130));
    };
    process.once('SIGINT', interrupted);
    process.once('SIGTERM', interrupted);
    child.on('error', () => resolve({ ok: false, seconds: 0 }));
    child.on('exit', (status) => {
      clearTimeout(timer);
      clearTimeout(killTimer);
      process.off('SIGINT', interrupted);
      process.off('SIGTERM', interrupted);
      resolve({ ok: status === 0, seconds: (Date.now() - beganMs) / 1000 });
    });
  });
}

function summarise() {
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  const lines = results.map((result) => {
    const mark = result.failed > 0 ? 'FAILED ' : result.skipped > 0 ? 'skipped' : 'ok     ';
    const skipped = result.skipped > 0 ? `, ${result.skipped} skipped` : '';
    const counts = `${result.passed} passed, ${result.failed} failed${skipped}`;
    return `  ${mark} ${result.name} (${counts}; ${result.seconds.toFixed(1)} s)`;
  });
  const seconds = ((Date.now() - startedMs) / 1000).toFixed(0);
  const skipped = sum('skipped');
  process.stdout.write(`\nSummary (seed ${process.env.SEQSHIM_SEED}, ${seconds} s)\n`);
  process.stdout.write(`${lines.join('\n')}\n`);
  for (const note of notes) process.stdout.write(`  note    ${note}\n`);
  if (skipped > 0) {
    const excused = results.reduce((total, result) => total + (result.excused ?? 0), 0);
    const consequence = ci ? 'counted as failures because CI=true' : 'not counted';
    if (skipped > excused) {
      process.stdout.write(`  ${skipped - excused} skipped: ${consequence}\n`);
    }
    if (excused > 0) {
      process.stdout.write(`  ${excused} not run: public captures are absent (SEQSHIM_PCAPS)\n`);
    }
  }
  process.stdout.write(`${sum('passed')} passed, ${sum('failed')} failed\n`);
  summarised = true;
  process.exitCode = sum('failed') > 0 ? 1 : 0;
}
