/**
 * `npm run test:vm`: live tests in a virtual machine with Debian's own kernel, through nft and its
 * queue, which the kernel of the machine at hand may lack. Needs root, qemu and mmdebstrap. Without
 * `--kvm` everything is emulated, some ten times slower: the default file takes five minutes, and
 * of other files fails what measures time, or does much at once.
 *
 *     npm run test:vm -- [--kvm] [--release NAME] [--firewall nft|iptables] [--minutes N]
 *                        [--name TEST] [FILE ...]
 *
 * Owns the machine: its disks, its process, its time. The last line is `N passed, N failed`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs, stripVTControlCharacters } from 'node:util';
import { officialNode } from '../packaging/official-node.mjs';
import { countTests } from './count-tests.mjs';
import { prepare, ROOT } from './setup.mjs';
import { debianImage } from './vm/image.mjs';

/** What nft does otherwise, and that it repairs; no times are measured there. */
const FILES = ['test/vm/nft.vm.test.ts'];
const PROJECTS = '--project vm --project labs --project kernel';
const NEEDS = {
  'qemu-system-x86': 'qemu-system-x86_64',
  mmdebstrap: 'mmdebstrap',
  e2fsprogs: 'debugfs',
};
const MEMORY_MIB = 4096;
const JOB_SIZE = '2G';
/** What a machine does not need of the working tree. */
const LEFT_OUT = new Set(['.git', 'build', 'coverage']);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    yes: { type: 'boolean', default: false },
    kvm: { type: 'boolean', default: false },
    release: { type: 'string', default: 'bookworm' },
    firewall: { type: 'string', default: 'nft' },
    minutes: { type: 'string', default: '90' },
    name: { type: 'string' },
  },
});

const { live, why } = await prepare({
  what: 'the tests in a virtual machine',
  yes: values.yes,
  packages: NEEDS,
});
if (live) await main(positionals.length > 0 ? positionals : FILES);
else {
  process.stderr.write(`Cannot make a virtual machine (${why}): run this as root\n`);
  process.exitCode = 4;
}

async function main(files) {
  const image = debianImage(values.release);
  const dir = mkdtempSync('/var/tmp/seqshim-test-job-');
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }));
  const disk = jobDisk(dir, files);
  const status = await boot(image, disk);
  const counts = files.map((_, i) => countReport(disk, dir, reportName(i)));
  const passed = counts.reduce((sum, count) => sum + count.passed, 0);
  const failed = counts.reduce((sum, count) => sum + count.failed, 0);
  if (status !== '') process.stderr.write(`${status}\n`);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  process.exitCode = failed === 0 ? 0 : 1;
}

function reportName(i) {
  return `results-${i}.json`;
}

/** Of a file that was not reached, or that fits no test, something has failed. */
function countReport(disk, dir, name) {
  const file = join(dir, name);
  spawnSync('debugfs', ['-R', `dump /${name} ${file}`, disk], { stdio: 'ignore' });
  const counts = countTests(file, values.name === undefined);
  return counts.passed + counts.failed > 0 ? counts : { passed: 0, failed: 1 };
}

/** A disk with the project as it is, a Node that needs nothing of the host's, and what to run. */
function jobDisk(dir, files) {
  const job = join(dir, 'job');
  const project = join(job, 'project');
  mkdirSync(job);
  const filter = (path) => !LEFT_OUT.has(basename(path)) || join(ROOT, basename(path)) !== path;
  cpSync(ROOT, project, { recursive: true, verbatimSymlinks: true, filter });
  cpSync(join(officialNode(join(ROOT, 'build')), 'bin/node'), join(job, 'bin/node'));
  const seed = process.env.SEQSHIM_SEED ?? '1';
  const name = values.name === undefined ? '' : `-t '${values.name}'`;
  const vitest = `node node_modules/vitest/vitest.mjs run ${PROJECTS} ${name}`;
  // One after the other: what failed is told before the next begins.
  const runs = files.map((file, i) => {
    const report = `--outputFile.json=/job/${reportName(i)}`;
    return `${vitest} --maxWorkers=1 --reporter=default --reporter=json ${report} ${file}`;
  });
  const script = [
    'export PATH=/job/bin:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin',
    `export CI=true NO_COLOR=1 SEQSHIM_SEED=${seed} SEQSHIM_FIREWALL=${values.firewall}`,
    // Tests ask for its switches, and by asking nobody loads it.
    'modprobe br_netfilter; uname -sr; nft --version; node --version',
    'cd /job/project',
    ...runs,
  ];
  writeFileSync(join(job, 'run.sh'), `${script.join('\n')}\n`);
  const disk = join(dir, 'job.img');
  const made = spawnSync('sh', [
    '-c',
    `truncate -s ${JOB_SIZE} "$1" && mke2fs -q -t ext4 -E lazy_itable_init=0,lazy_journal_init=0 -d "$2" "$1"`,
    'sh',
    disk,
    job,
  ]);
  if (made.status !== 0) throw new Error(`Cannot make a disk: ${made.stderr}`);
  rmSync(job, { recursive: true, force: true });
  return disk;
}

/** Until the machine switches itself off; a line about why it did not, or ''. */
function boot(image, disk) {
  const accelerator = values.kvm
    ? ['-accel', 'kvm', '-cpu', 'host']
    : ['-accel', 'tcg,thread=multi', '-cpu', 'max'];
  const command = [
    ...accelerator,
    ...['-smp', '2', '-m', String(MEMORY_MIB), '-display', 'none', '-nodefaults', '-no-reboot'],
    ...['-serial', 'stdio', '-kernel', join(image, 'vmlinuz'), '-initrd', join(image, 'initrd')],
    ...['-append', 'root=/dev/vda rw console=ttyS0 quiet systemd.show_status=0'],
    ...['-drive', `file=${join(image, 'disk.img')},if=virtio,format=raw,snapshot=on`],
    ...['-drive', `file=${disk},if=virtio,format=raw`],
  ];
  return new Promise((resolve) => {
    const machine = spawn('qemu-system-x86_64', command, { stdio: ['ignore', 'pipe', 'inherit'] });
    let reason = '';
    const stop = (why) => {
      reason = why;
      machine.kill('SIGKILL');
    };
    const limitMs = Number(values.minutes) * 60_000;
    const timer = setTimeout(() => stop(`stopped after ${values.minutes} minutes`), limitMs);
    const interrupted = () => stop('interrupted');
    process.once('SIGINT', interrupted);
    process.once('SIGTERM', interrupted);
    machine.stdout.on('data', (chunk) => process.stdout.write(plain(chunk)));
    machine.on('error', (error) => resolve(`Cannot start it: ${error.message}`));
    machine.on('exit', () => {
      clearTimeout(timer);
      process.off('SIGINT', interrupted);
      process.off('SIGTERM', interrupted);
      resolve(reason);
    });
  });
}

/** The firmware clears screens. */
function plain(chunk) {
  return stripVTControlCharacters(chunk.toString()).replaceAll('\r', '');
}
