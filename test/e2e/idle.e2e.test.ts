/**
 * A ControlMaster with `ControlPersist 1h` behind a firewall that forgets connections which say
 * nothing for four seconds: real OpenSSH. Without the shim the next ssh hangs or loses it; with
 * `keepalive` the master lives on, with `reset` it is gone within seconds and the next ssh opens
 * afresh. A dead server stays dead, and `observe` sends nothing. Live, side by side: all of them
 * wait most of the time. Times: ms.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ADDRESS, type Lab } from '../../src/testbed/lab.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import type { ShimProcess } from '../../src/testbed/shim-process.ts';
import { withFault, withLab, withShim } from './live-parts.ts';
import { Session } from './session.ts';

const SILENT = scenarioByName('idle-drop').fault;
const REFUSING = scenarioByName('idle-drop-reset').fault;
const FORGETS_MS = 4000;
const QUIET_MS = 2 * FORGETS_MS;
/** A user would have given up by then. */
const HANGS_MS = 6000;
/** Behind the silence: five seconds of questions, and what the machine is late. */
const ENDED_MS = 12_000;

/** One ControlMaster of the lab, and what `ssh` through it does. */
class Master {
  private readonly lab: Lab;
  private readonly family: 4 | 6;
  private readonly options: readonly string[];

  constructor(lab: Lab, family: 4 | 6) {
    this.lab = lab;
    this.family = family;
    const path = `ControlPath=${lab.dir}/master-${family}`;
    this.options = ['-o', 'ControlMaster=auto', '-o', 'ControlPersist=1h', '-o', path];
  }

  /** The next ssh: through the master where there is one. How long it took, or why it failed. */
  async next(limitMs = HANGS_MS): Promise<{ ok: boolean; ms: number; why: string }> {
    const running = this.lab.ssh(this.family, 'echo it works', this.options, limitMs);
    // A master that hangs has the standard files of who hangs with it: they are not closed.
    const run = await Promise.race([running, pause(limitMs + 500)]);
    if (run === undefined) return { ok: false, ms: limitMs, why: 'it hangs' };
    const ok = run.exitCode === 0 && run.stdout === 'it works\n';
    return { ok, ms: Math.round(run.ms), why: run.stderr.trim() };
  }

  /** The master's process, 0: there is none. */
  pid(): number {
    const args = [...this.options, '-O', 'check', ...this.lab.sshOptions()];
    const address = ADDRESS[this.family].server;
    const script = 'exec 2>&1; "$@"; exit 0';
    const said = this.lab.jumpbox.call('sh', ['-c', script, 'sh', 'ssh', ...args, address]);
    return Number(/pid=(\d+)/.exec(said)?.[1] ?? 0);
  }

  /** Waits until it is gone; how long that took, or -1. */
  async gone(limitMs: number): Promise<number> {
    const began = performance.now();
    while (performance.now() - began < limitMs) {
      if (this.pid() === 0) return Math.round(performance.now() - began);
      await pause(100);
    }
    return -1;
  }

  end(): void {
    const pid = this.pid();
    if (pid > 0) process.kill(pid, 'SIGKILL');
  }
}

async function withMaster<T>(lab: Lab, family: 4 | 6, work: (master: Master) => Promise<T>) {
  const master = new Master(lab, family);
  expect((await master.next(15_000)).ok).toBe(true);
  expect(master.pid()).toBeGreaterThan(0);
  try {
    return await work(master);
  } finally {
    master.end();
  }
}

/** Another session to the same server and port, in which something is said all the time. */
async function whileOthersTalk<T>(lab: Lab, family: 4 | 6, work: () => Promise<T>): Promise<T> {
  const words = 'for i in $(seq 160); do echo $i; sleep 0.25; done';
  const args = [...lab.sshOptions(), ADDRESS[family].server, words];
  const talk = lab.jumpbox.start('ssh', args);
  talk.stdout?.resume();
  await pause(1000);
  try {
    return await work();
  } finally {
    talk.kill('SIGKILL');
  }
}

function counted(shim: ShimProcess, code: string): number {
  const status = shim.status() as Record<string, Record<string, number>>;
  return (
    (status['findings']?.[code] ?? 0) +
    (status['interventions']?.[code] ?? 0) +
    (status['adjustments']?.[code] ?? 0)
  );
}

describe.concurrent('a ControlMaster behind a firewall that forgets', () => {
  for (const family of [4, 6] as const) {
    it(`IPv${family}: without the shim the next ssh hangs, or loses its master`, async () => {
      await withLab(async (lab) => {
        await withFault(lab, SILENT, () =>
          withMaster(lab, family, async (master) => {
            await pause(QUIET_MS);
            const next = await master.next();
            expect(next.ok, JSON.stringify(next)).toBe(false);
            expect(next.why).toBe('it hangs');
          }),
        );
        await withFault(lab, REFUSING, () =>
          withMaster(lab, family, async (master) => {
            const pid = master.pid();
            await pause(QUIET_MS);
            // ssh itself opens another connection; what ran through the master is lost with it.
            const next = await master.next();
            expect(next.why).toContain('from master failed');
            expect(master.pid()).not.toBe(pid);
          }),
        );
      });
    });

    it(`IPv${family}: with keepalive it lives on`, async () => {
      await withLab((lab) =>
        withShim(
          lab,
          (shim) =>
            withFault(lab, SILENT, () =>
              withMaster(lab, family, async (master) => {
                const pid = master.pid();
                for (let i = 0; i < 2; i++) {
                  await pause(QUIET_MS);
                  const next = await master.next();
                  expect(next, next.why).toMatchObject({ ok: true });
                }
                expect(master.pid()).toBe(pid);
                expect(counted(shim, 'keepalive-sent')).toBeGreaterThanOrEqual(4);
                expect(counted(shim, 'keepalive-unanswered') + counted(shim, 'idle-drop')).toBe(0);
              }),
            ),
          ['--idle-action', 'keepalive', '--idle-after', '2s'],
        ),
      );
    });

    it(`IPv${family}: with reset it is gone within seconds, and the limit is learned`, async () => {
      await withLab(async (lab) => {
        await withShim(
          lab,
          (shim) =>
            withFault(lab, SILENT, () =>
              whileOthersTalk(lab, family, () =>
                withMaster(lab, family, async (master) => {
                  const pid = master.pid();
                  const ms = await master.gone(FORGETS_MS + ENDED_MS);
                  expect(ms, JSON.stringify(shim.status())).toBeGreaterThanOrEqual(FORGETS_MS);
                  const next = await master.next();
                  console.log(`gone after ${ms} ms of silence, the next ssh took ${next.ms} ms`);
                  expect(next, next.why).toMatchObject({ ok: true });
                  expect(master.pid()).not.toBe(pid);
                  expect(shim.events('flow-ended')[0]).toMatchObject({ cause: 'idle-drop' });
                  expect(shim.events('idle-drop')).toHaveLength(1);
                }),
              ),
            ),
          ['--idle-action', 'reset', '--idle-after', '4500ms'],
        );
        // The next run has no time of its own: it asks at 0.8 of what this one has learned.
        await withShim(
          lab,
          (shim) =>
            withFault(lab, { ...SILENT, forgetsMs: 4500 }, () =>
              withMaster(lab, family, async (master) => {
                const pid = master.pid();
                await pause(QUIET_MS);
                const next = await master.next();
                expect(next, next.why).toMatchObject({ ok: true });
                expect(master.pid()).toBe(pid);
                const [sent] = shim.events('keepalive-sent');
                expect(sent).toMatchObject({ cause: 'idle-drop' });
              }),
            ),
          ['--idle-action', 'keepalive'],
        );
      });
    });
  }

  it('that answers with a reset: it ends before a user meets it', async () => {
    await withLab((lab) =>
      withShim(
        lab,
        () =>
          withFault(lab, REFUSING, () =>
            withMaster(lab, 4, async (master) => {
              expect(await master.gone(ENDED_MS)).toBeGreaterThanOrEqual(FORGETS_MS);
              expect(await master.next()).toMatchObject({ ok: true });
            }),
          ),
        ['--idle-action', 'reset', '--idle-after', '4500ms'],
      ),
    );
  });
});

describe.concurrent('a server that is gone', () => {
  it('is asked four times and not masked: its connection stays as dead as it is', async () => {
    await withLab((lab) =>
      withShim(
        lab,
        async (shim) => {
          const session = new Session(lab);
          try {
            expect(await session.echoes('hello')).toBe(true);
            lab.server.call('ip', ['link', 'set', 's0', 'down']);
            await pause(9000);
            expect(counted(shim, 'keepalive-sent')).toBe(4);
            expect(counted(shim, 'keepalive-unanswered')).toBe(1);
            expect(counted(shim, 'idle-drop') + counted(shim, 'flow-ended')).toBe(0);
            expect(await session.echoes('anybody?', 2000)).toBe(false);
            expect(session.has('error') || session.has('end')).toBe(false);
          } finally {
            session.close();
          }
        },
        ['--idle-action', 'reset', '--idle-after', '2s'],
      ),
    );
  });
});

describe.concurrent('observe', () => {
  it('sends nothing, and counts what it would have sent', async () => {
    await withLab((lab) =>
      withShim(
        lab,
        (shim) =>
          withFault(lab, SILENT, () =>
            withMaster(lab, 4, async (master) => {
              await pause(QUIET_MS);
              expect((await master.next()).ok).toBe(false);
              const status = shim.status() as Record<string, Record<string, number>>;
              expect(status['wouldIntervene']?.['keepalive-sent']).toBe(1);
              expect(counted(shim, 'keepalive-sent')).toBe(0);
            }),
          ),
        ['--idle-action', 'keepalive', '--idle-after', '2s', '--mode', 'observe'],
      ),
    );
  });
});
