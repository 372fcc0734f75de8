/** `dist/soak.js`: the soak as a program. --minutes N (default 60), --seed N (default 1). */
import { parseArgs } from 'node:util';
import { soak } from './soak.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '60' },
    seed: { type: 'string', default: '1' },
    yes: { type: 'boolean' },
  },
});
const minutes = Number(values.minutes);
const seed = Number(values.seed);
if (!(minutes > 0) || !Number.isInteger(seed)) {
  process.stderr.write('Cannot soak: --minutes must be a positive number, --seed an integer\n');
  process.exit(2);
}
process.exitCode = await soak({ minutes, seed });
