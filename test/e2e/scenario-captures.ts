/**
 * What a scenario of the testbed does to a client without a shim, as tcpdump sees it on the client
 * and on the server at once. Owns what is done in each scenario. Times: ms.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { FaultyPath } from '../../src/testbed/faulty-path.ts';
import type { Lab } from '../../src/testbed/lab.ts';
import { collect, type Namespace } from '../../src/testbed/namespace.ts';
import { attemptOnce } from '../../src/testbed/runner.ts';
import type { Scenario } from '../../src/testbed/scenarios.ts';
import { bulk } from './bulk.ts';
import { withFault, withLab } from './live-parts.ts';
import { Session } from './session.ts';

const READY_MS = 10_000;
/** A failing login is over then, or hangs for good; and what comes after it has come. */
const LOGIN_S = 4;
/** The firewall’s second endpoint repeats its SYN-ACK after 1 s: all that tells a quiet server. */
const SETTLES_MS = 1500;
/** Longer than the firewall of `idle-drop` remembers. */
const IDLE_MS = 4500;
/** For SACK blocks there has to be something to lose. */
const BULK_BYTES = 700_000;
/** Without SACK each loss may cost a time-out; a client that gives up ends with a reset. */
const BULK_MS = 20_000;

export interface Captures {
  readonly client: string;
  readonly server: string;
}

type Play = (lab: Lab, path: FaultyPath) => Promise<void>;

const login = (scenario: Scenario): Play => {
  return async (lab) => {
    const { attempt } = scenario;
    if (attempt.client === 'ssh') await attemptOnce(lab, 4, attempt, LOGIN_S);
    else await lab.echo(4, attempt.delayMs, attempt.delayMs + 3000);
  };
};

const transfer = (way: 'up' | 'down', bytes = BULK_BYTES): Play => {
  return async (lab) => {
    await bulk(lab, 4, way, bytes, 0, BULK_MS);
  };
};

/** A session that says nothing for a while, and then speaks. */
const wakes: Play = async (lab) => {
  const session = new Session(lab);
  await session.until('connected', 5000);
  await session.echoes('before the pause\n');
  await pause(IDLE_MS);
  await session.echoes('and behind it\n', 4000);
  session.close();
};

const PLAYS: Readonly<Record<string, Play>> = {
  'sack-blind-randomizer': transfer('up'),
  'window-scale-stripped': transfer('down'),
  'window-scale-removed': transfer('down'),
  // The server’s own blocks prove it.
  'sack-permitted-stripped': transfer('up'),
  'duplicate-address': async (lab) => {
    for (let count = 0; count < 3; count++) await lab.ssh(4, 'true', [], LOGIN_S * 1000);
  },
  'rerandomized-midflow': async (lab) => {
    const words = 'for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.4; done';
    await lab.ssh(4, words, [], 7000);
  },
  'forged-reset-idle': async (lab, path) => {
    const session = new Session(lab);
    await session.echoes('hello\n');
    await pause(300);
    await path.tell({ do: 'forge', ttl: 200, distance: 0 });
    await session.until('error', 1000);
    session.close();
  },
  'idle-drop': wakes,
  'idle-drop-reset': wakes,
};

/** What the name is of no scenario of: healthy and merely bad paths. */
export const TRANSFERS: Readonly<Record<string, Play>> = {
  up: transfer('up'),
  down: transfer('down'),
};

/** The scenario in a lab of its own, and what both ends saw of it; `read` while the files exist. */
export async function withCaptures<T>(
  scenario: Scenario,
  read: (captures: Captures) => Promise<T>,
  play = PLAYS[scenario.name] ?? login(scenario),
): Promise<T> {
  return withLab(async (lab) => {
    const client = await capture(lab.jumpbox, 'c0', join(lab.dir, 'client.pcap'));
    const server = await capture(lab.server, 's0', join(lab.dir, 'server.pcap'));
    await withFault(lab, scenario.fault, async (path) => {
      await play(lab, path);
      await pause(SETTLES_MS);
      // Before the firewall is well again: what comes then is another story.
      for (const { child } of [client, server]) {
        child.kill('SIGINT');
        await once(child, 'close');
      }
    });
    keep(scenario, client.file, server.file);
    return read({ client: client.file, server: server.file });
  });
}

async function capture(namespace: Namespace, device: string, file: string) {
  // Else packets wait in the kernel's ring, a second long.
  const quick = ['-U', '--immediate-mode', '-B', '16384'];
  const args = ['-i', device, ...quick, '-n', '-Z', 'root', '-w', file, 'tcp'];
  const child: ChildProcess = namespace.start('tcpdump', args);
  const output = collect(child);
  for (let waited = 0; waited < READY_MS; waited += 10) {
    if (output.stderr.includes('listening on')) return { child, file };
    await pause(10);
  }
  throw new Error(`tcpdump did not start: ${output.stderr}`);
}

/** For a look at them afterwards. */
function keep(scenario: Scenario, client: string, server: string): void {
  const dir = process.env['SEQSHIM_KEEP_CAPTURES'];
  if (dir === undefined) return;
  mkdirSync(dir, { recursive: true });
  copyFileSync(client, join(dir, `${scenario.name}-client.pcap`));
  copyFileSync(server, join(dir, `${scenario.name}-server.pcap`));
}
