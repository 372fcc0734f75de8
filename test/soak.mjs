/**
 * `npm run soak -- --minutes 60 --seed 7`: its own set-up, then the built soak. Needs root.
 */
import { prepare } from './setup.mjs';

const { live, why } = await prepare({ what: 'the soak', yes: process.argv.includes('--yes') });
if (live) await import('../dist/soak.js');
else {
  process.stderr.write(`Cannot soak without network namespaces (${why}): run this as root\n`);
  process.exitCode = 4;
}
