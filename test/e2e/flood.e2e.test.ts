/**
 * Floods of SYN, ACK and RST at a server that the shim looks after (`--direction in`): established
 * ssh sessions go on, none is forgotten, and memory stays. Live; beside the same flood without the
 * shim. SEQSHIM_FLOOD_SECONDS: how long each takes, 5 unless told. Times: ms.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { distFile } from '../../src/testbed/dist-file.ts';
import { ADDRESS, type Lab, SSH_PORT } from '../../src/testbed/lab.ts';
import { ShimProcess } from '../../src/testbed/shim-process.ts';
import { EchoTimes } from './echo-times.ts';
import { withLab } from './live-parts.ts';

const SECONDS = Number(process.env['SEQSHIM_FLOOD_SECONDS'] ?? 5);
const PER_SECOND = 50_000;
const SESSIONS = 10;
/** The heap has found its size by then. */
const WARM_UP_SECONDS = 3;
const GROWTH_BYTES_MAX = 5 << 20;
const TABLE = 16_384;
const LIMIT_MS = 60_000 + SECONDS * 4000;

interface Poured {
  readonly sent: number;
  readonly ms: number;
}

async function flood(lab: Lab, kind: string, seconds: number): Promise<Poured> {
  const [source, target] = [`${ADDRESS[4].jumpbox}/24`, ADDRESS[4].server];
  const args = [kind, source, target, SSH_PORT, PER_SECOND, seconds, 1].map(String);
  const limitMs = (seconds + 30) * 1000;
  const finished = await lab.jumpbox.run(
    process.execPath,
    [distFile('flood.js'), ...args],
    limitMs,
  );
  return JSON.parse(finished.stdout) as Poured;
}

/** Times of the echoes, and packets a second that were sent. */
async function echoesDuring(lab: Lab, kind: string): Promise<{ times: EchoTimes; rate: number }> {
  const times = await EchoTimes.open(lab, SESSIONS);
  const [poured] = await Promise.all([flood(lab, kind, SECONDS), times.during(SECONDS * 1000)]);
  return { times, rate: Math.round((poured.sent * 1000) / poured.ms) };
}

function residentBytes(pid: number): number {
  const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib) * 1024;
}

/** `ip netns exec` becomes the program it starts. */
function pidOf(shim: ShimProcess): number {
  return Number(shim.status()['pid']);
}

interface Figures {
  readonly packets: number;
  readonly shed: number;
  readonly flows: { readonly current: number; readonly evicted: number };
  readonly counters: Readonly<Record<string, number>>;
}

function figures(shim: ShimProcess): Figures {
  return shim.status() as unknown as Figures;
}

function flowOf(lab: Lab, shim: ShimProcess): number {
  const args = [distFile('cli.js'), 'flows', '--all', '--json', '--state-dir', shim.runDir];
  const { flows } = JSON.parse(lab.server.call(process.execPath, args)) as {
    flows: readonly { readonly nearState: string }[];
  };
  return flows.filter(({ nearState }) => nearState === 'ESTABLISHED').length;
}

describe('a flood', () => {
  it.each(['syn', 'ack', 'rst'])(
    `of ${PER_SECOND} %s a second loses no session`,
    async (kind) => {
      await withLab(async (lab) => {
        const bare = await echoesDuring(lab, kind);
        expect(bare.times.alive).toBe(SESSIONS);
        bare.times.close();
        const shim = await ShimProcess.atServer(lab, ['--flows', String(TABLE)]);
        try {
          await flood(lab, kind, WARM_UP_SECONDS);
          const bytes = residentBytes(pidOf(shim));
          const before = figures(shim);
          const own = await echoesDuring(lab, kind);
          const after = figures(shim);
          const grown = residentBytes(pidOf(shim)) - bytes;
          const inspected = Math.round((after.packets - before.packets) / SECONDS);
          console.log(
            `${kind}: echo p50 ${own.times.quantile(0.5)} p99 ${own.times.quantile(0.99)} ms at ` +
              `${own.rate}/s sent, ${inspected}/s inspected, ${after.shed} shed; without the shim ` +
              `p50 ${bare.times.quantile(0.5)} p99 ${bare.times.quantile(0.99)} ms at ${bare.rate}/s; ` +
              `memory +${(grown / 1048576).toFixed(1)} MiB, ${after.flows.evicted} embryonic evicted`,
          );
          expect(own.times.alive).toBe(SESSIONS);
          expect(own.times.timesMs.length).toBeGreaterThan(SESSIONS * SECONDS);
          expect(flowOf(lab, shim)).toBeGreaterThanOrEqual(SESSIONS);
          expect(after.counters['tableFull']).toBe(0);
          if (kind === 'syn') expect(after.flows.evicted).toBeGreaterThan(0);
          expect(grown).toBeLessThan(GROWTH_BYTES_MAX);
          expect(shim.status()['state']).toBe('ok');
          own.times.close();
          await pause(500);
        } finally {
          await shim.stop();
        }
      });
    },
    LIMIT_MS,
  );
});
