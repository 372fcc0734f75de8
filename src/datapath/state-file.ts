/**
 * A small file of what is to survive a restart: read whole at start, written whole and renamed into
 * place, in the background, because a slow disk must not keep probes waiting. A file that is
 * damaged or not ours is set aside and said once; a directory that cannot be written to costs the
 * memory, not the run. Owns the file.
 */
import { lstatSync, readFileSync, renameSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Logger } from 'pino';

const FILE_BYTES_MAX = 4 << 20;

export class StateFile {
  readonly path: string;
  /** What is in it, as the log names it. */
  private readonly what: string;
  private readonly log: Logger;
  private complained = false;
  private turn: Promise<void> = Promise.resolve();
  private written: string | undefined;

  constructor(path: string, what: string, log: Logger) {
    this.path = path;
    this.what = what;
    this.log = log;
  }

  read(): string | undefined {
    try {
      const about = lstatSync(this.path);
      if (about.isFile() && about.size <= FILE_BYTES_MAX) return readFileSync(this.path, 'utf8');
      this.setAside(about.isFile() ? 'it is too large' : 'it is no plain file');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTDIR') this.complain('read', code);
    }
    return undefined;
  }

  /** What stands in it already need not be written. */
  holds(text: string): void {
    this.written = text;
  }

  /** One after the other; resolves when this one is done. */
  write(text: string): Promise<void> {
    this.turn = this.turn.then(() => (text === this.written ? undefined : this.replace(text)));
    return this.turn;
  }

  private async replace(text: string): Promise<void> {
    const fresh = `${this.path}.new`;
    try {
      await mkdir(dirname(this.path), { recursive: true, mode: 0o755 });
      const handle = await open(fresh, 'w', 0o600);
      try {
        await handle.writeFile(text);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(fresh, this.path);
      this.written = text;
    } catch (error) {
      this.complain('write', (error as NodeJS.ErrnoException).code);
    }
  }

  setAside(why: string): void {
    const aside = `${this.path}.aside`;
    try {
      renameSync(this.path, aside);
      this.log.warn({ file: aside, because: why }, `${this.what} set aside: starting without`);
    } catch (error) {
      this.complain('set aside', (error as NodeJS.ErrnoException).code);
    }
  }

  private complain(what: string, code: string | undefined): void {
    if (this.complained) return;
    this.complained = true;
    const because = `cannot ${what}: ${code ?? 'refused'}`;
    this.log.warn({ file: this.path, because }, `${this.what} are kept in memory only`);
  }
}
