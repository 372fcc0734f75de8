/**
 * `npm run deb` and `npm run tarball`: packages in `build/`, from `dist` and node_modules as they
 * are. The same commit gives the same octets (SOURCE_DATE_EPOCH is honoured).
 *
 *     node packaging/build.mjs deb|tarball [--fast] [--release N]
 *
 * `--fast` hardly compresses, `--release` is Debian's number behind the version.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { stage } from './stage.mjs';

const ROOT = resolve(fileURLToPath(new URL('..', import.meta.url)));
const OUT = join(ROOT, 'build');
/** Where git cannot tell: the first second of 2026. */
const EPOCH_S = 1_767_225_600;
const SCRIPTS = ['postinst', 'prerm', 'postrm'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { fast: { type: 'boolean', default: false }, release: { type: 'string', default: '1' } },
});

try {
  main(positionals[0]);
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 4;
}

function main(kind) {
  if (kind !== 'deb' && kind !== 'tarball') throw new Error('Say what to build: deb or tarball');
  if (process.arch !== 'x64') throw new Error(`Cannot build for ${process.arch}: only for x64`);
  if (!existsSync(join(ROOT, 'dist/cli.js'))) throw new Error('Cannot build: npm run build first');
  mkdirSync(OUT, { recursive: true });
  const tree = mkdtempSync(join(OUT, 'tree-'));
  try {
    const epochS = releaseEpochS();
    const { version } = stage(ROOT, tree, epochS);
    const file = kind === 'deb' ? deb(tree, version, epochS) : tarball(tree, version, epochS);
    const bytes = statSync(file).size;
    process.stdout.write(`${file} (${(bytes / 2 ** 20).toFixed(1)} MiB)\n`);
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

function releaseEpochS() {
  const given = process.env.SOURCE_DATE_EPOCH;
  if (given !== undefined) return Number(given);
  const commit = spawnSync('git', ['log', '-1', '--format=%ct'], { cwd: ROOT, encoding: 'utf8' });
  return commit.status === 0 ? Number(commit.stdout) : EPOCH_S;
}

function deb(tree, version, epochS) {
  const control = join(tree, 'DEBIAN');
  mkdirSync(control);
  const full = `${version}-${values.release}`;
  writeFileSync(join(control, 'conffiles'), '/etc/seqshim/seqshim.toml\n');
  writeFileSync(join(control, 'control'), controlText(full, installedKib(tree)));
  for (const name of SCRIPTS) cpSync(join(ROOT, 'packaging/debian', name), join(control, name));
  for (const entry of readdirSync(control)) {
    const path = join(control, entry);
    chmodSync(path, SCRIPTS.includes(entry) ? 0o755 : 0o644);
    lutimesSync(path, epochS, epochS);
  }
  chmodSync(control, 0o755);
  lutimesSync(control, epochS, epochS);
  lutimesSync(tree, epochS, epochS);
  const file = join(OUT, `seqshim_${full}_amd64.deb`);
  // xz, because Debian 11 knows no zstd. One thread: more would make other octets.
  const how = values.fast ? ['-Zgzip', '-z1'] : ['-Zxz', '-z6'];
  run('dpkg-deb', ['--root-owner-group', ...how, '--build', tree, file], epochS);
  return file;
}

function controlText(version, kib) {
  return readFileSync(join(ROOT, 'packaging/debian/control'), 'utf8')
    .replace('@VERSION@', version)
    .replace('@INSTALLED_KIB@', String(kib));
}

function tarball(tree, version, epochS) {
  const file = join(OUT, `seqshim-${version}-linux-x64.tar.${values.fast ? 'gz' : 'xz'}`);
  const compress = values.fast ? 'gzip -n -1' : 'xz -T1 -6';
  const owner = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];
  const how = [...owner, `--use-compress-program=${compress}`];
  run('tar', [...how, '-C', tree, '-cf', file, './etc', './usr'], epochS);
  return file;
}

function installedKib(tree) {
  return Number(execFileSync('du', ['-sk', '--apparent-size', tree]).toString().split('\t')[0]);
}

function run(command, args, epochS) {
  const env = { ...process.env, SOURCE_DATE_EPOCH: String(epochS), DPKG_DEB_THREADS_MAX: '1' };
  const { status } = spawnSync(command, args, { env, stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`Cannot build: ${command} failed, see the lines above`);
}
