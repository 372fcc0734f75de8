/**
 * Writes what packages install beside the program: the manual page and the completions, into man/
 * and completion/ beside this file. Run by `npm run build`. Owns those two directories.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { RELEASE_DATE } from '../version.ts';
import { COMMANDS } from './commands.ts';
import { bashCompletion } from './completion-bash.ts';
import { zshCompletion } from './completion-zsh.ts';
import { manPage } from './man-page.ts';

const FILES = {
  'man/seqshim.8': () => manPage(RELEASE_DATE),
  'completion/seqshim.bash': () => bashCompletion(COMMANDS),
  'completion/_seqshim': () => zshCompletion(COMMANDS),
} as const;

for (const [name, make] of Object.entries(FILES)) {
  const url = new URL(name, import.meta.url);
  mkdirSync(fileURLToPath(new URL('.', url)), { recursive: true });
  writeFileSync(url, make());
}
