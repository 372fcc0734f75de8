/**
 * A firewall that makes its translation anew under connections whose packets stay in the kernel
 * (`--inspect auto`): idle sessions, and downloads that are under way. Without the shim they hang:
 * `jumped.e2e.test.ts`. Live. Times: ms.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { LOAD_OCTETS } from '../../src/engine/limits.ts';
import type { Fault } from '../../src/testbed/firewall/fault.ts';
import type { Lab } from '../../src/testbed/lab.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import type { ShimProcess } from '../../src/testbed/shim-process.ts';
import { bulk } from './bulk.ts';
import { dropInvalid } from './jumpbox.ts';
import { withFault, withLab, withShim } from './live-parts.ts';

const SCENARIO = scenarioByName('rerandomized-midflow').fault;
const COUNT = 10;
const LIMIT_MS = 20_000;
/** Against a hang: logins at once take their time on a busy machine. */
const READY_MS = 60_000;
const LOOKS_MS = 1000;
/** The far end has been quiet for more than three seconds, and speaks half a second later. */
const QUIET_MS = 6000;
const SPEAKS_MS = 500;
/** The jump is made by command. */
const NEVER_MS = 600_000;
const OCTETS = 100_000_000;
const DOWNLOADS = 4;
const DOWNLOAD_JUMP_MS = 300;

function resynced(shim: ShimProcess): number {
  return (shim.status()['interventions'] as Record<string, number>)['resynced'] ?? 0;
}

/** Real ssh sessions, all settled and quiet when the firewall jumps: how many come to their end. */
async function sessions(
  lab: Lab,
  family: 4 | 6,
  shim: ShimProcess,
  jump: () => Promise<number>,
): Promise<number> {
  const dir = mkdtempSync(join(tmpdir(), 'seqshim-jump-'));
  const say = (word: string) => writeFileSync(join(dir, word), '');
  /** Until the word is said; without the directory the test is over. */
  const until = (word: string, work: string) =>
    `while [ -d ${dir} ] && [ ! -e ${dir}/${word} ]; do ${work}; done`;
  try {
    const load = `head -c ${4 * LOAD_OCTETS} /dev/zero | tr '\\0' x`;
    // Single packets behind the load, at each of which a connection may be settled.
    const settles = until('quiet', 'sleep 0.3; echo');
    const said = 'echo 1; sleep 0.1; echo 2; sleep 0.1; echo all of it';
    const command = [load, settles, until('go', 'sleep 0.3'), said].join('; ');
    const started = Array.from({ length: COUNT }, async (_, i) => {
      await pause(37 * i);
      return lab.ssh(family, command, [], 2 * READY_MS);
    });
    const startedMs = Date.now();
    const settled = () => shim.status()['offloaded'] === COUNT;
    do await pause(LOOKS_MS);
    while (!settled() && Date.now() - startedMs < READY_MS);
    say('quiet');
    await pause(QUIET_MS);
    expect(shim.status()).toMatchObject({ offloaded: COUNT });
    expect(await jump()).toBe(COUNT);
    await pause(SPEAKS_MS);
    say('go');
    const finished = await Promise.all(started);
    return finished.filter(({ stdout, exitCode }) => {
      return exitCode === 0 && stdout.endsWith('\n1\n2\nall of it\n');
    }).length;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function liveOn(which: Fault['jumps'], family: 4 | 6, drop: boolean): Promise<void> {
  await withLab(async (lab) => {
    if (drop) dropInvalid(lab);
    await withShim(lab, (shim) =>
      withFault(lab, { ...SCENARIO, jumpMs: NEVER_MS, jumps: which }, async (path) => {
        const ok = await sessions(lab, family, shim, () => path.tell({ do: 'jump', which }));
        expect(ok, `${which} ${JSON.stringify(shim.status())}`).toBe(COUNT);
        expect(resynced(shim)).toBe(COUNT);
      }),
    );
  });
}

describe('a jump under settled connections', () => {
  // One after the other: thirty sessions at once are more than two busy cores judge in time. What
  // careful administrators drop as INVALID the near end never hears of.
  it.each([
    ['client', 6, false],
    ['both', 4, true],
    ['server', 4, false],
  ] as const)('of %s, IPv%d, INVALID dropped: %s: sessions live on', liveOn);

  it('of the client, with 100 MB on their way: most arrive, and what arrives is whole', async () => {
    await withLab((lab) =>
      withShim(lab, (shim) =>
        withFault(lab, { ...SCENARIO, jumpMs: DOWNLOAD_JUMP_MS, jumps: 'client' }, async () => {
          const all = await Promise.all(
            Array.from({ length: DOWNLOADS }, (_, i) =>
              bulk(lab, i % 2 === 0 ? 4 : 6, 'down', OCTETS, 0, LIMIT_MS),
            ),
          );
          // Where the acknowledgments cannot tell by how much the numbers moved, nothing is moved,
          // and the transfer hangs as it would without us.
          const whole = all.filter(({ ok }) => ok);
          const hung = all.filter(({ error }) => error?.startsWith('exit -1:'));
          console.log(`${whole.length} of ${DOWNLOADS} whole, ${resynced(shim)} moved`);
          expect(whole.length + hung.length).toBe(DOWNLOADS);
          expect(whole.length).toBeGreaterThan(0);
        }),
      ),
    );
  });
});
