/** The datapath's self test, as JSON, for the kernel tests: `node driver BACKEND`. */
import { runSelfTest } from '../../src/datapath/nfqueue/self-test.ts';

const inject = process.argv[2] === 'raw-socket' ? 'raw-socket' : 'koffi';
console.log(
  `results ${JSON.stringify(await runSelfTest({ queueNum: 91, queueCount: 1, inject, mark: 0x2000 }))}`,
);
