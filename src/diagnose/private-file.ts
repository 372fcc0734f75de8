/**
 * Writes what is nobody else's business: whole or not at all, readable by its owner only (0600,
 * whatever the umask says). Never over anything but a plain file. Owns the errors an operator can
 * cause there.
 */
import { lstat, open, rename, rm } from 'node:fs/promises';
import { OperatorError } from '../config/errors.ts';

/** Before the work is done rather than after it. */
export async function checkPlace(option: string, path: string): Promise<void> {
  if (path === '-' || path === '/dev/stdin') {
    throw new OperatorError(`Cannot write --${option} to standard output: name a file`);
  }
  try {
    const about = await lstat(path);
    if (about.isFile()) return;
    const what = about.isDirectory()
      ? 'it is a directory, name a file in it'
      : 'it is no plain file';
    throw new OperatorError(`Cannot write --${option} "${path}": ${what}`);
  } catch (error) {
    if (error instanceof OperatorError) throw error;
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw refused(option, path, error);
  }
}

export async function writePrivate(option: string, path: string, text: string): Promise<void> {
  const fresh = `${path}.${process.pid}.new`;
  try {
    const handle = await open(fresh, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(fresh, path);
  } catch (error) {
    const isOurs = (error as NodeJS.ErrnoException).code !== 'EEXIST';
    if (isOurs) await rm(fresh, { force: true }).catch(() => undefined);
    throw refused(option, path, error);
  }
}

function refused(option: string, path: string, error: unknown): OperatorError {
  const { code } = error as NodeJS.ErrnoException;
  const why: Readonly<Record<string, string>> = {
    ENOENT: 'its directory does not exist, make it first',
    ENOTDIR: 'its directory is a file, name another',
    EACCES: 'permission denied, name a file in a directory of yours',
    EPERM: 'permission denied, name a file in a directory of yours',
    EROFS: 'the file system is read-only, name a file elsewhere',
    ENOSPC: 'the disk is full, make room or name a file elsewhere',
    ENAMETOOLONG: 'the name is too long, name a shorter one',
    EEXIST: 'a temporary file of that name is in the way, remove it',
  };
  return new OperatorError(
    `Cannot write --${option} "${path}": ${why[code ?? ''] ?? `${code ?? 'refused'}, name another file`}`,
  );
}
