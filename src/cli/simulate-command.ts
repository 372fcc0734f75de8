/** The command `simulate`, in the table of commands. Owns the entry only. */
import { type Command, flag } from './command.ts';

export const SIMULATE_COMMAND: Command = {
  name: 'simulate',
  does: 'prove the engine harmless: random connections over faulty paths, in virtual time',
  about:
    'Each seed is a world: up to three connections of model TCP end points, a path that loses, ' +
    'doubles and reorders, any chain of faults. It is run without the shim, with it, and in other ' +
    'ways that must make no difference; what is claimed of the shim is checked in all of them. A ' +
    'world that fails is made as small as it still fails, and printed with its packets. Sends ' +
    'nothing, reads no configuration, needs no root. The same seed gives the same answer.',
  options: [
    {
      name: 'seed',
      type: 'number',
      value: 'S',
      fallback: '1',
      help: 'the first world; others follow, one up each',
    },
    {
      name: 'connections',
      type: 'number',
      value: 'N',
      fallback: undefined,
      help: 'end with the world that makes them so many; 1 is one world [10000 without --hours]',
    },
    {
      name: 'hours',
      type: 'number',
      value: 'H',
      fallback: undefined,
      help: 'go on for so long, 0.5 is half an hour',
    },
    {
      name: 'threads',
      type: 'number',
      value: 'N',
      fallback: undefined,
      help: 'processors to use [all]; the answer is the same on any number',
    },
    flag('json', 'as JSON'),
  ],
  examples: [
    ['seqshim simulate --seed 7', 'ten thousand connections'],
    ['seqshim simulate --seed 1234567 --connections 1', 'one world again, the one that failed'],
    ['seqshim simulate --seed 1 --hours 8', 'over night'],
  ],
  exits: { 0: 'every claim holds', 1: 'a claim does not hold: our bug, please report the seed' },
  load: async () => (await import('./simulate.ts')).simulate,
};
