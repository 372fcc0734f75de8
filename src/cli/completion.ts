/** `completion`: prints the script for a shell. */
import type { Values } from '../config/config.ts';
import { EXIT_OK } from '../config/exit-codes.ts';
import { bashCompletion } from './completion-bash.ts';
import { zshCompletion } from './completion-zsh.ts';

export async function completion(args: Values): Promise<number> {
  process.stdout.write(args['shell'] === 'zsh' ? zshCompletion() : bashCompletion());
  return EXIT_OK;
}
