/**
 * Real texts: OpenSSH 9.2 against a real sshd and small servers on loopback, recorded with -v; home
 * directories are put in their place. The older one is from the field (`ssh-v-failing.txt`).
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SshAttempt } from '../../../src/diagnose/ssh-debug/ssh-attempt.ts';
import { SshDebugText } from '../../../src/diagnose/ssh-debug/ssh-debug-text.ts';

const FIXTURES = join(import.meta.dirname, '../../fixtures/ssh-debug');

export function sshText(name: string): string {
  return readFileSync(join(FIXTURES, `${name}.txt`), 'utf8');
}

export function attemptsOf(text: string): SshAttempt[] {
  const reader = new SshDebugText();
  for (const line of text.split('\n')) reader.feed(line);
  reader.end();
  return reader.attempts;
}

export function attemptOf(text: string): SshAttempt {
  const [attempt] = attemptsOf(text);
  if (attempt === undefined) throw new Error('no ssh in this text');
  return attempt;
}

/** Messages as OpenSSH prints them, line by line, with `debug1: ` before those in lower case. */
export const CONNECTED = [
  'OpenSSH_9.2p1 Debian-2+deb12u10, OpenSSL 3.0.19 27 Jan 2026',
  'debug1: Connecting to srv [10.0.0.2] port 22.',
  'debug1: Connection established.',
  'debug1: Local version string SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10',
];
export const BANNER = [
  ...CONNECTED,
  'debug1: Remote protocol version 2.0, remote software version OpenSSH_7.4',
];
export const KEX = [...BANNER, 'debug1: SSH2_MSG_KEXINIT sent'];
export const AUTH = [
  ...KEX,
  'debug1: SSH2_MSG_NEWKEYS received',
  'debug1: SSH2_MSG_SERVICE_ACCEPT received',
];
export const SESSION = [
  ...AUTH,
  'Authenticated to srv ([10.0.0.2]:22) using "publickey".',
  'debug1: Entering interactive session.',
];
