/** The packages under test, built from `dist` as it is: two releases, hardly compressed. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const BUILD = fileURLToPath(new URL('../../packaging/build.mjs', import.meta.url));
const LIMIT_MS = 240_000;

/** Path of the file made. */
export function buildPackage(kind: 'deb' | 'tarball', release = '1'): string {
  const args = [BUILD, kind, '--fast', '--release', release];
  const line = execFileSync(process.execPath, args, { encoding: 'utf8', timeout: LIMIT_MS });
  return line.replace(/ \(.*\)\n$/, '');
}
