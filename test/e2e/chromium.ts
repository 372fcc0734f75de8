/**
 * Debian's Chromium, driven over its debugging pipe: no port, no driver, no network of the test's
 * own. Owns one process and its profile directory.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

const ANSWER_LIMIT_MS = 60_000;
const CLOSE_LIMIT_MS = 10_000;

export type Fields = Record<string, unknown>;
type Waiting = {
  readonly resolve: (result: Fields) => void;
  readonly reject: (why: Error) => void;
};

export class Chromium {
  /** Every event since the last page was opened, with its name in `method`. */
  events: Fields[] = [];
  private readonly profile = mkdtempSync(join(tmpdir(), 'seqshim-chromium-'));
  private readonly process: ChildProcess;
  private readonly waiting = new Map<number, Waiting>();
  private session = '';
  private count = 0;
  private rest = '';

  private constructor() {
    const flags = [
      '--headless=new',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--hide-scrollbars',
      '--remote-debugging-pipe',
      `--user-data-dir=${this.profile}`,
      'about:blank',
    ];
    const stdio = ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] as const;
    this.process = spawn('chromium', flags, { stdio: [...stdio], detached: true });
    const from = this.process.stdio[4] as Readable;
    from.setEncoding('utf8');
    from.on('data', (text: string) => this.read(text));
    this.process.on('exit', () => this.giveUp('it ended'));
    this.process.on('error', (error) => this.giveUp(error.message));
  }

  static async start(): Promise<Chromium> {
    const chromium = new Chromium();
    const { targetInfos } = await chromium.ask('Target.getTargets');
    const page = (targetInfos as Fields[]).find(({ type }) => type === 'page');
    const about = { targetId: page?.['targetId'], flatten: true };
    const { sessionId } = await chromium.ask('Target.attachToTarget', about);
    chromium.session = String(sessionId);
    for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'Audits']) {
      await chromium.ask(`${domain}.enable`);
    }
    return chromium;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    const limit = setTimeout(() => this.killAll(), CLOSE_LIMIT_MS);
    // Asked to close, it ends its helpers first, which write in the profile; a killed one leaves
    // them behind for a while. It may be gone before it has answered.
    this.ask('Browser.close').catch(() => {});
    await ended;
    clearTimeout(limit);
    this.killAll();
    rmSync(this.profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  /** Itself and whoever it started, as far as they are left. */
  private killAll(): void {
    const { pid } = this.process;
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // Nobody is left.
    }
  }

  async open(url: string): Promise<void> {
    this.events = [];
    await this.ask('Page.navigate', { url });
    for (let tries = 0; tries < 600; tries++) {
      if (this.events.some(({ method }) => method === 'Page.loadEventFired')) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`${url} does not load`);
  }

  /** As on a screen of this size; `media` are what a style sheet can ask for. */
  async show(width: number, height: number, media: Readonly<Record<string, string>> = {}) {
    const metrics = { width, height, deviceScaleFactor: 1, mobile: width < 500 };
    await this.ask('Emulation.setDeviceMetricsOverride', metrics);
    const { type = '', ...rest } = media;
    const features = Object.entries(rest).map(([name, value]) => ({ name, value }));
    await this.ask('Emulation.setEmulatedMedia', { media: type, features });
  }

  async evaluate(expression: string): Promise<unknown> {
    const { result } = await this.ask('Runtime.evaluate', { expression, returnByValue: true });
    return (result as Fields)['value'];
  }

  /** Bytes of a PNG. */
  async screenshot(isWhole: boolean): Promise<Buffer> {
    const how = { format: 'png', captureBeyondViewport: isWhole };
    const { data } = await this.ask('Page.captureScreenshot', how);
    return Buffer.from(String(data), 'base64');
  }

  async pdf(): Promise<Buffer> {
    const { data } = await this.ask('Page.printToPDF', { preferCSSPageSize: true });
    return Buffer.from(String(data), 'base64');
  }

  ask(method: string, params: Fields = {}): Promise<Fields> {
    this.count += 1;
    const id = this.count;
    const session = this.session === '' ? {} : { sessionId: this.session };
    const to = this.process.stdio[3] as Writable;
    to.write(`${JSON.stringify({ id, method, params, ...session })}\0`);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to ${method}`)), ANSWER_LIMIT_MS);
      const done = (end: () => void) => {
        clearTimeout(timer);
        this.waiting.delete(id);
        end();
      };
      this.waiting.set(id, {
        resolve: (result) => done(() => resolve(result)),
        reject: (why) => done(() => reject(why)),
      });
    });
  }

  private read(text: string): void {
    const messages = (this.rest + text).split('\0');
    this.rest = messages.pop() ?? '';
    for (const message of messages) this.take(JSON.parse(message) as Fields);
  }

  private take(message: Fields): void {
    const waiting = this.waiting.get(Number(message['id'] ?? -1));
    if (waiting === undefined) {
      this.events.push(message);
      return;
    }
    const { error } = message;
    if (error === undefined) waiting.resolve(message['result'] as Fields);
    else waiting.reject(new Error(JSON.stringify(error)));
  }

  private giveUp(why: string): void {
    for (const { reject } of this.waiting.values()) reject(new Error(`chromium: ${why}`));
  }
}
