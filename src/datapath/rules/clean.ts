/** No rule of ours remains, whoever installed it. Owns nothing. */
import { type Outcome, run } from './execute.ts';
import { removeScript } from './remove-script.ts';

/** Removes everything of ours, of both backends. Its output says what was there. */
export function clean(version: string): Outcome {
  return run('sh', ['-s'], removeScript(version));
}
