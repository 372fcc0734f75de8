/**
 * The faulty firewall as a process (`dist/firewall.js FAULT`, or `dist/firewall.js COMPOSITION`):
 * prints `ready`, then does what each line of JSON on stdin says (`Command` in fault.ts) and prints
 * `done COUNT`. Ends with stdin or SIGTERM.
 */
import { createInterface } from 'node:readline';
import { setImmediate as breathe } from 'node:timers/promises';
import { type CompositionInput, readComposition } from './behaviour.ts';
import { ComposedFirewall } from './composed-firewall.ts';
import { type Command, FAULT_DEFAULT, type Fault } from './fault.ts';
import { Firewall } from './firewall.ts';

/** Between looks at stdin. */
const BREATH_MS = 20;

interface Wall {
  turn(): void;
  obey(command: Command): number;
}

/** A composition is what has behaviours; anything else is one fault with its parameters. */
function build(given: Partial<Fault> | CompositionInput): Wall {
  if (!('behaviours' in given)) return new Firewall({ ...FAULT_DEFAULT, ...given });
  return new ComposedFirewall(readComposition(given));
}

async function main(firewall: Wall): Promise<void> {
  let ended = false;
  const lines = createInterface({ input: process.stdin });
  lines.on('close', () => {
    ended = true;
  });
  lines.on('line', (line) => {
    const count = firewall.obey(JSON.parse(line) as Command);
    process.stdout.write(`done ${count}\n`);
  });
  process.stdout.write('ready\n');
  for (let last = performance.now(); !ended; ) {
    firewall.turn();
    if (performance.now() - last < BREATH_MS) continue;
    await breathe();
    last = performance.now();
  }
  process.exit(0);
}

const given = JSON.parse(process.argv[2] ?? '{}') as Partial<Fault> | CompositionInput;
process.on('SIGTERM', () => process.exit(0));
void main(build(given));
