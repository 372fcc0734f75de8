/**
 * The packet loop with the real engine on this thread, without super-packets, for the kernel tests:
 * `node driver QUEUE STOPFILE POLL`, polling for POLL µs. Ends once the file exists; prints its
 * figures.
 */
import { existsSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { PacketLoop } from '../../src/datapath/nfqueue/packet-loop.ts';
import { Queue } from '../../src/datapath/nfqueue/queue.ts';
import { Engine } from '../../src/engine/engine.ts';
import { createEngineMemory } from '../../src/engine/memory.ts';
import { PAGE_PACKETS, PAGE_STOP, StatsPage } from '../../src/telemetry/stats-page.ts';

const [queueNum = '91', stopFile = '', busyPollUs = '0'] = process.argv.slice(2);
const WARM_PACKETS = 100_000;
const LOOK_TURNS = 64;

const memory = createEngineMemory(1024, (bytes) => new SharedArrayBuffer(bytes));
const stats = new StatsPage();
stats.setPace({ budgetUs: 200, busyPollUs: Number(busyPollUs) });
const queue = new Queue({ queueNum: Number(queueNum), lengthMax: 4096, gso: false });
let collections = 0;
let warmBytes = 0;
let warmMs = Number.POSITIVE_INFINITY;
let turns = 0;
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (entry.startTime > warmMs) collections++;
});
observer.observe({ entryTypes: ['gc'] });

/** Called once a turn: the one place where this program can look around. */
function lookAround(): number {
  turns++;
  if (turns % LOOK_TURNS === 0 && existsSync(stopFile)) Atomics.store(stats.control, PAGE_STOP, 1);
  if (warmBytes === 0 && stats.counter(PAGE_PACKETS) > WARM_PACKETS) {
    globalThis.gc?.();
    warmBytes = process.memoryUsage().heapUsed;
    warmMs = performance.now();
  }
  return 0;
}

const loop = new PacketLoop(queue, new Engine(memory, 1), stats, {
  batchCount: 64,
  repeatMark: 0,
  settleMark: 0,
  unsettleMark: 0,
  onOutbox: () => {},
  outboxCount: lookAround,
});
console.log('ready');
const sleptBefore = process.resourceUsage().voluntaryContextSwitches;
loop.run();
const sleeps = process.resourceUsage().voluntaryContextSwitches - sleptBefore;
const endBytes = process.memoryUsage().heapUsed;
queue.close();
// The observer hears of collections when the event loop turns.
await new Promise((resolve) => setTimeout(resolve, 20));
const packets = stats.counter(PAGE_PACKETS);
const figures = { packets, turns, sleeps, warmBytes, endBytes, collections };
console.log(`figures ${JSON.stringify({ ...figures, latencyUs: stats.latencyUs.quantiles() })}`);
