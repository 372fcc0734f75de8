/**
 * Where metrics go, when they were asked for: over HTTP (`--metrics`), and into a file for
 * node_exporter's textfile collector (`--metrics-file`), written beside and renamed, so that nobody
 * reads half of it, and taken away at the end, so that nobody takes old figures for new ones.
 * Owns server and file.
 */
import { rmSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import type { Snapshot } from './metrics.ts';
import { serveMetrics } from './metrics-server.ts';
import type { Prometheus } from './prometheus.ts';

const FILE_MS = 15_000;

export class MetricsOutput {
  private readonly config: Pick<Config, 'metrics' | 'metricsFile'>;
  private readonly log: Logger;
  private readonly take: () => Snapshot;
  private prometheus: Prometheus | undefined;
  private server: Server | undefined;
  private timer: NodeJS.Timeout | undefined;
  private writing = false;
  private complained = false;
  private closed = false;

  constructor(config: Pick<Config, 'metrics' | 'metricsFile'>, log: Logger, take: () => Snapshot) {
    this.config = config;
    this.log = log;
    this.take = take;
  }

  async open(): Promise<void> {
    const { metrics, metricsFile } = this.config;
    if (metrics === undefined && metricsFile === undefined) return;
    const { Prometheus } = await import('./prometheus.ts');
    const prometheus = new Prometheus(this.take);
    this.prometheus = prometheus;
    if (metrics !== undefined) {
      this.server = await serveMetrics(metrics, {
        contentType: prometheus.contentType,
        text: () => prometheus.text(),
        problems: () => this.problems(),
      });
    }
    if (metricsFile === undefined) return;
    await this.write(metricsFile);
    this.timer = setInterval(() => void this.write(metricsFile), FILE_MS);
  }

  private problems(): readonly string[] {
    const { ready, reasons } = this.take().status;
    return ready ? reasons : ['not ready', ...reasons];
  }

  private async write(path: string): Promise<void> {
    const text = this.prometheus?.text();
    if (text === undefined || this.writing) return;
    this.writing = true;
    try {
      await writeFile(`${path}.new`, await text, { mode: 0o644 });
      if (!this.closed) await rename(`${path}.new`, path);
      this.complained = false;
    } catch (error) {
      this.complain(path, error as NodeJS.ErrnoException);
    } finally {
      this.writing = false;
      if (this.closed) this.remove(path);
    }
  }

  private complain(file: string, { code }: NodeJS.ErrnoException): void {
    if (this.complained) return;
    this.complained = true;
    this.log.warn({ file, because: code ?? 'refused' }, 'metrics file cannot be written');
  }

  private remove(path: string): void {
    for (const file of [path, `${path}.new`]) rmSync(file, { force: true });
  }

  close(): void {
    this.closed = true;
    clearInterval(this.timer);
    this.server?.close();
    this.server?.closeAllConnections();
    const { metricsFile } = this.config;
    if (metricsFile === undefined || this.timer === undefined) return;
    try {
      this.remove(metricsFile);
    } catch {
      // it is as old as it says
    }
  }
}
