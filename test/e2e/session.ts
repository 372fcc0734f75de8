/** A TCP session of the lab that stays open: what is said on stdin goes out, answers are heard. */
import type { ChildProcess } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { distFile } from '../../src/testbed/dist-file.ts';
import { ADDRESS, ECHO_PORT, type Lab } from '../../src/testbed/lab.ts';
import { collect, type Output } from '../../src/testbed/namespace.ts';

export interface SessionEvent {
  readonly event: 'connected' | 'heard' | 'end' | 'error';
  readonly detail: string;
  readonly ms: number;
}

export class Session {
  readonly child: ChildProcess;
  private readonly output: Output;
  /** Of the output before `parsedTo`: a megabyte of echoes is not parsed again at each look. */
  private readonly parsed: SessionEvent[] = [];
  private parsedTo = 0;

  constructor(lab: Lab, family: 4 | 6 = 4, port = ECHO_PORT, from = lab.jumpbox) {
    const args = [distFile('peer.js'), 'hold', ADDRESS[family].server, String(port)];
    this.child = from.start(process.execPath, args);
    this.output = collect(this.child);
  }

  events(): readonly SessionEvent[] {
    const { stdout } = this.output;
    const end = stdout.lastIndexOf('\n') + 1;
    for (const line of stdout.slice(this.parsedTo, end).split('\n')) {
      if (line.endsWith('}')) this.parsed.push(JSON.parse(line) as SessionEvent);
    }
    this.parsedTo = Math.max(this.parsedTo, end);
    return this.parsed;
  }

  has(event: SessionEvent['event']): boolean {
    return this.events().some((entry) => entry.event === event);
  }

  /** Waits for an event; the time waited in ms, or -1. */
  async until(event: SessionEvent['event'], limitMs: number): Promise<number> {
    const started = performance.now();
    while (performance.now() - started < limitMs) {
      if (this.has(event)) return performance.now() - started;
      await pause(5);
    }
    return -1;
  }

  say(words: string): void {
    this.child.stdin?.write(words);
  }

  /** Says something and waits until it comes back. */
  async echoes(words: string, limitMs = 5000): Promise<boolean> {
    const before = this.events().filter((entry) => entry.event === 'heard').length;
    this.say(words);
    const started = performance.now();
    while (performance.now() - started < limitMs) {
      const heard = this.events().filter((entry) => entry.event === 'heard');
      const since = heard.slice(before);
      const length = since.reduce((sum, { detail }) => sum + detail.length, 0);
      if (length >= words.length && since.map(({ detail }) => detail).join('') === words) {
        return true;
      }
      if (this.has('error')) return false;
      await pause(5);
    }
    return false;
  }

  close(): void {
    this.child.kill('SIGKILL');
  }
}
