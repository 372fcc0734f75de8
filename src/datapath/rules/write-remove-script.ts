/** Writes remove.sh where every rule's comment says that it is. Owns nothing. */
import { writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Config } from '../../config/config.ts';
import { OperatorError } from '../../config/errors.ts';
import { VERSION } from '../../version.ts';
import { removeScript } from './remove-script.ts';

/**
 * No start without the way out: where it cannot be written, the line says so. A packaged one stays
 * as it is: root runs it, so only root may write it.
 */
export function writeRemoveScript({
  removeScript: path,
  runDir,
}: Pick<Config, 'removeScript' | 'runDir'>): void {
  if (dirname(path) !== runDir) return;
  try {
    writeFileSync(path, removeScript(VERSION), { mode: 0o755 });
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'refused';
    throw new OperatorError(
      `Cannot write "${path}": ${why}. Make room there, or name another place with --state-dir`,
    );
  }
}
