/**
 * The demo without root: the same scenarios in memory, real packets through the real engine between
 * two model hosts, in virtual time. Exit 0 only when every attempt with the shim works.
 */
import { SCENARIO_NAMES, simulateScenario } from '../datapath/sim/scenario.ts';
import { explainTrace } from './demo-trace.ts';

const COUNT = 10;

export async function demoInMemory(): Promise<number> {
  let ok = true;
  process.stdout.write(
    `${'model hosts, real engine'.padEnd(40)}${'without'.padStart(9)}${'with'.padStart(8)}\n`,
  );
  for (const offsets of [false, true]) {
    for (const name of SCENARIO_NAMES) {
      const result = simulateScenario(name, 4, COUNT, offsets);
      const label = offsets ? `${name}, numbers randomized` : name;
      const without = `${result.withoutShim.ok}/${COUNT}`.padStart(9);
      const withShim = `${result.withShim.ok}/${COUNT}`.padStart(8);
      process.stdout.write(`${label.padEnd(40)}${without}${withShim}\n`);
      ok = ok && result.withShim.ok === COUNT;
    }
  }
  await explainTrace();
  process.stdout.write(
    ok ? '\nEvery attempt with seqshim worked (in memory).\n' : '\nSome attempts FAILED.\n',
  );
  return ok ? 0 : 1;
}
