/**
 * `npm run demo`: does its own set-up, then runs the built demo: real ssh in network namespaces as
 * root, the same scenarios in memory for anybody else.
 */
import { prepare } from './setup.mjs';

const { live, why } = await prepare({
  what: 'the demo',
  yes: process.argv.includes('--yes'),
});
if (!live) {
  process.stdout.write(
    `\nWithout namespaces (${why}): the scenarios run in memory, real packets\n`,
  );
  process.stdout.write(
    'through the real engine between model hosts. As root you see real ssh.\n\n',
  );
}
process.env.SEQSHIM_DEMO = live ? 'live' : 'memory';
await import('../dist/demo.js');
