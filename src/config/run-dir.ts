/** Makes the directory of the run-time files. Owns nothing. */
import { mkdirSync } from 'node:fs';
import { OperatorError } from './errors.ts';

export function makeRunDir(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 });
  } catch (error) {
    const why = (error as NodeJS.ErrnoException).code ?? 'refused';
    throw new OperatorError(
      `Cannot make directory "${path}": ${why}. Name another with --state-dir`,
    );
  }
}
