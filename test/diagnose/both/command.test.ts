/** What an operator can do wrongly with two files, and what comes out when nothing is wrong. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { diagnose } from '../../../src/cli/diagnose.ts';
import { OperatorError } from '../../../src/config/errors.ts';
import { bothText, diagnoseBoth } from '../../../src/diagnose/both/diagnose-both.ts';
import { settledByBoth } from '../../../src/diagnose/both/settled-by-both.ts';
import { diagnoseInput } from '../../../src/diagnose/diagnose.ts';
import { SUSPECT_IDS } from '../../../src/diagnose/suspects.ts';
import { HANDSHAKE, line } from '../trace.ts';
import { captures, conversation, rewriting } from './two-sides.ts';

const JUMPBOX = join(import.meta.dirname, '../../fixtures/jumpbox-first-connection-reset.txt');
const dir = mkdtempSync(join(tmpdir(), 'seqshim-both-'));
afterAll(() => rmSync(dir, { recursive: true }));

const file = (name: string) => join(dir, name);
const [client, server, clamped, copy, text, other, junk, empty, reused] = [
  'client.pcap',
  'server.pcap',
  'clamped.pcap',
  'copy.pcap',
  'client.txt',
  'server.txt',
  'junk',
  'empty',
  'reused.pcap',
].map(file) as [string, string, string, string, string, string, string, string, string];

beforeAll(() => {
  const [one, two] = captures(conversation());
  writeFileSync(client, one);
  writeFileSync(copy, one);
  writeFileSync(server, two);
  const [, lower] = captures(
    conversation(),
    rewriting(({ spec }) => (spec.mss ? { mss: 900 } : {})),
  );
  writeFileSync(clamped, lower);
  const banner = line(20, 's', '[P.], seq 1:22, ack 1, win 509, length 21');
  writeFileSync(text, [...HANDSHAKE, banner].join('\n'));
  const shorter = [...HANDSHAKE].map((row) => row.replace('mss 1460', 'mss 1200'));
  writeFileSync(other, [...shorter, banner].join('\n'));
  // The same ports on another day.
  const later = conversation().map((sent) => {
    const { payload, ts: _ts, seq = 0, ack = 0, ...rest } = sent.spec;
    const spec = { ...rest, seq: seq + 77, ack: ack + 77 };
    return { ...sent, spec: payload ? { ...spec, payload: `later${String(payload)}` } : spec };
  });
  writeFileSync(reused, captures(later)[1]);
  writeFileSync(junk, 'once upon a midnight dreary\n');
  writeFileSync(empty, '');
});

describe('two files that cannot be compared', () => {
  it.each<[string, () => string[], number, RegExp]>([
    ['one file', () => [client], 2, /^Cannot compare: --both takes two files/],
    ['three files', () => [client, server, copy], 2, /^Cannot compare: --both takes two files/],
    ['standard input', () => ['-', server], 2, /^Cannot compare: --both takes two files/],
    ['the same file', () => [client, client], 2, /with itself: name a capture of each side$/],
    ['a copy of it', () => [client, copy], 2, /with itself/],
    ['swapped sides', () => [server, client], 2, /swap the two: seqshim diagnose --both \S+client/],
    ['no such file', () => [client, file('none')], 2, /^Cannot open ".*none": no such file$/],
    ['a directory', () => [dir, client], 2, /it is a directory/],
    ['something else', () => [client, junk], 2, /no tcpdump packet in it/],
    ['nothing', () => [empty, client], 2, /no tcpdump packet in it/],
    ['no connection in common', () => [client, reused], 4, /no connection is in both/],
  ])('%s', async (_what, names, exitCode, message) => {
    const error = await diagnoseBoth(names()).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(OperatorError);
    expect((error as OperatorError).exitCode).toBe(exitCode);
    expect((error as OperatorError).message).toMatch(message);
    expect((error as OperatorError).message).not.toContain('\n');
  });
});

describe('the report', () => {
  it('says first that nothing was rewritten', async () => {
    const out = bothText(await diagnoseBoth([client, server]), false);
    expect(out).toContain('on both sides: 1 connection, 1 by addresses and ports');
    expect(out).toMatch(/clocks: the server’s is 1\.23 s ahead of the client’s, ± \d/);
    expect(out).toContain('Nothing was rewritten between the two capture points.');
    for (const row of out.split('\n')) expect(row.length).toBeLessThanOrEqual(100);
  });

  it('shows what each side saw, and what that proves', async () => {
    const out = bothText(await diagnoseBoth([client, clamped]), false);
    expect(out).toContain('rewrote 1 of 1 connection: MSS.');
    expect(out).toMatch(/client: MSS +1460 +900 +changed; 1 of 1 packet/);
    expect(out).toContain('NOTE mss-lowered (proven): The client’s MSS 1460 arrives as 900.');
  });

  it('compares what texts have', async () => {
    const report = await diagnoseBoth([text, other]);
    expect(report.findings.map(({ code }) => code)).toEqual(['mss-lowered']);
  });

  it('is additive JSON of schema 1', async () => {
    const json = JSON.parse(bothText(await diagnoseBoth([client, clamped]), true));
    expect(Object.keys(json)).toEqual([
      'schema',
      'inputs',
      'flows',
      'findings',
      'hypotheses',
      'both',
    ]);
    expect(json.schema).toBe(1);
    expect(Object.keys(json.both)).toEqual([
      'clockOffsetUs',
      'clockErrorUs',
      'clockDriftPpm',
      'clockStepped',
      'flows',
      'ambiguous',
      'onlyClient',
      'onlyServer',
    ]);
    expect(Object.keys(json.both.flows[0])).toEqual([
      'id',
      'serverFlow',
      'matchedBy',
      'rewritten',
      'clientOffset',
      'serverOffset',
      'toServer',
      'toClient',
      'undecided',
      'notCompared',
      'changes',
    ]);
    expect(Object.keys(json.both.flows[0].changes[0]).sort()).toEqual([
      'clientFrames',
      'clientSaw',
      'from',
      'kind',
      'numbers',
      'of',
      'packets',
      'serverFrames',
      'serverSaw',
      'what',
    ]);
  });

  it('ends with what it is not, by the client’s side', async () => {
    const report = await diagnoseBoth([client, server]);
    // One side alone takes the absent window scale for one that was taken out.
    const alone = await diagnoseInput(client);
    if (alone.kind !== 'report') throw new Error(alone.problem);
    expect(alone.report.findings.map(({ code }) => code)).toEqual(['window-scale-stripped']);
    const isSettled = settledByBoth(report.comparison, 'client');
    const beside = await diagnoseInput(client, { isSettled });
    if (beside.kind !== 'report') throw new Error(beside.problem);
    expect(beside.report.findings).toEqual([]);
    expect(bothText(report, false, beside.report)).toMatch(/\nWhat it is not[^\n]*\n$/);
    const trouble = await diagnoseInput(JUMPBOX);
    if (trouble.kind !== 'report') throw new Error(trouble.problem);
    const json = JSON.parse(bothText(report, true, trouble.report));
    expect(json.hypotheses.map(({ id }: { id: string }) => id)).toEqual(SUSPECT_IDS);
    expect(json.hypotheses[0].input).toBe(client);
  });

  it('is a page too: the table first, then each side', async () => {
    const printed = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    onTestFinished(() => printed.mockRestore());
    const out = join(dir, 'both.html');
    const args = { file: [client, clamped], both: true, html: out, 'fail-on': 'note' };
    expect(await diagnose(args)).toBe(1);
    const page = readFileSync(out, 'utf8');
    expect(page).toContain('<h1>The client’s MSS 1460 arrives as 900.</h1>');
    const heads = [...page.matchAll(/<h2[^>]*>([^<]*)</g)].map(([, text]) => text);
    expect(heads.slice(0, 3)).toEqual(['Both sides', client, clamped]);
    expect(page).toMatch(
      /<strong>client: MSS<\/strong><\/th>\s*<td>1460<\/td><td>900<\/td><td>changed; 1 of 1 packet</,
    );
    expect(page).toContain('1 of 1 connection: MSS.');
  });

  it('keeps real names: packets are matched by them', async () => {
    const args = { file: [client, server], both: true, anonymize: true, 'fail-on': 'note' };
    await expect(diagnose(args)).rejects.toThrow('Cannot use --anonymize with --both');
  });

  it('exits 1 with findings of --fail-on, 0 without', async () => {
    const printed = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
    onTestFinished(() => printed.mockRestore());
    const run = (file: string[], failOn: string) =>
      diagnose({ file, both: true, json: true, 'fail-on': failOn });
    expect(await run([client, clamped], 'note')).toBe(1);
    expect(await run([client, clamped], 'warning')).toBe(0);
    expect(await run([client, server], 'note')).toBe(0);
    expect(printed.mock.calls.map(([text]) => JSON.parse(String(text)).schema)).toEqual([1, 1, 1]);
  });
});
