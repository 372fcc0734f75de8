/**
 * Several queues, a packet worker each: every connection comes to one worker, whole, and what they
 * say and do is one. Live.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { distFile } from '../../src/testbed/dist-file.ts';
import { ADDRESS, ECHO_PORT, Lab } from '../../src/testbed/lab.ts';
import type { Finished } from '../../src/testbed/namespace.ts';
import { attempts } from '../../src/testbed/runner.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { ShimProcess } from '../../src/testbed/shim-process.ts';
import { ownRules } from './jumpbox.ts';
import { withFault, withShim } from './live-parts.ts';
import { Session } from './session.ts';

const COUNT = 4;
const QUEUES = ['--queues', String(COUNT)];
/** Near addresses: the kernel balances pairs of addresses, and one pair has one queue. */
const NEAR_COUNT = 16;
const PHANTOM = scenarioByName('phantom-synack-ws7').fault;
const SSH = { client: 'ssh', delayMs: 0 } as const;

let lab: Lab;
beforeAll(async () => {
  lab = await Lab.open();
  for (let i = 0; i < NEAR_COUNT; i++) {
    lab.jumpbox.call('ip', ['addr', 'add', near(4, i), 'dev', 'c0']);
    lab.jumpbox.call('ip', ['-6', 'addr', 'add', near(6, i), 'dev', 'c0', 'nodad']);
  }
});
afterAll(async () => lab.close());

/** Addresses of IPv6 differ in what the kernel's hash reads: the last 32 bits. */
function near(family: 4 | 6, i: number): string {
  return family === 4 ? `10.99.1.${100 + i}/24` : `fd99:1::${(100 + i).toString(16)}/64`;
}

function cli(...args: string[]): Promise<Finished> {
  const all = [distFile('cli.js'), ...args, '--state-dir', `${lab.dir}/run`];
  return lab.jumpbox.run(process.execPath, all, 15_000);
}

/** From every near address of both families: how many got `echoed` back. */
async function talkFromAll(): Promise<number> {
  const where = ([4, 6] as const).flatMap((family) =>
    Array.from({ length: NEAR_COUNT }, (_, i) => ({
      host: ADDRESS[family].server,
      localAddress: near(family, i).split('/')[0],
    })),
  );
  const script = `const net = require('node:net');
    let echoed = 0, open = 0;
    for (const where of ${JSON.stringify(where)}) {
      open++;
      const socket = net.connect({ ...where, port: ${ECHO_PORT} }, () => socket.write('echoed'));
      socket.on('data', (data) => { if (String(data) === 'echoed') echoed++; socket.end(); });
      socket.on('error', () => {});
      socket.on('close', () => { if (--open === 0) console.log(echoed); });
      socket.setTimeout(10000, () => socket.destroy());
    }`;
  return Number((await lab.jumpbox.run(process.execPath, ['-e', script], 20_000)).stdout);
}

describe('--queues', () => {
  it('brings each connection to one worker, both directions and all hooks', async () => {
    await withShim(
      lab,
      async (shim) => {
        expect(await talkFromAll()).toBe(2 * NEAR_COUNT);
        const status = shim.status();
        const byQueue = status['packetsByQueue'] as number[];
        expect(byQueue.length).toBe(COUNT);
        // 32 pairs: that a given one of four queues gets none has a chance of 1 in 10,000.
        expect(byQueue.filter((packets) => packets > 0).length).toBe(COUNT);
        expect(byQueue.reduce((sum, packets) => sum + packets, 0)).toBe(status['packets']);
        const counters = status['counters'] as Record<string, number>;
        // A worker that saw one direction only would pick the connection up from its middle.
        expect(counters['flowsPickedUp']).toBe(0);
        expect(counters['flowsCreated']).toBe(2 * NEAR_COUNT);
        expect(status['findings']).toEqual({});
      },
      [...QUEUES, '--inspect', 'full'],
    );
  });

  it('repairs, settles and says the same as one queue', async () => {
    await withShim(
      lab,
      async (shim) => {
        await withFault(lab, PHANTOM, async () => {
          expect(await talkFromAll()).toBe(2 * NEAR_COUNT);
          expect((await attempts(lab, 6, SSH, 3, 3)).errors).toEqual([]);
        });
        const count = 2 * NEAR_COUNT + 3;
        expect(shim.status()['interventions']).toMatchObject({ reanchored: count });
        expect(shim.events('reanchored').length).toBe(count);
        const paths = JSON.parse((await cli('paths', '--json')).stdout) as {
          paths: { facts: { fact: string; count: number }[] }[];
        };
        const phantoms = paths.paths.flatMap(({ facts }) =>
          facts.filter(({ fact }) => fact === 'phantom'),
        );
        // ssh and echo are two destinations of one address.
        expect(phantoms.length).toBeGreaterThanOrEqual(2);
        const session = new Session(lab);
        expect(await session.until('connected', 5000)).not.toBe(-1);
        expect(await session.echoes('settled')).toBe(true);
        await pause(200);
        const flows = JSON.parse((await cli('flows', '--json')).stdout) as {
          flows: { translated: boolean }[];
        };
        expect(flows.flows.length).toBeGreaterThanOrEqual(count);
        session.close();
      },
      QUEUES,
    );
    expect(ownRules(lab)).toEqual([]);
  });

  it('SIGTERM ends the translated connections of all workers', async () => {
    await withFault(lab, PHANTOM, async (path) => {
      const shim = await ShimProcess.open(lab, QUEUES);
      const sessions = [4, 6, 4, 6].map((family) => new Session(lab, family as 4 | 6));
      for (const session of sessions) {
        expect(await session.until('connected', 5000)).not.toBe(-1);
        expect(await session.echoes('translated', 10_000)).toBe(true);
      }
      expect(shim.status()['translated']).toEqual({ kernel: 0, userspace: 4 });
      await path.close();
      expect(await shim.stop()).toBe(0);
      expect(shim.events('flow-ended').length).toBe(4);
      for (const session of sessions) {
        expect(await session.until('error', 5000)).not.toBe(-1);
        session.close();
      }
      expect(ownRules(lab)).toEqual([]);
    });
  });

  it('kill -9 leaves connections working; the next run and down clear up', async () => {
    const shim = await ShimProcess.open(lab, QUEUES);
    await shim.stop('SIGKILL');
    expect(await talkFromAll()).toBe(2 * NEAR_COUNT);
    await withShim(lab, async () => expect(await talkFromAll()).toBe(2 * NEAR_COUNT), QUEUES);
    expect(ownRules(lab)).toEqual([]);
  });

  it('--no-rules with rules of other queues says so', async () => {
    const rules = ['--target', '10.99.2.0/24,fd99:2::/64', '--port', '7'];
    const inspected = async (shim: ShimProcess) => {
      expect(await talkFromAll()).toBe(2 * NEAR_COUNT);
      return [shim.status()['rules'], Number(shim.status()['packets']) > 100];
    };
    const options = ['--no-rules', ...QUEUES];
    expect((await cli('up', ...rules)).exitCode).toBe(0);
    const [{ installed }] = (await withShim(lab, inspected, options)) as [{ installed: boolean }];
    expect(installed).toBe(false);
    expect((await cli('up', ...rules, ...QUEUES)).exitCode).toBe(0);
    const one = ['--no-rules'];
    expect(await withShim(lab, inspected, one)).toMatchObject([{ installed: false }, false]);
    expect(await withShim(lab, inspected, options)).toMatchObject([{ installed: true }, true]);
    expect((await cli('down')).exitCode).toBe(0);
  });
});
