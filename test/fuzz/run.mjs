/**
 * `npm run fuzz`: bundles the fuzzer, with counters in everything below `src`, into build/fuzz and
 * starts it (`main.ts` says what it takes). Owns build/fuzz/bundle.
 */
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { rolldown } from 'rolldown';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const OUT = join(ROOT, 'build/fuzz/bundle');
const SOURCE = join(ROOT, 'src/');

async function bundle(input, plugins = []) {
  const build = await rolldown({
    input,
    plugins,
    platform: 'node',
    external: (id) => !id.startsWith('.') && !id.startsWith('/'),
  });
  await build.write({
    dir: OUT,
    format: 'esm',
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name]-[hash].mjs',
  });
}

function load(name) {
  return import(pathToFileURL(join(OUT, `${name}.mjs`)).href);
}

// The fixtures are read where they are.
process.env.SEQSHIM_FUZZ_ROOT = ROOT;
await bundle({ instrument: join(ROOT, 'test/fuzz/instrument.ts') });
const { COUNTER_PLACES, COUNTERS, Instrumenter } = await load('instrument');
const instrumenter = new Instrumenter();
await bundle({ main: join(ROOT, 'test/fuzz/main.ts'), worker: join(ROOT, 'test/fuzz/worker.ts') }, [
  {
    name: 'counters',
    transform(code, id) {
      return id.startsWith(SOURCE) ? instrumenter.instrument(code) : null;
    },
  },
]);
// This thread counts too, and nobody looks.
globalThis[COUNTERS] = new Uint8Array(COUNTER_PLACES);
const { main } = await load('main');
process.exitCode = await main(process.argv.slice(2), {
  root: ROOT,
  worker: pathToFileURL(join(OUT, 'worker.mjs')),
  words: [...instrumenter.words],
  numbers: [...instrumenter.numbers],
});
