/**
 * Makes a fresh clone ready: Debian packages, node_modules, dist. Owns what is missing and how it
 * gets there; says what it is going to touch before it touches anything. The machine's own network
 * is never configured: everything live happens in network namespaces.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

const EXAMPLE_DIR = '/usr/share/doc/libnetfilter-queue-dev';
const EXAMPLE = `${EXAMPLE_DIR}/examples/nf-queue.c`;

/** Debian package -> a file that proves it is there (a bare name is looked up in PATH). */
export const PACKAGES = {
  iproute2: 'ip',
  iptables: 'iptables',
  nftables: 'nft',
  'openssh-client': 'ssh',
  'openssh-server': 'sshd',
  iperf3: 'iperf3',
  // Logs in to many hosts at a time, in one scenario of the testbed.
  'ansible-core': 'ansible',
  conntrack: 'conntrack',
  conntrackd: 'conntrackd',
  keepalived: 'keepalived',
  tcpdump: 'tcpdump',
  // For the pages of `diagnose --html`.
  chromium: 'chromium',
  // Reads the evidence that we write, and counts the captures that we count.
  tshark: 'tshark',
  procps: 'ps',
  // The reference for the benchmark: libnetfilter_queue's own C example.
  'libnetfilter-queue-dev': EXAMPLE,
  'libmnl-dev': '/usr/include/libmnl/libmnl.h',
  gcc: 'gcc',
  'libc6-dev': '/usr/include/stdio.h',
};

// raw-socket is compiled by npm. Without these it is left out and injection goes through koffi.
const COMPILER = { make: 'make', 'g++': 'g++', python3: 'python3' };

const POLICY = '/usr/sbin/policy-rc.d';
// root's PATH lacks sbin in many containers and under `su`.
const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin'];

export function isRoot() {
  return process.geteuid?.() === 0;
}

/**
 * Prepares everything for `what`. `live: false` leaves packages and namespaces alone. Returns
 * whether the live part can run, and if not, why, as one line.
 */
export async function prepare({
  what = 'the tests',
  yes = false,
  live = true,
  packages = {},
} = {}) {
  extendPath();
  const wanted = { ...PACKAGES, ...packages };
  const root = isRoot();
  const missing = live && root ? missingPackages({ ...wanted, ...COMPILER }) : [];
  const install = !modulesFresh();
  const build = install || !distFresh();

  const touched = [];
  if (missing.length > 0) touched.push(`install Debian packages: ${missing.join(' ')}`);
  if (install) touched.push('npm ci (writes node_modules/)');
  if (build) touched.push('npm run build (writes dist/)');
  if (live && root) {
    touched.push(
      'create network namespaces and remove them again; this host keeps its own network',
    );
  }
  if (touched.length > 0) say(`To prepare ${what}, this will:\n  - ${touched.join('\n  - ')}`);

  let why = root ? '' : 'not root';
  if (missing.length > 0) {
    if (await agreed(yes)) installPackages(missing);
    const still = missingPackages(wanted);
    if (still.length > 0) why = `missing Debian packages: ${still.join(' ')}`;
  }
  if (install) must('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=warn']);
  if (build) mustBuild();
  if (live && why === '') why = namespaceProblem();
  return { live: live && why === '', why };
}

function say(text) {
  process.stdout.write(`${text}\n`);
}

function extendPath() {
  const path = (process.env.PATH ?? '').split(':');
  process.env.PATH = [...path, ...SBIN.filter((dir) => !path.includes(dir))].join(':');
}

function missingPackages(wanted) {
  const dirs = (process.env.PATH ?? '').split(':');
  const present = (file) =>
    file.startsWith('/') ? existsSync(file) : dirs.some((dir) => existsSync(join(dir, file)));
  return Object.keys(wanted).filter((name) => !present(wanted[name]));
}

/** Asked only on a terminal: automation that waits for an answer waits for ever. */
async function agreed(yes) {
  const interactive = process.stdin.isTTY && process.stdout.isTTY;
  if (yes || process.env.CI === 'true' || !interactive) return true;
  const prompt = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await prompt.question('Install the Debian packages? [Y/n] ');
  prompt.close();
  return /^(y(es)?)?$/i.test(answer.trim());
}

/**
 * Installed services must not start here: a test machine did not ask for an sshd of its own.
 * policy-rc.d is Debian's switch for that; one that exists already is respected.
 */
function installPackages(names) {
  if (!existsSync('/usr/bin/apt-get')) return;
  const guard = !existsSync(POLICY);
  const release = () => rmSync(POLICY, { force: true });
  if (guard) {
    process.once('exit', release);
    writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  run('apt-get', ['update', '-qq'], env);
  // Slim images leave documentation out, also of packages that they have: the example is one.
  const include = ['-o', `DPkg::Options::=--path-include=${EXAMPLE_DIR}*`];
  const args = ['install', '-y', '-qq', '--no-install-recommends', '--reinstall', ...include];
  if (!run('apt-get', [...args, ...names], env)) {
    // One name that this release does not have must not cost the others.
    for (const name of names) run('apt-get', [...args, name], env);
  }
  if (guard) {
    release();
    process.off('exit', release);
  }
  if (names.includes('openssh-server') && existsSync('/usr/bin/systemctl')) {
    run('systemctl', ['--quiet', 'disable', 'ssh.service', 'ssh.socket'], env, 'ignore');
  }
}

function run(command, args, env = process.env, stdio = 'inherit') {
  // Not our standard input: a tool that reads it would eat the caller's script.
  return spawnSync(command, args, { cwd: ROOT, env, stdio: ['ignore', stdio, stdio] }).status === 0;
}

/** The builder lists every file that it writes: worth reading when it fails. */
function mustBuild() {
  const options = { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] };
  const built = spawnSync('npm', ['run', '--silent', 'build'], options);
  if (built.status === 0) return;
  process.stderr.write(`${built.stdout}${built.stderr}`);
  say('Cannot go on: "npm run build" failed, see the lines above');
  process.exit(4);
}

function must(command, args) {
  if (run(command, args)) return;
  say(`Cannot go on: "${command} ${args.join(' ')}" failed, see the lines above`);
  process.exit(4);
}

/** Compares versions, not dates: a checkout touches dates, and needless `npm ci` costs minutes. */
function modulesFresh() {
  const installed = readJson('node_modules/.package-lock.json')?.packages;
  const locked = readJson('package-lock.json')?.packages;
  if (installed === undefined || locked === undefined) return false;
  return Object.entries(locked).every(([path, entry]) => {
    if (path === '') return true;
    const there = installed[path];
    return there === undefined ? entry.optional === true : there.version === entry.version;
  });
}

function readJson(path) {
  try {
    return JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
  } catch {
    return undefined;
  }
}

function distFresh() {
  const built = join(ROOT, 'dist/cli.js');
  if (!existsSync(built)) return false;
  const builtMs = statSync(built).mtimeMs;
  const sources = ['package.json', 'package-lock.json', 'rolldown.config.mjs'];
  return newestMs(join(ROOT, 'src')) <= builtMs && sources.every((name) => mtime(name) <= builtMs);
}

function mtime(path) {
  return statSync(join(ROOT, path)).mtimeMs;
}

function newestMs(dir) {
  let newest = 0;
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    const path = join(dir, entry.name);
    const ms = entry.isDirectory() ? newestMs(path) : statSync(path).mtimeMs;
    if (ms > newest) newest = ms;
  }
  return newest;
}

/** Root in a container without CAP_SYS_ADMIN cannot make namespaces: found out by trying. */
function namespaceProblem() {
  const name = `seqshim-try-${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', name], { encoding: 'utf8' });
  spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
  if (made.status === 0) return '';
  const cause = (made.stderr ?? '').trim().split('\n')[0] || 'ip netns failed';
  return `cannot create network namespaces (${cause})`;
}
