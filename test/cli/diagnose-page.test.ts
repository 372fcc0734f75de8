/** `diagnose --html` and `--anonymize` as a person runs them: files, modes, refusals. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLI, ROOT, runCli, runShell } from './cli-run.ts';

const JUMPBOX = join(ROOT, 'test/fixtures/jumpbox-first-connection-reset.txt');

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'seqshim-page-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function modeOf(path: string): number {
  return statSync(path).mode & 0o777;
}

describe('--html', () => {
  it('writes the page beside the report, for its owner only, and nothing else', async () => {
    const own = mkdtempSync(join(dir, 'own-'));
    const out = join(own, 'page.html');
    const { exitCode, stdout, stderr } = await runCli('diagnose', JUMPBOX, '--html', out);
    expect([exitCode, stderr]).toEqual([1, '']);
    expect(stdout).toContain('Two TCP end points answered one SYN');
    const page = readFileSync(out, 'utf8');
    expect(page).toContain(createHash('sha256').update(readFileSync(JUMPBOX)).digest('hex'));
    expect(page).toContain(hostname());
    expect(page).toContain(`seqshim diagnose ${JUMPBOX} --html ${out}`);
    expect(modeOf(out)).toBe(0o600);
    expect(readdirSync(own)).toEqual(['page.html']);
  });

  it('replaces a page, whoever could read that one', async () => {
    const out = join(dir, 'old.html');
    writeFileSync(out, 'old');
    chmodSync(out, 0o644);
    await runCli('diagnose', JUMPBOX, '--html', out);
    expect(readFileSync(out, 'utf8')).toMatch(/^<!doctype html>/);
    expect(modeOf(out)).toBe(0o600);
  });

  it('reads several inputs into one page, standard input among them', async () => {
    const out = join(dir, 'two.html');
    const script = `node '${CLI}' diagnose '${JUMPBOX}' - --html '${out}' < '${JUMPBOX}'`;
    expect((await runShell(script)).exitCode).toBe(1);
    const page = readFileSync(out, 'utf8');
    expect(page).toContain('>standard input</h2>');
    expect(page).toContain('not hashed: it could be read only once');
  });

  it.each([
    ['a directory', () => dir, 'it is a directory, name a file in it'],
    ['a device', () => '/dev/null', 'it is no plain file'],
    ['a link', () => link(), 'it is no plain file'],
    ['standard output', () => '-', 'name a file'],
    ['a directory that is not there', () => join(dir, 'no/page.html'), 'make it first'],
  ])('2 for %s, in one line, before anything is said', async (_what, place, why) => {
    const { exitCode, stderr, stdout } = await runCli('diagnose', JUMPBOX, '--html', place());
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(/^Cannot write --html [^\n]+\n$/);
    expect(stderr).toContain(why);
  });

  function link(): string {
    const path = join(dir, 'link.html');
    if (!existsSync(path)) symlinkSync(join(dir, 'aim.html'), path);
    return path;
  }
});

describe('--anonymize', () => {
  it('keeps the key beside the page, and uses it again', async () => {
    const out = join(dir, 'anonymous.html');
    const first = await runCli('diagnose', JUMPBOX, '--html', out, '--anonymize');
    const key = `${out}.key`;
    expect(readFileSync(key, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
    expect(modeOf(key)).toBe(0o600);
    const second = await runCli('diagnose', JUMPBOX, '--html', out, '--anonymize');
    expect(second.stdout).toBe(first.stdout);
    const page = readFileSync(out, 'utf8');
    expect(`${first.stdout}${page}`).not.toMatch(/jumbox/);
    expect(page).not.toContain(readFileSync(key, 'utf8').trim());
    expect(page).not.toContain(hostname());
    expect(page).not.toContain(dir);
  });

  it('takes a key from a file, the same for text and JSON', async () => {
    const key = join(dir, 'team.key');
    const text = await runCli('diagnose', JUMPBOX, '--anonymize-key', key);
    const json = await runCli('diagnose', JUMPBOX, '--anonymize-key', key, '--json');
    const [name = ''] = /host-[0-9a-f]{12}/.exec(text.stdout) ?? [];
    expect(name).not.toBe('');
    expect(json.stdout).toContain(name);
    expect(json.stdout).not.toMatch(/jumbox|fixtures/);
  });

  it('without a file gives other names each time', async () => {
    const name = async () =>
      /host-[0-9a-f]{12}/.exec((await runCli('diagnose', JUMPBOX, '--anonymize')).stdout)?.[0];
    expect(await name()).not.toBe(await name());
  });

  it.each([
    ['that others can read', 'open.key', `${'0'.repeat(64)}\n`, 0o644, 'chmod 600'],
    ['that holds no key', 'no.key', 'secret\n', 0o600, 'name a new file'],
  ])('2 for a key file %s', async (_what, name, content, mode, why) => {
    const key = join(dir, name);
    writeFileSync(key, content);
    chmodSync(key, mode);
    const { exitCode, stderr } = await runCli('diagnose', JUMPBOX, '--anonymize-key', key);
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^Cannot use --anonymize-key [^\n]+\n$/);
    expect(stderr).toContain(why);
  });

  it('2 for a key file that is a directory', async () => {
    const key = join(dir, 'a-directory');
    mkdirSync(key);
    const { exitCode, stderr } = await runCli('diagnose', JUMPBOX, '--anonymize-key', key);
    expect([exitCode, stderr.split('\n').length]).toEqual([2, 2]);
  });
});
