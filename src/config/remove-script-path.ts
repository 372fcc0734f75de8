/**
 * Where remove.sh is. A package brings one beside `dist`, which nobody but root can change: root is
 * told to run it, and the runtime directory belongs to the service's user. Owns nothing.
 */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** @param program the file that Node was started with. */
export function removeScriptPath(runDir: string, program = process.argv[1] ?? ''): string {
  const packaged = join(dirname(realPath(program)), '..', 'remove.sh');
  return existsSync(packaged) ? packaged : `${runDir}/remove.sh`;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
