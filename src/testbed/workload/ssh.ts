/**
 * Logins and copies with the real OpenSSH: one by one, and as sessions of one ControlMaster. Owns
 * the files of a copy. Times: ms.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ADDRESS, type Lab } from '../lab.ts';
import { collect, type Finished, hasEnded } from '../namespace.ts';
import { type Attempted, failed } from './attempt.ts';
import type { WorkloadOf } from './workload.ts';

const WORDS = 'the-session-works';
const USER = 'root';
const LOOK_MS = 50;
const GRACE_MS = 5000;

let fileCount = 0;

export async function loginOnce(
  lab: Lab,
  family: 4 | 6,
  { silenceMs, timeoutMs }: WorkloadOf<'ssh'>,
): Promise<Attempted> {
  const command = wordsAround(silenceMs);
  return judged(await lab.ssh(family, command, connectsWithin(timeoutMs), timeoutMs), command);
}

/** One attempt is the master and all its sessions. */
export async function muxOnce(
  lab: Lab,
  family: 4 | 6,
  { sessions, silenceMs, timeoutMs }: WorkloadOf<'ssh-mux'>,
): Promise<Attempted> {
  const startedMs = performance.now();
  const socket = join(lab.dir, `mux-${++fileCount}`);
  const options = [...connectsWithin(timeoutMs), '-o', `ControlPath=${socket}`];
  const master = lab.jumpbox.start('ssh', [
    ...options,
    ...lab.sshOptions(),
    ...['-M', '-N', ADDRESS[family].server],
  ]);
  const output = collect(master);
  // A session hands its pipes over to the master: they are open as long as that lives.
  const timer = setTimeout(() => master.kill('SIGKILL'), timeoutMs);
  const left = () => timeoutMs - (performance.now() - startedMs);
  try {
    while (!existsSync(socket)) {
      if (hasEnded(master) || left() < 0) {
        return failed(performance.now() - startedMs, output.stderr);
      }
      await pause(LOOK_MS);
    }
    for (let count = 0; count < sessions; count++) {
      const command = wordsAround(count === 0 ? 0 : silenceMs);
      // Nothing but the master: a session that cannot use it would make a connection of its own.
      const only = [...options, '-o', 'ProxyCommand=false'];
      const one = judged(await lab.ssh(family, command, only, Math.max(1, left())), command);
      if (!one.ok) return { ...one, ms: Math.round(performance.now() - startedMs) };
    }
    return { ok: true, ms: Math.round(performance.now() - startedMs) };
  } finally {
    clearTimeout(timer);
    master.kill('SIGTERM');
  }
}

export async function copyOnce(
  lab: Lab,
  family: 4 | 6,
  { way, octets, timeoutMs }: WorkloadOf<'scp'>,
): Promise<Attempted> {
  const name = join(lab.dir, `copy-${++fileCount}`);
  const [from, to] = [`${name}-from`, `${name}-to`];
  const content = randomBytes(octets);
  writeFileSync(from, content);
  const remote = (path: string) => `${USER}@[${ADDRESS[family].server}]:${path}`;
  const paths = way === 'up' ? [from, remote(to)] : [remote(from), to];
  try {
    const args = [...connectsWithin(timeoutMs), ...lab.sshOptions(), '-q', ...paths];
    // Ends the ssh that scp has started as well, which keeps our pipes open.
    const limit = ['-s', 'KILL', String(timeoutMs / 1000), 'scp', ...args];
    const finished = await lab.jumpbox.run('timeout', limit, timeoutMs + GRACE_MS);
    const whole = existsSync(to) && readFileSync(to).equals(content);
    if (finished.exitCode !== 0 || !whole) {
      return { ...failed(finished.ms, finished.stderr), bitsPerSecond: 0 };
    }
    const bitsPerSecond = Math.round((octets * 8000) / finished.ms);
    return { ok: true, ms: Math.round(finished.ms), bitsPerSecond };
  } finally {
    for (const path of [from, to]) rmSync(path, { force: true });
  }
}

function connectsWithin(ms: number): string[] {
  return ['-o', `ConnectTimeout=${Math.max(1, Math.ceil(ms / 1000))}`];
}

/** Said, and said again after a while. */
function wordsAround(silenceMs: number): string {
  return silenceMs === 0 ? `echo ${WORDS}` : `echo ${WORDS}; sleep ${silenceMs / 1000}; echo end`;
}

function judged({ exitCode, stdout, stderr, ms }: Finished, command: string): Attempted {
  const last = command.split(' ').at(-1) ?? '';
  if (exitCode === 0 && stdout.trim().endsWith(last)) return { ok: true, ms: Math.round(ms) };
  return failed(ms, stderr);
}
