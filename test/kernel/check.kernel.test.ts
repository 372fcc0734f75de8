/** `check` in a namespace: what is fine, what warns, what blocks. Needs root and dist/. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { FAR, Lab } from './nfqueue-lab.ts';

const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

interface Check {
  readonly level: string;
  readonly name: string;
  readonly line: string;
}

let lab: Lab;

beforeEach(() => {
  lab = new Lab('ck');
});

afterEach(() => lab.close());

function check(...args: readonly string[]): { status: number | null; checks: readonly Check[] } {
  return checkAs([], ...args);
}

function checkAs(wrap: readonly string[], ...args: readonly string[]) {
  const command = [...wrap, process.execPath, CLI, 'check', '--json', ...args];
  const outcome = spawnSync('ip', ['netns', 'exec', lab.near, ...command], { encoding: 'utf8' });
  const { checks } = JSON.parse(outcome.stdout) as { checks: readonly Check[] };
  return { status: outcome.status, checks };
}

function lineOf(checks: readonly Check[], name: string): Check | undefined {
  return checks.find((one) => one.name === name);
}

describe('check', () => {
  test('says ok line by line where everything is there, and changes nothing', () => {
    const before = lab.inNear('iptables-save');
    const { status, checks } = check('--target', FAR);
    expect(checks.filter((one) => one.level !== 'ok')).toEqual([]);
    expect(status).toBe(0);
    expect(lineOf(checks, 'target')?.line).toBe(`${FAR}/32 over wire`);
    expect(lineOf(checks, 'firewall')?.line).toMatch(/^(nft|iptables), IPv4 and IPv6: /);
    expect(lineOf(checks, 'counters')?.line).toMatch(/TCPSYNChallenge \d+, TCPChallengeACK \d+/);
    expect(lab.inNear('iptables-save').match(/SEQSHIM/)).toBeNull();
    expect(before).not.toContain('SEQSHIM');
  });

  test('warns of targets that it cannot look after', () => {
    const { status, checks } = check('--target', '192.0.2.1', '--target', '127.0.0.1');
    const targets = checks.filter((one) => one.name === 'target').map((one) => one.line);
    expect(targets[0]).toMatch(/no route/);
    expect(targets[1]).toMatch(/loopback is not inspected/);
    expect(status).toBe(1);
  });

  test('blocks on a mark conflict and names the rule', () => {
    lab.inNear('iptables', '-A', 'INPUT', '-m', 'mark', '--mark', '0x2000/0x2000');
    const { status, checks } = check();
    expect(lineOf(checks, 'marks')).toMatchObject({ level: 'blocks' });
    expect(lineOf(checks, 'marks')?.line).toContain('-A INPUT -m mark --mark 0x2000/0x2000');
    expect(status).toBe(4);
  });

  test('blocks without privileges and says which', () => {
    const wrap = ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'];
    const { status, checks } = checkAs(wrap);
    expect(lineOf(checks, 'privileges')).toMatchObject({ level: 'blocks' });
    expect(lineOf(checks, 'privileges')?.line).toMatch(/CAP_NET_ADMIN/);
    expect(status).toBe(4);
  });

  test('mentions rules that drop INVALID packets, and rules of ours that stand', () => {
    const invalid = ['-m', 'conntrack', '--ctstate', 'INVALID', '-j', 'DROP'];
    lab.inNear('iptables', '-A', 'INPUT', ...invalid);
    const args = ['--target', FAR, '--state-dir', `/tmp/seqshim-check-${process.pid}`];
    lab.inNear(process.execPath, CLI, 'up', ...args);
    const { status, checks } = check();
    expect(lineOf(checks, 'invalid')?.line).toMatch(/-A INPUT .*INVALID -j DROP/);
    expect(lineOf(checks, 'rules')?.line).toMatch(/^ours stand/);
    expect(status).toBe(0);
    lab.inNear(process.execPath, CLI, 'down', ...args.slice(2));
    expect(lineOf(check().checks, 'rules')?.line).toBe('none of ours');
    lab.inNear('rm', '-r', `/tmp/seqshim-check-${process.pid}`);
  });
});
