/** What packages hold: the same octets each time, no trace of where they were made, no sources. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { buildPackage } from './packages.ts';

const ROOT = dirname(fileURLToPath(new URL('../../package.json', import.meta.url)));
const MODULE_BYTES_MAX = 8 << 20;

const dir = mkdtempSync(join(tmpdir(), 'seqshim-package-'));
afterAll(() => rmSync(dir, { recursive: true }));

const run = (file: string, ...args: string[]) =>
  execFileSync(file, args, { encoding: 'utf8', maxBuffer: 64 << 20 });
const hashOf = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

it('a Debian package is the same each time', () => {
  const first = hashOf(buildPackage('deb', '1'));
  expect(hashOf(buildPackage('deb', '1'))).toBe(first);
});

it('a tarball is the same each time, with the tree of the Debian package, all of it root’s', () => {
  const tarball = buildPackage('tarball');
  const first = hashOf(tarball);
  expect(hashOf(buildPackage('tarball'))).toBe(first);
  const inTarball = run('tar', '-tf', tarball).split('\n').sort();
  const inDeb = run('sh', '-c', `dpkg-deb --fsys-tarfile '${buildPackage('deb')}' | tar -t`);
  expect(
    inDeb
      .split('\n')
      .filter((name) => name !== './')
      .sort(),
  ).toEqual(inTarball);
  const owners = run('tar', '-tvf', tarball).trim().split('\n');
  expect(owners.filter((line) => !/^\S+ 0\/0 /.test(line))).toEqual([]);
});

it('nothing in it names the machine it was made on, and modules bring no sources', () => {
  run('dpkg-deb', '-x', buildPackage('deb'), dir);
  const grep = `grep -rlF '${ROOT}' ${dir} || true`;
  expect(run('sh', '-c', grep)).toBe('');
  const modules = join(dir, 'usr/lib/seqshim/node_modules');
  expect(run('sh', '-c', `find ${modules} -name '*.cc' -o -name '*.ts' -o -name test`)).toBe('');
  const bytes = Number(run('du', '-sb', modules).split('\t')[0]);
  expect(bytes).toBeLessThan(MODULE_BYTES_MAX);
  const doc = join(dir, 'usr/share/doc/seqshim');
  expect(readFileSync(join(doc, 'MODULES'), 'utf8')).toMatch(/^koffi \d/m);
  expect(readFileSync(join(doc, 'MODULES'), 'utf8')).not.toMatch(/raw-socket/);
  expect(readFileSync(join(doc, 'LICENSE.node'), 'utf8')).toContain('Node.js is licensed');
});

it('its Node runs its program', () => {
  const lib = join(dir, 'usr/lib/seqshim');
  const version = run(join(lib, 'bin/node'), join(lib, 'dist/cli.js'), '--version');
  const { version: wanted } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  expect(version).toBe(`${wanted}\n`);
});
