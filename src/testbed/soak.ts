/**
 * `npm run soak`: hours of mixed traffic through one shim while the faulty firewall's faults come
 * and go, one line a minute. Owns the lab; the seed decides which fault comes when. At the end no
 * session may have failed, and the process may not have grown. Times: ms, sizes: bytes.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Random } from '../datapath/sim/random.ts';
import { distFile } from './dist-file.ts';
import { FaultyPath } from './faulty-path.ts';
import { ADDRESS, BULK_PORT, Lab } from './lab.ts';
import { type Finished, hasEnded } from './namespace.ts';
import { attemptOnce, succeeded } from './runner.ts';
import { scenarioByName } from './scenarios.ts';
import { ShimProcess } from './shim-process.ts';

/** What carries all kinds of traffic, and what new connections alone meet. */
const FAULTS = [
  'healthy',
  'phantom-synack-ws7',
  'first-connection-reset-BRD',
  'challenge-ack-reset',
  'double-endpoint',
  'blind-resets',
  'checksum-left-partial',
] as const;
const WITH_BULK: readonly string[] = ['healthy', 'phantom-synack-ws7'];
const FAULT_MS = 15_000;
const BULK_BYTES = 20_000_000;
const MINUTE_MS = 60_000;
const SAMPLE_MS = 2000;
/** Code is compiled and buffers find their size: before that nothing is compared. */
const WARM_UP_SHARE = 0.25;
const GROWTH_MAX = 0.02;
const WORDS_CHARACTERS_MAX = 300;

interface Count {
  sessions: number;
  failed: number;
}

export interface SoakOptions {
  readonly minutes: number;
  readonly seed: number;
}

export async function soak({ minutes, seed }: SoakOptions): Promise<number> {
  say(`soak: ${minutes} min, seed ${seed}`);
  const lab = await Lab.open();
  const shim = await ShimProcess.open(lab);
  try {
    return await new Soak(lab, shim, seed).run(minutes * MINUTE_MS);
  } finally {
    await shim.stop();
    await lab.close();
  }
}

class Soak {
  private readonly lab: Lab;
  private readonly shim: ShimProcess;
  private readonly random: Random;
  private readonly counts = new Map<string, Count>();
  private readonly errors: string[] = [];
  private readonly samples: { readonly atMs: number; readonly bytes: number }[] = [];
  private readonly pid: number;
  private endMs = 0;

  constructor(lab: Lab, shim: ShimProcess, seed: number) {
    this.lab = lab;
    this.shim = shim;
    this.random = new Random(seed);
    this.pid = Number(shim.status()['pid']);
  }

  async run(lastsMs: number): Promise<number> {
    const beganMs = performance.now();
    this.endMs = beganMs + lastsMs;
    const minute = setInterval(() => this.tell(performance.now() - beganMs), MINUTE_MS);
    const sample = setInterval(() => this.sample(), SAMPLE_MS);
    this.lab.takeFreshPorts();
    while (performance.now() < this.endMs) await this.oneFault();
    clearInterval(minute);
    clearInterval(sample);
    this.sample();
    return this.judge(beganMs, lastsMs);
  }

  /** All kinds of traffic at once; each kind one after the other. */
  private async oneFault(): Promise<void> {
    const name = this.random.pick(FAULTS);
    const untilMs = Math.min(this.endMs, performance.now() + FAULT_MS);
    const path = await FaultyPath.open(this.lab, scenarioByName(name).fault);
    try {
      await Promise.all([
        this.repeat(untilMs, 'ssh', name, () => this.session('ssh', 0)),
        this.repeat(untilMs, 'echo', name, () =>
          this.session('echo', this.random.between(0, 1500)),
        ),
        this.repeat(untilMs, 'short', name, () => this.session('echo', 0)),
        ...(WITH_BULK.includes(name)
          ? [this.repeat(untilMs, 'bulk', name, () => this.bulk())]
          : []),
      ]);
    } finally {
      await path.close();
    }
  }

  private async repeat(
    untilMs: number,
    kind: string,
    fault: string,
    once: () => Promise<string>,
  ): Promise<void> {
    const count = this.counts.get(kind) ?? { sessions: 0, failed: 0 };
    this.counts.set(kind, count);
    while (performance.now() < untilMs) {
      const error = await once();
      count.sessions++;
      if (error !== '') {
        count.failed++;
        this.errors.push(`${kind} behind ${fault}: ${error}`);
        say(`  failed: ${this.errors.at(-1)}`);
      }
      await pause(this.random.between(0, 200));
    }
  }

  private async session(client: 'ssh' | 'echo', delayMs: number): Promise<string> {
    const attempt = { client, delayMs };
    const family = this.random.pick([4, 6] as const);
    const finished = await attemptOnce(this.lab, family, attempt);
    return succeeded(attempt, finished) ? '' : lastWords(finished);
  }

  private async bulk(): Promise<string> {
    const way = this.random.pick(['up', 'down']);
    const args = [distFile('peer.js'), 'bulk', ADDRESS[4].server, BULK_PORT, way, BULK_BYTES, 0];
    const finished = await this.lab.jumpbox.run(process.execPath, args.map(String), MINUTE_MS);
    return finished.exitCode === 0 ? '' : lastWords(finished);
  }

  private sample(): void {
    if (hasEnded(this.shim.child)) return;
    const kib = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1];
    this.samples.push({ atMs: performance.now(), bytes: Number(kib) * 1024 });
  }

  private tell(sinceMs: number): void {
    const s = this.shim.status();
    const gc = s['gcPauseUs'] as { count: number; p99: number; max: number };
    const latency = s['latencyUs'] as { p99: number; max: number };
    const kinds = [...this.counts].map(([kind, { sessions, failed }]) => {
      return `${kind} ${sessions - failed}/${sessions}`;
    });
    const mib = ((this.samples.at(-1)?.bytes ?? 0) / 1_048_576).toFixed(1);
    say(
      `minute ${Math.round(sinceMs / MINUTE_MS)}: ${kinds.join(', ')}; RSS ${mib} MiB; ` +
        `gc ${gc.count} pauses, p99 ${gc.p99} µs, max ${gc.max} µs; ` +
        `latency p99 ${latency.p99} µs, max ${latency.max} µs; ${s['packets']} packets`,
    );
  }

  private judge(beganMs: number, lastsMs: number): number {
    this.tell(lastsMs);
    const warmMs = beganMs + lastsMs * WARM_UP_SHARE;
    const middleMs = (warmMs + performance.now()) / 2;
    const of = (from: number, to: number) =>
      medianBytes(this.samples.filter(({ atMs }) => atMs >= from && atMs < to));
    const [early, late] = [of(warmMs, middleMs), of(middleMs, Number.POSITIVE_INFINITY)];
    const growth = late / early - 1;
    const state = this.shim.status()['state'];
    say(`state ${state}; RSS ${(growth * 100).toFixed(1)} % between the halves behind the warm-up`);
    const failed = [...this.counts.values()].reduce((sum, count) => sum + count.failed, 0);
    say(`failed sessions: ${failed}`);
    // In a few minutes V8 is still at it: growth is judged where it means something.
    const grew = lastsMs >= 10 * MINUTE_MS && growth > GROWTH_MAX;
    return failed > 0 || grew || state !== 'ok' ? 1 : 0;
  }
}

function medianBytes(samples: readonly { readonly bytes: number }[]): number {
  const sorted = samples.map(({ bytes }) => bytes).sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}

function lastWords({ exitCode, stdout, stderr }: Finished): string {
  const words = stderr.trim().split('\n').at(-1) || stdout.trim();
  return `exit ${exitCode}, ${words}`.slice(0, WORDS_CHARACTERS_MAX);
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
