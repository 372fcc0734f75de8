/**
 * The files that are read where nobody names one, in an /etc of our own (a mount namespace). Needs
 * root and dist/.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
let etc = '';

beforeEach(() => {
  etc = mkdtempSync(join(tmpdir(), 'seqshim-etc-'));
  mkdirSync(join(etc, 'seqshim/conf.d'), { recursive: true });
});
afterEach(() => rmSync(etc, { recursive: true }));

function seqshim(...args: readonly string[]) {
  const script = 'mount --make-rprivate / && mount --bind "$0" /etc && exec "$@"';
  const command = ['-m', 'sh', '-c', script, etc, process.execPath, CLI, ...args];
  // Certificates of the other /etc, which Node would miss aloud.
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync('unshare', command, { encoding: 'utf8', env });
  return { status, stdout, stderr };
}

test('without files every option has its default', () => {
  expect(seqshim('config', 'check').stdout).toBe('ok: there is no file in /etc/seqshim\n');
  expect(seqshim('rules').stderr).toMatch(/^Cannot start: no target/);
});

test('every command reads them: options, and where the instance is', () => {
  writeFileSync(join(etc, 'seqshim/seqshim.toml'), 'target = ["192.0.2.0/24"]\nport = 2222\n');
  writeFileSync(join(etc, 'seqshim/conf.d/50-here.toml'), 'state-dir = "/run/elsewhere"\n');
  const rules = seqshim('rules').stdout;
  expect(rules).toContain('192.0.2.0/24');
  expect(rules).toContain('/run/elsewhere/remove.sh');
  expect(seqshim('rules', '--no-config', '--target', '10.0.0.0/8').stdout).not.toContain('192.0.2');
  for (const command of ['status', 'flows', 'paths', 'keep']) {
    expect(seqshim(command)).toMatchObject({
      status: 3,
      stderr: expect.stringContaining('not running (/run/elsewhere/control.sock)'),
    });
  }
});

test('a mistake stops what needs the options, and not what looks', () => {
  writeFileSync(join(etc, 'seqshim/seqshim.toml'), 'target = ["192.0.2.0/24"]\nmode = "on"\n');
  writeFileSync(join(etc, 'seqshim/conf.d/50-here.toml'), 'state-dir = "/run/elsewhere"\nx = 1\n');
  expect(seqshim('rules')).toMatchObject({
    status: 2,
    stderr: expect.stringMatching(
      /^Cannot load config: \/etc\/seqshim\/conf\.d\/50-here\.toml:2: x/,
    ),
  });
  expect(seqshim('status')).toMatchObject({
    status: 3,
    stderr: expect.stringContaining('/run/elsewhere/control.sock'),
  });
  expect(seqshim('config', 'check').stderr.split('\n')).toEqual([
    expect.stringMatching(/^\/etc\/seqshim\/conf\.d\/50-here\.toml:2: x: no such option/),
    '/etc/seqshim/seqshim.toml:2: mode: cannot be "on": it must be enforce, observe',
    '',
  ]);
});
