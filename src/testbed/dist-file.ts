/** Where the built programs are, seen from the bundle and from the sources. Owns nothing. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export function distFile(name: string): string {
  for (const base of ['./', '../', '../../dist/']) {
    const path = fileURLToPath(new URL(base + name, import.meta.url));
    if (existsSync(path)) return path;
  }
  throw new Error(`dist/${name} is missing. Run: npm run build`);
}
