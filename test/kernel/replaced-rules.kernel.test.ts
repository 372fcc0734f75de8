/**
 * Rules replaced while they stand: all of them or none, beside other people's rules, and without
 * losing the entries of flows under repair. Needs root.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { RuleInput } from '../../src/datapath/rules/rule-input.ts';
import { at, FLOW, FLOW_6, INPUT, outcomes, saved, useRulesLab } from './rules-lab.ts';

const ELSEWHERE: RuleInput = {
  ...INPUT,
  targets: [
    { family: 4, cidr: '192.0.2.0/24' },
    { family: 6, cidr: '2001:db8::/64' },
  ],
  ticket: '-j DROP "; $(reboot) }',
  expires: '2027-03-31',
};
const ENTRY = / --sport (22|40000) --dport (22|40000) /;

useRulesLab('rr');

const rules = () => saved().filter((line) => line.startsWith('-A '));

/** Which chain leads where, without comments. */
const shape = (lines: readonly string[]) =>
  lines.map((line) => line.replace(/ -m comment --comment "[^"]*"/, ''));

test('other targets, with a hostile ticket: one set of rules, each with its comment', () => {
  at.lab.inNear('iptables', '-t', 'mangle', '-A', 'INPUT', '-p', 'udp', '-j', 'ACCEPT');
  outcomes([['install']]);
  const before = rules();
  expect(outcomes([['install'], ['replace', ELSEWHERE], ['present'], ['remove']])).toEqual([
    true,
    true,
    true,
    true,
  ]);
  outcomes([['install'], ['replace', ELSEWHERE]]);
  const after = rules();
  expect(after.length).toBe(before.length);
  expect(shape(after)).toEqual(
    shape(before).map((line) =>
      line.replace('10.91.0.0/24', '192.0.2.0/24').replace('fd91::/64', '2001:db8::/64'),
    ),
  );
  const ours = after.filter((line) => line.includes('SEQSHIM'));
  for (const line of ours) expect(line).toContain('; until 2027-03-31; j_DROP_reboot"');
  expect(outcomes([['remove']])).toEqual([true]);
  expect(rules()).toEqual(['-A INPUT -p udp -j ACCEPT']);
});

test('flows under repair keep their entries, and are still led to them', () => {
  const ops = [['install'], ['add', FLOW, FLOW_6]];
  outcomes(ops);
  const entries = shape(
    rules().filter((line) => / -j (NFQUEUE|RETURN)/.test(line) && ENTRY.test(line)),
  );
  expect(entries.length).toBe(6);
  const done = outcomes([...ops, ['replace', ELSEWHERE], ['present']]);
  expect(done).toEqual([true, [true, true], true, true]);
  const after = shape(rules());
  for (const entry of entries) expect(after).toContain(entry);
  const led = after.filter((line) => / -g SEQSHIM-/.test(line) && ENTRY.test(line));
  expect(led.map((line) => line.split(' ')[1])).toEqual([
    'SEQSHIM-OUT',
    'SEQSHIM-RAW',
    'SEQSHIM-OUT',
    'SEQSHIM-RAW',
  ]);
  // What was replaced can be changed and ended like anything else.
  const on = [...ops, ['replace', ELSEWHERE], ['del', FLOW, FLOW_6], ['replace', INPUT]];
  expect(outcomes(on).slice(-2)).toEqual([[true, true], true]);
  expect(rules().filter((line) => ENTRY.test(line))).toEqual([]);
});

test('what the kernel refuses changes nothing', () => {
  outcomes([['install'], ['add', FLOW]]);
  const before = rules();
  const wrong = { ...ELSEWHERE, ports: [22, 70_000] };
  const done = outcomes([['install'], ['add', FLOW], ['replace', wrong], ['present']]);
  expect(done[2]).toMatch(/^Cannot replace rules with iptables: \S/);
  expect(done[3]).toBe(true);
  expect(rules()).toEqual(before);
});

test('one family that fails leaves the other as it was', () => {
  const dir = mkdtempSync(join(tmpdir(), 'seqshim-broken-'));
  const real = at.lab.inNear('sh', '-c', 'command -v ip6tables-restore').trim();
  // It takes what it is to try, and fails when it counts.
  const fails = `[ -e ${dir}/broken ] && case $* in *--test*) ;; *) echo broken >&2; exit 1 ;; esac`;
  const wrapper = `#!/bin/sh\n${fails}\nexec ${real} "$@"\n`;
  writeFileSync(join(dir, 'ip6tables-restore'), wrapper, { mode: 0o755 });
  outcomes([['install'], ['add', FLOW]]);
  const before = rules();
  const ops = [
    ['install'],
    ['add', FLOW],
    ['sh', `touch ${dir}/broken`],
    ['replace', ELSEWHERE],
    ['present'],
  ];
  const done = outcomes(ops, INPUT, ['env', `PATH=${dir}:${process.env['PATH']}`]);
  rmSync(dir, { recursive: true });
  expect(done.slice(3)).toEqual(['Cannot replace rules with iptables: broken', true]);
  expect(rules()).toEqual(before);
});

test('where somebody removed the rules, none are put in', () => {
  for (const known of [false, true]) {
    const ops = [['install'], ['remove'], ['replace', ELSEWHERE, !known]];
    expect(outcomes(ops)).toEqual([true, true, true]);
    expect(rules()).toEqual([]);
  }
});
