/**
 * Restarts under connections that only live by seqshim: re-anchored and SACK-repaired transfers go
 * on over a graceful restart of the service and over kill -9; octets, order and end are as without.
 * Live. Times: ms.
 */
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { distFile } from '../../src/testbed/dist-file.ts';
import type { Lab } from '../../src/testbed/lab.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { ShimProcess } from '../../src/testbed/shim-process.ts';
import { bulk, type Transfer } from './bulk.ts';
import { ownRules } from './jumpbox.ts';
import { withFault, withLab } from './live-parts.ts';
import { Session } from './session.ts';

const PHANTOM = scenarioByName('phantom-synack-ws7').fault;
const BLIND = scenarioByName('sack-blind-randomizer').fault;
const SERVICE = ['--no-rules'];
/** A sender comes again within as long as it has waited already (RFC 6298 §5.5), and this. */
const GAP_SLACK_MS = 1000;
const MOVES_MS = 20_000;

/** What `seqshim up` does before the service starts. */
async function up(lab: Lab): Promise<void> {
  const targets = ['--target', '10.99.2.0/24,fd99:2::/64', '--port', '22,7,5202'];
  expect((await cli(lab, 'up', ...targets)).exitCode).toBe(0);
}

function cli(lab: Lab, ...args: string[]) {
  const all = [distFile('cli.js'), ...args, '--state-dir', `${lab.dir}/run`];
  return lab.jumpbox.run(process.execPath, all, 15_000);
}

/** Restarts; the longest time without a shim, on however slow a machine. */
class Restarts {
  outageMs = 0;
  private readonly lab: Lab;
  private readonly args: readonly string[];

  constructor(lab: Lab, args: readonly string[]) {
    this.lab = lab;
    this.args = args;
  }

  /** Ends the shim and starts the next one, and waits until every transfer moves again. */
  async restart(shim: ShimProcess, signal: NodeJS.Signals): Promise<ShimProcess> {
    const began = performance.now();
    await shim.stop(signal);
    const next = await ShimProcess.open(this.lab, this.args);
    this.outageMs = Math.max(this.outageMs, performance.now() - began);
    const before = progress(this.lab);
    for (let waited = 0; waited < MOVES_MS; waited += 100) {
      const now = progress(this.lab);
      if ([...before].every(([flow, octets]) => now.get(flow) !== octets)) break;
      await pause(100);
    }
    return next;
  }

  expectWhole(transfers: readonly Transfer[]): void {
    for (const transfer of transfers) {
      expect(transfer.ok, transfer.error).toBe(true);
      expect(transfer.gapMs).toBeLessThan(2 * this.outageMs + GAP_SLACK_MS);
    }
  }
}

function came(session: Session, words: string): boolean {
  return session.events().at(-1)?.detail === words;
}

/** Octets that went through, by connection; one that is over has none. */
function progress(lab: Lab): ReadonlyMap<string, string> {
  const text = lab.jumpbox.call('ss', ['-tinHO', 'state', 'established', 'dport = 5202']);
  const lines = text.split('\n').filter((line) => line !== '');
  return new Map(
    lines.map((line) => {
      const octets = line.match(/bytes_(?:acked|received):\d+/g)?.join(' ') ?? '';
      return [line.split(/\s+/).slice(2, 4).join(' '), octets];
    }),
  );
}

function translated(shim: ShimProcess): number {
  return (shim.status()['translated'] as { userspace: number }).userspace;
}

describe('re-anchored transfers', () => {
  it.each([
    ['graceful restarts of a service', 'SIGTERM', SERVICE],
    ['kill -9 of a service', 'SIGKILL', SERVICE],
    ['kill -9 of a run that owns its rules', 'SIGKILL', []],
  ] as const)('live over %s', async (_, signal, args) => {
    await withLab((lab) =>
      withFault(lab, PHANTOM, async () => {
        if (args.length > 0) await up(lab);
        let shim = await ShimProcess.open(lab, args);
        const restarts = new Restarts(lab, args);
        try {
          const session = new Session(lab);
          session.say('before');
          expect(await session.until('heard', 5000)).not.toBe(-1);
          const transfers = Promise.all([
            bulk(lab, 4, 'down', 40_000_000, 20),
            bulk(lab, 6, 'up', 40_000_000, 20),
          ]);
          await pause(3000);
          expect(translated(shim)).toBe(3);
          for (let i = 0; i < 3; i++) {
            shim = await restarts.restart(shim, signal);
            const [went] = shim.lines().filter(({ msg }) => msg.startsWith('going on'));
            expect(went).toMatchObject({ translated: 3, torn: 0 });
            expect(await session.echoes(`restart ${i}`)).toBe(true);
          }
          restarts.expectWhole(await transfers);
          expect(shim.events('flow-ended')).toEqual([]);
          session.close();
        } finally {
          await shim.stop();
          await cli(lab, 'down');
        }
        expect(ownRules(lab)).toEqual([]);
        expect(existsSync(`${lab.dir}/run/flows-0`)).toBe(false);
      }),
    );
  });
});

describe('SACK-repaired transfers', () => {
  it('go on being repaired behind both kinds of restart', async () => {
    await withLab((lab) =>
      withFault(lab, BLIND, async () => {
        await up(lab);
        const args = [...SERVICE, '--sack', 'repair'];
        let shim = await ShimProcess.open(lab, args);
        const restarts = new Restarts(lab, args);
        try {
          const transfers = Promise.all([
            bulk(lab, 4, 'up', 100_000_000, 6),
            bulk(lab, 6, 'up', 100_000_000, 6),
          ]);
          await pause(1500);
          for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
            shim = await restarts.restart(shim, signal);
            await pause(1500);
            const done = shim.status()['interventions'] as Record<string, number>;
            expect(done['sack-repaired'], signal).toBeGreaterThan(0);
            // Nothing is calibrated a second time.
            expect(shim.events('sack-calibrated')).toEqual([]);
          }
          restarts.expectWhole(await transfers);
        } finally {
          await shim.stop();
          await cli(lab, 'down');
        }
      }),
    );
  });
});

describe('while nobody listens', () => {
  it('translated connections wait, others pass; down ends what waits', async () => {
    await withLab(async (lab) => {
      await up(lab);
      let shim = await ShimProcess.open(lab, SERVICE);
      const plain = new Session(lab);
      expect(await plain.until('connected', 5000)).not.toBe(-1);
      expect(await plain.echoes('plain')).toBe(true);
      await withFault(lab, PHANTOM, async () => {
        const moved = new Session(lab);
        moved.say('hello');
        expect(await moved.until('heard', 5000)).not.toBe(-1);
        expect(await shim.stop()).toBe(0);
        expect(statSync(`${lab.dir}/run/flows-0`).mode & 0o777).toBe(0o600);
        expect(await plain.echoes('passes')).toBe(true);
        expect(await moved.echoes('waits', 1000)).toBe(false);
        expect(moved.has('error')).toBe(false);
        shim = await ShimProcess.open(lab, SERVICE);
        for (let waited = 0; waited < MOVES_MS && !came(moved, 'waits'); waited += 100) {
          await pause(100);
        }
        expect(came(moved, 'waits'), 'what waited').toBe(true);
        expect(await shim.stop()).toBe(0);
        const down = await cli(lab, 'down');
        expect(down.stdout).toContain('1 connection was ended');
        expect(await moved.until('error', 2000)).not.toBe(-1);
        expect(ownRules(lab)).toEqual([]);
        expect(await plain.echoes('still')).toBe(true);
        moved.close();
      });
      plain.close();
    });
  });

  it('a file that is not to be believed is set aside, and said so once', async () => {
    await withLab(async (lab) => {
      let shim = await ShimProcess.open(lab);
      await shim.stop('SIGKILL');
      writeFileSync(`${lab.dir}/run/flows-0`, 'not ours');
      shim = await ShimProcess.open(lab);
      const aside = shim.lines().filter(({ msg }) => msg.startsWith('flow table set aside'));
      expect(aside).toMatchObject([{ level: 'warn', because: 'it is cut short' }]);
      expect(existsSync(`${lab.dir}/run/flows-0.aside`)).toBe(true);
      await shim.stop();
    });
  });
});
