/**
 * `ansible -m ping` of many hosts: the server under so many addresses, each of them an attempt.
 * Owns these addresses, the inventory, and the masters that ansible leaves behind. Times: ms.
 */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ADDRESS, type Lab } from '../lab.ts';
import { type Attempted, failed } from './attempt.ts';
import type { WorkloadOf } from './workload.ts';

/** Of the first host, in its network; the lab's own are below. */
const HOST_FIRST = 101;
const LINK = 's0';

let playCount = 0;

type Names = readonly (readonly [name: string, at: string])[];

/** All attempts: each of them one for every host. */
export async function pingHosts(
  lab: Lab,
  family: 4 | 6,
  workload: WorkloadOf<'ansible'>,
): Promise<readonly Attempted[]> {
  const { hosts, attempts } = workload;
  const names = Array.from({ length: hosts }, (_, i) => [`host-${i}`, address(family, i)] as const);
  for (const [, at] of names) changeAddress(lab, 'replace', family, at);
  try {
    const made: Attempted[] = [];
    for (let left = attempts; left > 0; left--) made.push(...(await play(lab, names, workload)));
    return made;
  } finally {
    for (const [, at] of names) changeAddress(lab, 'del', family, at);
  }
}

async function play(
  lab: Lab,
  names: Names,
  { forks, timeoutMs }: WorkloadOf<'ansible'>,
): Promise<readonly Attempted[]> {
  const dir = join(lab.dir, `ansible-${++playCount}`);
  mkdirSync(dir);
  writeFileSync(join(dir, 'hosts'), inventory(lab, names));
  writeFileSync(join(dir, 'ansible.cfg'), '');
  try {
    const program = ['ansible', 'all', '-i', join(dir, 'hosts'), '-m', 'ping', '-o'];
    const args = [...settings(dir, timeoutMs), ...program, '-f', String(forks)];
    const { stdout, stderr, ms } = await lab.jumpbox.run('env', args, timeoutMs);
    return names.map(([name]) => told(name, stdout, stderr, ms));
  } finally {
    endMasters(lab, join(dir, 'cp'));
    rmSync(dir, { recursive: true, force: true });
  }
}

function address(family: 4 | 6, i: number): string {
  const { network } = ADDRESS[family];
  return network.replace(family === 4 ? /0\/.*/ : /\/.*/, String(HOST_FIRST + i));
}

/** Without a search for a second owner: an IPv6 address would be tentative for a second. */
function changeAddress(lab: Lab, how: 'replace' | 'del', family: 4 | 6, at: string): void {
  const nodad = family === 6 && how === 'replace' ? ['nodad'] : [];
  const prefix = family === 4 ? 32 : 128;
  lab.server.call('ip', ['addr', how, `${at}/${prefix}`, 'dev', LINK, ...nodad]);
}

function inventory(lab: Lab, names: Names): string {
  const lines = [
    ...['[all]', ...names.map(([name, at]) => `${name} ansible_host=${at}`)],
    ...['[all:vars]', 'ansible_user=root', 'ansible_python_interpreter=/usr/bin/python3'],
    `ansible_ssh_common_args=${lab.sshOptions().join(' ')}`,
  ];
  return `${lines.join('\n')}\n`;
}

/** Nothing of this machine's own ansible; ssh as ansible does it, with a master for each host. */
function settings(dir: string, timeoutMs: number): string[] {
  return [
    `ANSIBLE_CONFIG=${join(dir, 'ansible.cfg')}`,
    `ANSIBLE_HOME=${dir}`,
    `ANSIBLE_LOCAL_TEMP=${join(dir, 'local')}`,
    `ANSIBLE_REMOTE_TMP=${join(dir, 'remote')}`,
    `ANSIBLE_SSH_CONTROL_PATH_DIR=${join(dir, 'cp')}`,
    `ANSIBLE_TIMEOUT=${Math.max(1, Math.ceil(timeoutMs / 1000))}`,
    'ANSIBLE_NOCOLOR=1',
  ];
}

/** They would stay for a minute, and serve the next attempt. */
function endMasters(lab: Lab, dir: string): void {
  let sockets: string[] = [];
  try {
    sockets = readdirSync(dir);
  } catch {
    return; // none was made
  }
  for (const socket of sockets) {
    lab.jumpbox.tryCall('ssh', ['-O', 'exit', '-o', `ControlPath=${join(dir, socket)}`, 'any']);
  }
}

/** `host-1 | SUCCESS => …`, `host-2 | UNREACHABLE!: …`; what follows a line belongs to it. */
function told(name: string, stdout: string, stderr: string, ms: number): Attempted {
  const from = stdout.indexOf(`${name} | `);
  if (from < 0) return failed(ms, stderr);
  const [said = ''] = stdout.slice(from + `${name} | `.length).split(/\n(?=host-\d+ \| )/);
  if (said.startsWith('SUCCESS')) return { ok: true, ms: Math.round(ms) };
  return failed(ms, said.replaceAll(/\s*(?:\\r|\\n|\r|\n)+\s*/g, ' '));
}
