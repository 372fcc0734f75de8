/**
 * Entry of the packet thread (`dist/packet-worker.js`): claims the queue and runs the loop.
 *
 * Reads its settings and the shared memory from `workerData`. Tells the main thread `bound`,
 * `outbox`, or what went wrong. A failure lets every packet of the batch go, then gives the queue
 * back: rules with bypass let traffic pass without us.
 */
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { Engine } from '../../engine/engine.ts';
import { OUTBOX_SLOT_BYTES, OUTBOX_SLOT_COUNT } from '../../engine/limits.ts';
import { Ring } from '../../engine/ring.ts';
import * as page from '../../telemetry/stats-page.ts';
import { takeMemory } from './handed-memory.ts';
import { loadLibc } from './libc.ts';
import { PacketLoop } from './packet-loop.ts';
import { Queue } from './queue.ts';
import type { WorkerMessage, WorkerSettings } from './worker-settings.ts';

const BATCH_COUNT = 64;

function main(settings: WorkerSettings): void {
  const stats = new page.StatsPage(settings.stats);
  const tell = (message: WorkerMessage) => parentPort?.postMessage(message);
  let queue: Queue | undefined;
  let loop: PacketLoop | undefined;
  try {
    const libc = loadLibc();
    const memory = takeMemory(libc, settings.memory);
    const others = settings.others.map((other) => takeMemory(libc, other));
    const engine = new Engine(memory, settings.seed, others);
    const outbox = new Ring(memory.outbox, OUTBOX_SLOT_COUNT, OUTBOX_SLOT_BYTES);
    queue = new Queue({
      queueNum: settings.queueNum,
      lengthMax: settings.queueLength,
      batchCount: BATCH_COUNT,
    });
    stats.control[page.PAGE_PORT_ID] = queue.portId;
    loop = new PacketLoop(queue, engine, stats, {
      batchCount: BATCH_COUNT,
      repeatMark: settings.repeatMark,
      settleMark: settings.settleMark,
      unsettleMark: settings.unsettleMark,
      onOutbox: () => tell({ kind: 'outbox' }),
      outboxCount: () => outbox.committedCount(),
    });
    Atomics.store(stats.control, page.PAGE_STATE, page.STATE_RUNNING);
    tell({ kind: 'bound' });
    loop.run();
    Atomics.store(stats.control, page.PAGE_STATE, page.STATE_STOPPED);
  } catch (error) {
    Atomics.store(stats.control, page.PAGE_STATE, page.STATE_FAILED);
    tell({
      kind: 'failed',
      name: error instanceof Error ? error.name : 'Error',
      message: error instanceof Error ? error.message : String(error),
      stack: error instanceof Error ? (error.stack ?? '') : '',
    });
    loop?.letGo();
  } finally {
    queue?.close();
  }
}

if (!isMainThread) main(workerData as WorkerSettings);
