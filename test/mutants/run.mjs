/** `npm run mutants`: bundles `main.ts` into build/mutants and starts it. */
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OUT = join(ROOT, 'build/mutants/main.mjs');

const build = await rolldown({
  input: join(ROOT, 'test/mutants/main.ts'),
  platform: 'node',
  external: (id) => !id.startsWith('.') && !id.startsWith('/'),
});
await build.write({ file: OUT, format: 'esm' });
const { main } = await import(pathToFileURL(OUT).href);
process.exitCode = await main(process.argv.slice(2), ROOT);
