/** The packet scripts of this folder, by name. Owns nothing. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const DIR = fileURLToPath(new URL('.', import.meta.url));

export interface ScriptFile {
  /** `folder/name`, without the extension. */
  readonly name: string;
  readonly text: string;
}

export function scriptFiles(): ScriptFile[] {
  return readdirSync(DIR, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.pkt'))
    .sort()
    .map((path) => ({ name: path.slice(0, -4), text: readFileSync(join(DIR, path), 'utf8') }));
}
