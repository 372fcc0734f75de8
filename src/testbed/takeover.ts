/**
 * Kernel-translated transfers over two gateways of which the active one dies. Owns the lab, the
 * faulty firewall, both shims and the transfers, from start to end. Sizes: bytes, times: ms.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { distFile } from './dist-file.ts';
import { FaultyPath } from './faulty-path.ts';
import { BULK_PORT, ECHO_PORT } from './lab.ts';
import { ShimProcess } from './shim-process.ts';
import { type Gateway, TwoGateways } from './two-gateways.ts';

const SHIM = ['--hook', 'gateway', '--translate', 'kernel'];
const MOVED_MS = 20_000;
const LOOK_MS = 50;

export interface TakeoverOptions {
  readonly transferCount: number;
  readonly bytes: number;
  /** A reader rests so long behind each piece: what is over before the end proves nothing. */
  readonly pauseMs: number;
  /** From the last connection's move to the gateway's death. */
  readonly settleMs: number;
  /** A transfer that is not over by then is lost. */
  readonly patienceMs: number;
  /** With conntrackd; without it nothing can survive. */
  readonly sync: boolean;
  /** Before the death, and when all is over. */
  readonly look?: (scene: Scene) => Promise<void>;
  readonly lookAgain?: (scene: Scene) => Promise<void>;
}

export interface Scene {
  readonly lab: TwoGateways;
  readonly active: Gateway;
  readonly standby: Gateway;
  readonly shims: ReadonlyMap<Gateway, ShimProcess>;
}

export interface Moved {
  readonly way: 'up' | 'down';
  /** Complete, and the same SHA-256 at both ends. */
  readonly ok: boolean;
  readonly error: string;
  /** The longest time in which nothing came. */
  readonly gapMs: number;
}

export interface Takeover {
  readonly transfers: readonly Moved[];
  /** Translated by conntrack when the gateway died. */
  readonly kernelFlows: number;
  /** Not yet over then. */
  readonly underWay: number;
  /** From the death to the other one's address. */
  readonly addressMs: number;
  /** What the other one's shim did to packets. */
  readonly survivor: Record<string, unknown>;
}

export async function takeOver(options: TakeoverOptions): Promise<Takeover> {
  const lab = await TwoGateways.open(options.sync);
  const shims = new Map<Gateway, ShimProcess>();
  let path: FaultyPath | undefined;
  try {
    const fault = {
      kind: 'phantom-synack',
      wndScale: await scaleOf(lab),
      timestamps: false,
    } as const;
    path = await FaultyPath.open(lab, fault);
    for (const gateway of lab.gateways) {
      shims.set(gateway, await ShimProcess.on(gateway.host, `${gateway.dir}/run`, SHIM));
    }
    const active = await lab.active();
    const standby = lab.other(active);
    return await run({ lab, active, standby, shims }, options);
  } finally {
    for (const shim of shims.values()) await shim.stop('SIGKILL');
    await path?.close();
    await lab.close();
  }
}

async function run(scene: Scene, options: TakeoverOptions): Promise<Takeover> {
  const { lab, active, standby, shims } = scene;
  let underWay = 0;
  const transfers = Array.from({ length: options.transferCount }, (_, i) => {
    underWay++;
    return transfer(lab, i % 2 === 0 ? 'down' : 'up', options).finally(() => underWay--);
  });
  for (let waited = 0; waited < MOVED_MS; waited += LOOK_MS) {
    if (kernelFlows(shims.get(active)) >= options.transferCount) break;
    await pause(LOOK_MS);
  }
  const flows = kernelFlows(shims.get(active));
  await pause(options.settleMs);
  await options.look?.(scene);
  await pause(LOOK_MS); // questions to the shims let nothing else be heard
  const left = underWay;
  const diedMs = performance.now();
  lab.kill(active);
  await lab.until(() => lab.hasAddress(standby));
  const addressMs = Math.round(performance.now() - diedMs);
  const moved = await Promise.all(transfers);
  await options.lookAgain?.(scene);
  const survivor = shims.get(standby)?.status() ?? {};
  return { transfers: moved, kernelFlows: flows, underWay: left, addressMs, survivor };
}

function kernelFlows(shim: ShimProcess | undefined): number {
  const translated = shim?.status()['translated'] as { kernel: number } | undefined;
  return translated?.kernel ?? 0;
}

async function transfer(
  lab: TwoGateways,
  way: 'up' | 'down',
  { bytes, pauseMs, patienceMs }: TakeoverOptions,
): Promise<Moved> {
  const args = [distFile('peer.js'), 'bulk', lab.server, BULK_PORT, way, bytes, pauseMs];
  const finished = await lab.jumpbox.run(process.execPath, args.map(String), patienceMs);
  const nothing = {
    ok: false,
    error: finished.stderr.slice(-200) || 'not over in time',
    gapMs: Number.NaN,
  };
  if (finished.stdout === '') return { way, ...nothing };
  return { way, error: '', ...(JSON.parse(finished.stdout) as Omit<Moved, 'way' | 'error'>) };
}

/** The server's window scale: a phantom that offers the same has wrong numbers alone. */
async function scaleOf(lab: TwoGateways): Promise<number> {
  const args = [distFile('peer.js'), 'talk', lab.server, String(ECHO_PORT), '1000'];
  const talk = lab.jumpbox.run(process.execPath, args, MOVED_MS);
  await pause(500);
  const scale = /wscale:(\d+),/.exec(lab.jumpbox.call('ss', ['-tin']))?.[1];
  await talk;
  return Number(scale);
}
