/**
 * Where log lines go: written at once, or kept while nobody reads (a pager, a stalled journal,
 * Ctrl-S), because whoever waits for a reader answers no packet meanwhile. pino's own destination
 * waits, or at the end does so for ever. What is kept is bounded; lines beyond it are lost, and
 * counted.
 *
 * Owns the lines kept, octets of whole or begun lines. The descriptor has to be non-blocking, as
 * Node makes its standard output.
 */
import { writeSync } from 'node:fs';

const KEPT_BYTES_MAX = 1 << 20;
const RETRY_MS = 100;

export class LogOutput {
  private readonly fd: number;
  /** Hears how many lines were lost when the reader reads again. */
  private readonly onLost: (lines: number) => void;
  private kept: Buffer[] = [];
  private keptBytes = 0;
  private lostCount = 0;
  private gone = false;

  constructor(fd: number, onLost: (lines: number) => void) {
    this.fd = fd;
    this.onLost = onLost;
  }

  write(line: string): void {
    const bytes = Buffer.from(line);
    const written = this.kept.length === 0 ? this.put(bytes) : 0;
    if (written === bytes.length) return;
    const begun = written > 0;
    if (begun || this.keptBytes + bytes.length <= KEPT_BYTES_MAX)
      this.keep(bytes.subarray(written));
    else this.lostCount++;
  }

  private keep(bytes: Buffer): void {
    if (this.kept.length === 0) this.tryLater();
    this.kept.push(bytes);
    this.keptBytes += bytes.length;
  }

  /** Keeps no process alive: lines that nobody reads are no reason to stay. */
  private tryLater(): void {
    setTimeout(() => this.writeKept(), RETRY_MS).unref();
  }

  private writeKept(): void {
    for (let first = this.kept[0]; first !== undefined; first = this.kept[0]) {
      const written = this.put(first);
      this.keptBytes -= written;
      if (written < first.length) {
        this.kept[0] = first.subarray(written);
        this.tryLater();
        return;
      }
      this.kept.shift();
    }
    const lines = this.lostCount;
    this.lostCount = 0;
    if (lines > 0) this.onLost(lines);
  }

  /** Returns how many octets are done with. */
  private put(bytes: Buffer): number {
    if (this.gone) return bytes.length;
    try {
      return writeSync(this.fd, bytes);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EAGAIN') return 0;
      this.gone = code === 'EPIPE';
      this.lostCount++; // a full disk, a terminal that was closed
      return bytes.length;
    }
  }
}
