/** Writes remove.sh where every rule's comment says that it is. Owns nothing. */
import { writeFileSync } from 'node:fs';
import { OperatorError } from '../../config/errors.ts';
import { VERSION } from '../../version.ts';
import { removeScript } from './remove-script.ts';

/** No start without the way out: where it cannot be written, the line says so. */
export function writeRemoveScript(path: string): void {
  try {
    writeFileSync(path, removeScript(VERSION), { mode: 0o755 });
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'refused';
    throw new OperatorError(
      `Cannot write "${path}": ${why}. Make room there, or name another place with --state-dir`,
    );
  }
}
