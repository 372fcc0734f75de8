/**
 * The ansible role against three machines with a real systemd: put in, put in again, a mistake that
 * is rolled back, and out again. Ansible and the server that they log in to are in the hub.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, type Finished, Namespace } from '../../src/testbed/namespace.ts';
import { Machine } from './machine.ts';
import { buildPackage } from './packages.ts';

const PLAYS = fileURLToPath(new URL('../../systemd/ansible/', import.meta.url));
const PROFILES = '/var/lib/seqshim/paths.json';
const PLAY_MS = 300_000;
const COUNT = 3;
const CONFIG = '/etc/seqshim/seqshim.toml';
const TARGET = 'target = ["10.98.0.0/16"]\n';
const OPTIONS = ['BatchMode=yes', 'StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null'];
const SSH = ['ssh', '-F', 'none', ...OPTIONS.flatMap((option) => ['-o', option])].join(' ');

const dir = mkdtempSync(join(tmpdir(), 'seqshim-ansible-'));
const machines: Machine[] = [];
const spaces: Namespace[] = [];
let hub: Namespace;
let deb: string;

beforeAll(async () => {
  deb = buildPackage('deb', '1');
  // Named like those of a lab: what a killed run leaves is found by the next one.
  hub = new Namespace(`ssl${process.pid}-9-hub`);
  spaces.push(hub);
  for (const key of ['host', 'user']) {
    call('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, key)]);
  }
  for (let i = 1; i <= COUNT; i++) machines.push(await boot(i));
  startServer();
  writeFileSync(join(dir, 'inventory'), inventory());
});
afterAll(async () => {
  for (const machine of machines) await machine.halt();
  for (const space of spaces) await space.close();
  rmSync(dir, { recursive: true });
});

async function boot(i: number): Promise<Machine> {
  const space = new Namespace(`ssl${process.pid}-9-h${i}`);
  spaces.push(space);
  const peer = ['peer', 'name', 'e0', 'netns', space.name];
  call('ip', ['link', 'add', `h${i}`, 'netns', hub.name, 'type', 'veth', ...peer]);
  for (const [where, device, address] of [
    [hub, `h${i}`, `10.98.${i}.1/24`],
    [space, 'e0', `10.98.${i}.2/24`],
  ] as const) {
    where.call('ip', ['addr', 'add', address, 'dev', device]);
    where.call('ip', ['link', 'set', device, 'up']);
  }
  const machine = await Machine.boot(`seqshim-host${i}`, `/run/netns/${space.name}`);
  copyFileSync(join(dir, 'user.pub'), machine.path('/etc/ssh/test_keys'));
  copyFileSync(join(dir, 'user'), machine.path('/etc/ssh/test_key'));
  const settings = 'PermitRootLogin yes\nStrictModes no\nAuthorizedKeysFile /etc/ssh/test_keys\n';
  writeFileSync(machine.path('/etc/ssh/sshd_config.d/test.conf'), settings);
  machine.call('systemctl', 'restart', 'ssh');
  return machine;
}

function startServer(): void {
  const config = join(dir, 'sshd_config');
  const keys = `HostKey ${dir}/host\nAuthorizedKeysFile ${dir}/user.pub\nStrictModes no\n`;
  writeFileSync(config, `${keys}UsePAM no\nPermitRootLogin yes\nPidFile none\n`);
  execFileSync('mkdir', ['-p', '/run/sshd']);
  hub.start('/usr/sbin/sshd', ['-D', '-f', config, '-E', join(dir, 'sshd.log')]);
}

function inventory(): string {
  const common = `ansible_user=root ansible_ssh_private_key_file=${dir}/user`;
  const hosts = machines.map((_machine, at) => {
    const network = `10.98.${at + 1}`;
    return `host${at + 1} ansible_host=${network}.2 seqshim_verify=root@${network}.1 ${common}`;
  });
  return `${hosts.join('\n')}\n`;
}

function play(values: Readonly<Record<string, string>>, name = 'site.yml'): Promise<Finished> {
  const all = {
    seqshim_deb: deb,
    seqshim_ssh: `${SSH} -i /etc/ssh/test_key`,
    ansible_ssh_common_args: `-F none ${OPTIONS.map((option) => `-o ${option}`).join(' ')}`,
    ...values,
  };
  const args = ['-i', join(dir, 'inventory'), join(PLAYS, name), '-e', JSON.stringify(all)];
  const env = ['ANSIBLE_NOCOLOR=1', `ANSIBLE_LOCAL_TEMP=${dir}/tmp`, 'ANSIBLE_PIPELINING=1'];
  return hub.run('env', [...env, 'ansible-playbook', ...args], PLAY_MS);
}

const state = (machine: Machine) => machine.show('seqshim.service', 'ActiveState');

describe('the ansible role', () => {
  it(
    'puts it on three machines, and changes nothing the second time',
    async () => {
      const first = await play({ seqshim_config: TARGET });
      expect(first.exitCode, first.stdout).toBe(0);
      for (const machine of machines) {
        expect(state(machine)).toBe('active');
        expect(readFileSync(machine.path(CONFIG), 'utf8')).toBe(TARGET);
      }
      const second = await play({ seqshim_config: TARGET });
      expect(second.exitCode, second.stdout).toBe(0);
      expect(second.stdout.match(/changed=0 /g), second.stdout).toHaveLength(COUNT);
    },
    2 * PLAY_MS,
  );

  it(
    'copies what one machine has learned of destinations to the others, while they run',
    async () => {
      const [first, ...others] = machines;
      const facts = [{ fact: 'faulty', count: 3, lastSeen: new Date().toISOString() }];
      const seen = { connections: 9, canaries: 0, canariesClean: 0, facts };
      const paths = [{ address: '10.98.0.77', port: 22, ...seen }];
      writeFileSync(first!.path(PROFILES), JSON.stringify({ schema: 1, paths }));
      const copied = await play({ seqshim_from: 'host1' }, 'profiles.yml');
      expect(copied.exitCode, copied.stdout).toBe(0);
      for (const machine of others) {
        expect(state(machine)).toBe('active');
        expect(machine.call('seqshim', 'paths')).toContain('10.98.0.77');
      }
    },
    PLAY_MS,
  );

  it(
    'rolls back on the first machine what does not work, and goes no further',
    async () => {
      // There is no such queue.
      const broken = `${TARGET}queue-num = 70000\n`;
      const outcome = await play({ seqshim_config: broken });
      expect(outcome.exitCode).not.toBe(0);
      expect(outcome.stdout).toMatch(/Rolled back: The configuration is written, if it is valid/);
      expect(outcome.stdout).not.toMatch(/host2 +: /);
      for (const machine of machines) {
        expect(state(machine)).toBe('active');
        expect(readFileSync(machine.path(CONFIG), 'utf8')).toBe(TARGET);
      }
    },
    PLAY_MS,
  );

  it(
    'rolls back what breaks only when it runs',
    async () => {
      const outcome = await play({ seqshim_config: TARGET, seqshim_ssh: 'false' });
      expect(outcome.exitCode, outcome.stdout).toBe(0); // no login before, so none is missed
      // Valid, and there is no such directory.
      const dead = `${TARGET}control = "/nonexistent/control.sock"\n`;
      const second = await play({ seqshim_config: dead });
      expect(second.stdout).toMatch(/Rolled back: /);
      expect(state(machines[0]!)).toBe('active');
      expect(readFileSync(machines[0]!.path(CONFIG), 'utf8')).toBe(TARGET);
    },
    2 * PLAY_MS,
  );

  it(
    'takes it away again, and leaves nothing',
    async () => {
      const outcome = await play({ seqshim_state: 'absent' });
      expect(outcome.exitCode, outcome.stdout).toBe(0);
      for (const machine of machines) {
        const places = '/etc /usr /var/lib /var/cache /run /opt /tmp';
        expect(machine.sh(`find ${places} -xdev -iname '*seqshim*'`)).toBe('');
      }
    },
    PLAY_MS,
  );
});
