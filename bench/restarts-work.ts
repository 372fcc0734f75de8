/**
 * One kind of transfer under restarts, for `restarts.mjs`: a lab, the rules of `seqshim up`, and a
 * service that is ended and started again. Prints one line of JSON. Times: ms.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { distFile } from '../src/testbed/dist-file.ts';
import { FaultyPath } from '../src/testbed/faulty-path.ts';
import { ADDRESS, BULK_PORT, Lab } from '../src/testbed/lab.ts';
import { scenarioByName } from '../src/testbed/scenarios.ts';
import { ShimProcess } from '../src/testbed/shim-process.ts';

interface Settings {
  readonly kind: 'reanchored' | 'sack-repaired';
  readonly restarts: number;
  readonly transfers: number;
  readonly megabytes: number;
}

const SCENARIO = { reanchored: 'phantom-synack-ws7', 'sack-repaired': 'sack-blind-randomizer' };
const SHIM_ARGS = ['--no-rules', '--sack', 'repair'];
/** As `Nice=` of the unit. */
const PRIORITY = ['nice', '-n', '-10'];
/** The reader rests after each piece: the transfers are to last, and the machine to breathe. */
const READER_RESTS_MS = 20;
const BETWEEN_MS = 2500;
const LOOK_MS = 5;
/** A transfer that has just begun is connected, with its process started. */
const HANDSHAKE_MS = 1000;
/** All are connected, moved or calibrated. */
const SETTLED_MS = 5000;
const TRANSFER_LIMIT_MS = 600_000;

const settings = JSON.parse(process.argv[2] ?? '{}') as Settings;
const gaps: number[] = [];
const errors: string[] = [];
let transfers = 0;
let lost = 0;
let isOver = false;
/** Resolves when the shim serves. What begins while none does passes, damage and all, as ever. */
let serving: Promise<void> = Promise.resolve();

/** One after the other until the restarts are over. */
async function transferOn(lab: Lab, i: number): Promise<void> {
  do {
    await serving;
    const way = settings.kind === 'reanchored' && i % 2 === 0 ? 'down' : 'up';
    const host = ADDRESS[i % 4 < 2 ? 4 : 6].server;
    const bytes = settings.megabytes * 1e6;
    const args = ['bulk', host, BULK_PORT, way, bytes, READER_RESTS_MS].map(String);
    const command = [distFile('peer.js'), ...args];
    const done = await lab.jumpbox.run(process.execPath, command, TRANSFER_LIMIT_MS);
    transfers++;
    const result = readResult(done.stdout);
    if (result?.ok === true) gaps.push(result.gapMs);
    else {
      lost++;
      errors.push(`${way} ${host}: exit ${done.exitCode} ${done.stdout}${done.stderr}`.trim());
    }
  } while (!isOver);
}

function readResult(text: string): { ok: boolean; gapMs: number } | undefined {
  try {
    return JSON.parse(text) as { ok: boolean; gapMs: number };
  } catch {
    return undefined;
  }
}

/** The namespace's own view, through a process in it: somebody reads the queue again. */
async function untilServed(pid: number): Promise<void> {
  const queues = `/proc/${pid}/net/netfilter/nfnetlink_queue`;
  while (readFileSync(queues, 'utf8') === '') await pause(LOOK_MS);
}

async function restartAll(lab: Lab, first: ShimProcess): Promise<[ShimProcess, number[]]> {
  let shim = first;
  const witness = lab.jumpbox.start('sleep', ['infinity']);
  const outages: number[] = [];
  for (let i = 0; i < settings.restarts; i++) {
    let serve = () => {};
    serving = new Promise((resolve) => {
      serve = resolve;
    });
    await pause(HANDSHAKE_MS);
    const began = performance.now();
    await shim.stop(i % 2 === 0 ? 'SIGTERM' : 'SIGKILL');
    const next = ShimProcess.openIn(lab, PRIORITY, SHIM_ARGS);
    await Promise.race([untilServed(witness.pid ?? 0), next]);
    outages.push(performance.now() - began);
    shim = await next;
    serve();
    await pause(BETWEEN_MS);
  }
  return [shim, outages];
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return Math.round(sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0);
}

const lab = await Lab.open();
try {
  const up = ['up', '--target', '10.99.2.0/24,fd99:2::/64', '--port', '22,7,5202'];
  const dir = ['--state-dir', `${lab.dir}/run`];
  lab.jumpbox.call(process.execPath, [distFile('cli.js'), ...up, ...dir]);
  const path = await FaultyPath.open(lab, scenarioByName(SCENARIO[settings.kind]).fault);
  const first = await ShimProcess.openIn(lab, PRIORITY, SHIM_ARGS);
  const running = Array.from({ length: settings.transfers }, (_, i) => transferOn(lab, i));
  await pause(SETTLED_MS);
  const [shim, outages] = await restartAll(lab, first);
  isOver = true;
  await Promise.all(running);
  await shim.stop();
  await path.close();
  const outageMs = {
    p50: quantile(outages, 0.5),
    p99: quantile(outages, 0.99),
    max: quantile(outages, 1),
  };
  const { kind, restarts, megabytes } = settings;
  const gapMs = Math.max(...gaps);
  const figures = { transfers, lost, gapMs, outageMs, errors };
  process.stdout.write(`${JSON.stringify({ kind, restarts, megabytes, ...figures })}\n`);
} finally {
  await lab.close();
}
