/** What is left of a failure of our own, for a report. Owns the file. */
import { writeFileSync } from 'node:fs';
import { VERSION } from '../version.ts';

/** Its path, also where it could not be written. */
export function writeCrashFile(dir: string, error: Error): string {
  const file = `${dir}/crash-${Date.now()}.txt`;
  try {
    writeFileSync(file, `seqshim ${VERSION}, node ${process.version}\n${error.stack}\n`);
  } catch {
    // the line that names it is what remains
  }
  return file;
}
