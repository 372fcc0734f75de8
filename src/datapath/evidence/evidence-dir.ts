/**
 * The directory of evidence files: how they are named, which there are, and that they stay few.
 * Names are times (UTC), so that their order is that of their beginnings. Owns the names.
 */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** The oldest beyond these are removed. */
export const FILE_COUNT_MAX = 16;
export const FILE_BYTES_MAX = 4 << 20;

const NAME = /^evidence-\d{8}T\d{6}\.\d{3}Z\.pcapng$/;

/** `evidence-20261128T092133.123Z.pcapng` */
export function evidenceName(dateMs: number): string {
  return `evidence-${new Date(dateMs).toISOString().replace(/[-:]/g, '')}.pcapng`;
}

/** Oldest first; other files are not ours. Throws what `readdir` throws. */
export async function evidenceFiles(dir: string): Promise<string[]> {
  const names = (await readdir(dir)).filter((name) => NAME.test(name));
  return names.sort().map((name) => join(dir, name));
}

/** Room for one more. */
export async function makeRoom(dir: string): Promise<void> {
  const files = await evidenceFiles(dir);
  for (const file of files.slice(0, Math.max(0, files.length - FILE_COUNT_MAX + 1))) {
    await rm(file, { force: true });
  }
}
