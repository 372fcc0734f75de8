/**
 * Two gateways, real keepalived and conntrackd by the files of `systemd/ha`: connections that the
 * kernel translates go on when the active one dies; without conntrackd they are lost. Live. Times:
 * ms.
 */
import { rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MARK_BYPASS } from '../../src/config/config.ts';
import { distFile } from '../../src/testbed/dist-file.ts';
import { ECHO_PORT } from '../../src/testbed/lab.ts';
import { type Scene, type Takeover, takeOver } from '../../src/testbed/takeover.ts';
import { buildProgram } from '../kernel/nfqueue-lab.ts';

const COUNT = 4;
/** A reader that rests this long behind each piece takes 30 MB for some ten seconds. */
const TRANSFERS = { transferCount: COUNT, bytes: 30_000_000, pauseMs: 20, settleMs: 1500 };
/** FIXED_TIMEOUT, SEQ_ADJUST, CONFIRMED, ASSURED, SEEN_REPLY: as `entry.ts` makes it. */
const STATUS = 0x44e;

let driver: string;
beforeAll(async () => {
  driver = await buildProgram('conntrack-driver.ts');
});
afterAll(() => rmSync(driver, { force: true }));

interface Shown {
  readonly status: number;
  readonly tcpState: number;
  readonly timeoutS: number;
  readonly replyOffset: number;
  readonly mark: number;
}

/** What conntrack shifts on a gateway, by client's port; timeouts apart, which count down. */
function shifting({ host }: Scene['active']): (readonly [number, Omit<Shown, 'timeoutS'>])[] {
  const op = JSON.stringify([['survivors', {}]]);
  const [found] = JSON.parse(host.call(process.execPath, [driver, op])) as [
    [{ nearPort: number }, Shown][],
  ];
  return found
    .map(([flow, { timeoutS, ...shown }]) => {
      expect(timeoutS).toBeGreaterThan(431_000);
      return [flow.nearPort, shown] as const;
    })
    .sort(([one], [other]) => one - other);
}

function tell({ transfers, addressMs }: Takeover): void {
  const gaps = transfers.map(({ gapMs }) => gapMs).join(', ');
  console.log(`address moved after ${addressMs} ms; longest gaps of the transfers: ${gaps} ms`);
}

describe('the active gateway dies', () => {
  it('its kernel-translated transfers go on, and new connections are helped', async () => {
    const done = await takeOver({
      ...TRANSFERS,
      patienceMs: 60_000,
      sync: true,
      look: ({ active, standby, shims }) => {
        const there = shifting(active);
        expect(there.length).toBe(COUNT);
        for (const [, { status, mark }] of there) {
          expect([status, mark]).toEqual([STATUS, MARK_BYPASS]);
        }
        expect(shifting(standby)).toEqual(there);
        expect(shims.get(standby)?.status()).toMatchObject({
          translated: { kernel: COUNT, userspace: 0 },
          packets: 0,
        });
        return Promise.resolve();
      },
      lookAgain: async ({ lab, standby, shims }) => {
        const shim = shims.get(standby);
        await pause(500);
        // What came here translated was not looked at: nothing held, asked, or sent.
        expect(shim?.status()).toMatchObject({ interventions: {}, injected: 0 });
        const args = [distFile('peer.js'), 'talk', lab.server, String(ECHO_PORT), '0'];
        const talk = await lab.jumpbox.run(process.execPath, args, 15_000);
        expect(talk.exitCode, talk.stdout).toBe(0);
        expect(shim?.status()['interventions']).toMatchObject({ 'translated-by-kernel': 1 });
      },
    });
    tell(done);
    expect(done).toMatchObject({ kernelFlows: COUNT, underWay: COUNT });
    for (const { ok, error } of done.transfers) expect(ok, error).toBe(true);
  });

  it('without conntrackd every transfer is lost', async () => {
    const done = await takeOver({ ...TRANSFERS, patienceMs: 20_000, sync: false });
    expect(done).toMatchObject({ kernelFlows: COUNT, underWay: COUNT });
    expect(done.transfers.map(({ ok }) => ok)).toEqual(Array.from({ length: COUNT }, () => false));
  });
});
