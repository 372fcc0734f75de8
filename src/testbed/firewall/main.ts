/**
 * The faulty firewall as a process (`dist/firewall.js FAULT`): prints `ready`, then does what each
 * line of JSON on stdin says (`Command` in fault.ts) and prints `done COUNT`. Ends with stdin or
 * SIGTERM.
 */
import { createInterface } from 'node:readline';
import { setImmediate as breathe } from 'node:timers/promises';
import { type Command, FAULT_DEFAULT, type Fault } from './fault.ts';
import { Firewall } from './firewall.ts';

/** Between looks at stdin. */
const BREATH_MS = 20;

async function main(fault: Fault): Promise<void> {
  const firewall = new Firewall(fault);
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

const given = JSON.parse(process.argv[2] ?? '{}') as Partial<Fault>;
process.on('SIGTERM', () => process.exit(0));
void main({ ...FAULT_DEFAULT, ...given });
