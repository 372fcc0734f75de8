/** `completion`: prints the script for a shell. */
import type { Values } from '../config/config.ts';
import { EXIT_OK } from '../config/exit-codes.ts';
import type { Command } from './command.ts';
import { bashCompletion } from './completion-bash.ts';
import { zshCompletion } from './completion-zsh.ts';

export async function completion(args: Values, commands: readonly Command[]): Promise<number> {
  const make = args['shell'] === 'zsh' ? zshCompletion : bashCompletion;
  process.stdout.write(make(commands));
  return EXIT_OK;
}
