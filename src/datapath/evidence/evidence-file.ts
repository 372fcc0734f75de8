/**
 * Writes evidence to disk: blocks of pcapng in files of bounded size and number, in the background,
 * whole blocks in one call each, so that whoever is killed leaves a readable file behind.
 *
 * Owns the file that is open. A disk that is full, or a directory that cannot be written to, costs
 * evidence and nothing else: it is said once, and tried again later. Times: ms of the wall clock
 * in names, of the monotonic clock for pauses.
 */
import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { evidenceName, FILE_BYTES_MAX, makeRoom } from './evidence-dir.ts';

const FILE_MODE = 0o640;
const DIR_MODE = 0o750;
/** What a slow disk may leave waiting. */
const WAITING_BYTES_MAX = 1 << 20;
const RETRY_MS = 60_000;
/** Names that somebody else has taken. */
const NAME_TRIES = 8;

export interface EvidenceFileOptions {
  readonly dir: string;
  readonly log: Logger;
  /** What each file begins with. */
  readonly begin: () => Uint8Array;
  /** A file is about to begin, and what was lost so far is no loss of its. */
  readonly onFile: () => void;
  readonly fileBytesMax?: number;
  readonly retryMs?: number;
}

export class EvidenceFile {
  /** Of this run. */
  fileCount = 0;
  /** The newest one. */
  path: string | undefined;
  isPaused = false;
  private readonly options: EvidenceFileOptions;
  private readonly bytesMax: number;
  private readonly retryMs: number;
  private handle: FileHandle | undefined;
  private fileBytes = 0;
  private waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  private retryAtMs = 0;
  private namedMs = 0;
  private turn: Promise<void> = Promise.resolve();

  constructor(options: EvidenceFileOptions) {
    this.options = options;
    this.bytesMax = options.fileBytesMax ?? FILE_BYTES_MAX;
    this.retryMs = options.retryMs ?? RETRY_MS;
  }

  /** False: there is no room for it, on disk or on the way there. */
  add(block: Uint8Array): boolean {
    if (this.isPaused && performance.now() < this.retryAtMs) return false;
    if (this.waitingBytes + block.length > WAITING_BYTES_MAX) return false;
    this.waiting.push(block);
    this.waitingBytes += block.length;
    return true;
  }

  /** Writes what waits; resolves when all of it is written, or given up. */
  flush(): Promise<void> {
    if (this.waiting.length === 0) return this.turn;
    this.turn = this.turn.then(() => this.writeWaiting());
    return this.turn;
  }

  async close(): Promise<void> {
    await this.flush();
    await this.closeFile();
  }

  private async writeWaiting(): Promise<void> {
    if (this.waiting.length === 0) return;
    const bytes = Buffer.concat(this.waiting);
    this.waiting = [];
    this.waitingBytes = 0;
    try {
      if (this.handle !== undefined && this.fileBytes + bytes.length > this.bytesMax) {
        await this.closeFile();
      }
      this.handle ??= await this.openNext();
      await this.append(this.handle, bytes);
      if (this.isPaused) this.options.log.info({ file: this.path }, 'evidence is recorded again');
      this.isPaused = false;
    } catch (error) {
      await this.closeFile();
      this.pause(error as NodeJS.ErrnoException);
    }
  }

  private async append(handle: FileHandle, bytes: Uint8Array): Promise<void> {
    const begin = this.fileBytes === 0 ? this.options.begin() : new Uint8Array(0);
    const all = Buffer.concat([begin, bytes]);
    try {
      for (let at = 0; at < all.length; ) {
        at += (await handle.write(all, at, all.length - at)).bytesWritten;
      }
    } catch (error) {
      // Half a block would hide what comes behind it.
      await handle.truncate(this.fileBytes).catch(() => undefined);
      throw error;
    }
    this.fileBytes += all.length;
  }

  private async openNext(): Promise<FileHandle> {
    const { dir } = this.options;
    await mkdir(dir, { recursive: true, mode: DIR_MODE });
    await makeRoom(dir);
    // Files of one millisecond are named one behind the other.
    this.namedMs = Math.max(Date.now(), this.namedMs + 1);
    for (let i = 0; ; i++, this.namedMs++) {
      const path = join(dir, evidenceName(this.namedMs));
      try {
        const handle = await open(path, 'wx', FILE_MODE);
        this.path = path;
        this.fileBytes = 0;
        this.fileCount++;
        this.options.onFile();
        return handle;
      } catch (error) {
        const isTaken = (error as NodeJS.ErrnoException).code === 'EEXIST';
        if (!isTaken || i === NAME_TRIES) throw error;
      }
    }
  }

  private async closeFile(): Promise<void> {
    await this.handle?.close().catch(() => undefined);
    this.handle = undefined;
    this.fileBytes = 0;
  }

  private pause(error: NodeJS.ErrnoException): void {
    this.retryAtMs = performance.now() + this.retryMs;
    if (this.isPaused) return;
    this.isPaused = true;
    const { dir, log } = this.options;
    const because = error.code ?? error.message;
    log.warn({ dir, because }, 'evidence is not recorded for now; it is tried again');
  }
}
