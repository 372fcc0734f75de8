/**
 * The key that other names are made with: 32 random bytes, in hex in a file that stays where it is.
 * Whoever has it can find the real addresses; so nobody else may read it. Owns the file's form.
 */
import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { OperatorError } from '../../config/errors.ts';
import { checkPlace, writePrivate } from '../private-file.ts';
import { KEY_BYTES } from './prefix-cipher.ts';

const OPTION = 'anonymize-key';
const FORM = /^[0-9a-f]{64}\s*$/i;
const FILE_BYTES_MAX = 80;

/** Without a file the key is forgotten when we are done. */
export function freshKey(): Uint8Array {
  return randomBytes(KEY_BYTES);
}

/** The key in the file; a new one where there is no file yet. */
export async function keyFrom(path: string): Promise<Uint8Array> {
  await checkPlace(OPTION, path);
  const there = await stat(path).catch(() => undefined);
  if (there === undefined) {
    const key = freshKey();
    await writePrivate(OPTION, path, `${Buffer.from(key).toString('hex')}\n`);
    return key;
  }
  if ((there.mode & 0o077) !== 0) {
    throw new OperatorError(
      `Cannot use --${OPTION} "${path}": others can read it, say chmod 600 first`,
    );
  }
  const text = there.size > FILE_BYTES_MAX ? '' : await readFile(path, 'latin1').catch(() => '');
  if (!FORM.test(text)) {
    throw new OperatorError(
      `Cannot use --${OPTION} "${path}": it holds no key (64 hex digits), name a new file`,
    );
  }
  return Buffer.from(text.trim(), 'hex');
}
