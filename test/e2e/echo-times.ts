/**
 * Real ssh sessions that echo lines while something else happens: what each line took. Owns the
 * sessions. Times: ms.
 */
import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { ADDRESS, type Lab } from '../../src/testbed/lab.ts';
import { hasEnded } from '../../src/testbed/namespace.ts';

const LINE_MS = 50;
const OPEN_MS = 15_000;

export class EchoTimes {
  readonly timesMs: number[] = [];
  private readonly sessions: ChildProcess[];
  private readonly answered: number[];
  private readonly sentMs: number[];

  private constructor(lab: Lab, count: number) {
    const args = [...lab.sshOptions(), ADDRESS[4].server, 'cat'];
    this.sessions = Array.from({ length: count }, () => lab.jumpbox.start('ssh', args));
    this.answered = this.sessions.map(() => 0);
    this.sentMs = this.sessions.map(() => 0);
    for (const [i, session] of this.sessions.entries()) {
      session.stdin?.on('error', () => {}); // its exit says so
      session.stdout?.on('data', (chunk: Buffer) => {
        this.timesMs.push(performance.now() - (this.sentMs[i] ?? 0));
        this.answered[i] = (this.answered[i] ?? 0) + chunk.length / 2;
      });
    }
  }

  /** So many sessions, each of which has echoed once. */
  static async open(lab: Lab, count: number): Promise<EchoTimes> {
    const times = new EchoTimes(lab, count);
    await times.turn(OPEN_MS);
    times.timesMs.length = 0;
    return times;
  }

  get alive(): number {
    return this.sessions.filter((session) => !hasEnded(session)).length;
  }

  /** Each says a line every LINE_MS, once it has heard the last one, for so long. */
  async during(ms: number): Promise<void> {
    const endMs = performance.now() + ms;
    while (performance.now() < endMs) await this.turn(OPEN_MS);
  }

  private async turn(limitMs: number): Promise<void> {
    const before = [...this.answered];
    for (const [i, session] of this.sessions.entries()) {
      this.sentMs[i] = performance.now();
      session.stdin?.write('x\n');
    }
    const waiting = () =>
      this.sessions.some((session, i) => !hasEnded(session) && this.answered[i] === before[i]);
    const startMs = performance.now();
    while (waiting() && performance.now() - startMs < limitMs) await pause(2);
    await pause(Math.max(0, LINE_MS - (performance.now() - startMs)));
  }

  quantile(q: number): number {
    const sorted = [...this.timesMs].sort((a, b) => a - b);
    return Math.round((sorted[Math.floor(q * (sorted.length - 1))] ?? Number.NaN) * 10) / 10;
  }

  close(): void {
    for (const session of this.sessions) session.kill('SIGKILL');
  }
}
