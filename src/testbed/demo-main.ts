/** `dist/demo.js`: the demo as a program; SEQSHIM_DEMO=memory needs no root. */
import { demo } from './demo.ts';
import { demoInMemory } from './demo-memory.ts';

const inMemory = process.env['SEQSHIM_DEMO'] === 'memory' || process.getuid?.() !== 0;
process.exitCode = await (inMemory ? demoInMemory() : demo());
