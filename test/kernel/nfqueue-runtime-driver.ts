/**
 * The runtime without the command line, for the kernel tests: `node driver QUEUE`. Lines on
 * standard input: `stats`, `stop`. Prints `ready`, `failed …`, `stats …`, `stopped MS`.
 */
import { createInterface } from 'node:readline';
import { openInjector } from '../../src/datapath/nfqueue/injector.ts';
import { startRuntime } from '../../src/datapath/nfqueue/runtime.ts';
import { SockDiag } from '../../src/datapath/sock-diag.ts';
import { createEngineMemory } from '../../src/engine/memory.ts';

const [queueNum = '91'] = process.argv.slice(2);
const injector = openInjector({
  backend: 'auto',
  mark: 0x2000,
  report: (line) => console.log(`inject ${line}`),
});
try {
  const runtime = await startRuntime({
    memory: createEngineMemory(1024, (bytes) => new SharedArrayBuffer(bytes)),
    queueNum: Number(queueNum),
    queueLength: 4096,
    budgetUs: 200,
    busyPollUs: 50,
    repeatMark: 0,
    settleMark: 0,
    unsettleMark: 0,
    sockets: new SockDiag(),
    injector,
    installFlowRule: async () => true,
    kernel: { move: () => 1, release: () => {} },
    onFatal: (error) => console.log(`fatal ${error.message}`),
  });
  console.log('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'stats') console.log(`stats ${JSON.stringify(runtime.stats())}`);
    if (line !== 'stop') continue;
    const startMs = performance.now();
    await runtime.stop();
    console.log(`stopped ${performance.now() - startMs}`);
    break;
  }
} catch (error) {
  console.log(`failed ${error instanceof Error ? `${error.name}: ${error.message}` : error}`);
}
injector.close();
process.stdin.destroy();
