/**
 * Ends for good what a run has left to a next one that is not to come: connections that only live
 * by translation are ended towards the near end, as a running shim does it. For `down`.
 *
 * Owns nothing that outlives it. Times: ms.
 */
import type { Logger } from 'pino';
import { MARK_BYPASS, MARK_INJECT } from '../config/config.ts';
import { Engine } from '../engine/engine.ts';
import { FLOW_OVER, FLOW_TRANSLATED } from '../engine/flow/layout.ts';
import {
  INBOX_SLOT_BYTES,
  INBOX_SLOT_COUNT,
  OUTBOX_SLOT_BYTES,
  OUTBOX_SLOT_COUNT,
} from '../engine/limits.ts';
import * as box from '../engine/outbox.ts';
import { Ring } from '../engine/ring.ts';
import type { FlowAddress } from '../telemetry/flow-address.ts';
import { hasNoSocket } from './conntrack/ended.ts';
import { flowsWith } from './left-flows.ts';
import { type Injector, openInjector } from './nfqueue/injector.ts';
import { engineMs } from './nfqueue/monotonic.ts';
import { SockDiag } from './sock-diag.ts';
import { State, sizesOfLeft } from './state/state.ts';
import { Workers } from './workers.ts';

/** How many were ended; what still has its socket has not taken its reset, and does not count. */
export function endLeft(runDir: string, log: Logger): number {
  const sizes = sizesOfLeft(runDir);
  if (sizes === undefined) return 0;
  const state = new State({ runDir, ...sizes }, log);
  const workers = new Workers(sizes.queueCount, sizes.flowCountMax, state.files);
  state.recover(workers.memories, workers.seed);
  const injector = openInjector({
    backend: 'koffi', // what it sends has left when it returns
    mark: MARK_INJECT,
    wakeMark: MARK_BYPASS,
    report: (line) => log.warn({ reason: line }, 'injection failed'),
  });
  try {
    return state.isLeft ? endAll(workers, injector) : 0;
  } finally {
    injector.close();
    state.remove();
  }
}

function endAll(workers: Workers, injector: Injector): number {
  const flows: FlowAddress[] = [];
  for (const memory of workers.memories) {
    const left = flowsWith(memory, FLOW_TRANSLATED).filter(({ flags }) => !(flags & FLOW_OVER));
    flows.push(...left.map(({ flow }) => flow));
    const engine = new Engine(memory, workers.seed);
    const inbox = new Ring(memory.inbox, INBOX_SLOT_COUNT, INBOX_SLOT_BYTES);
    inbox.words[inbox.reserve() + box.IN_KIND] = box.IN_KIND_END_ALL;
    inbox.commit();
    engine.tick(engineMs());
    drain(new Ring(memory.outbox, OUTBOX_SLOT_COUNT, OUTBOX_SLOT_BYTES), injector);
  }
  const sockets = new SockDiag();
  const ended = flows.filter((flow) => hasNoSocket(sockets, flow)).length;
  sockets.close();
  return ended;
}

/** Injections only: the rules go as a whole, behind this. */
function drain(outbox: Ring, injector: Injector): void {
  const { words, bytes } = outbox;
  for (let at = outbox.peek(); at >= 0; at = outbox.peek()) {
    if (words[at + box.OUT_KIND] === box.OUT_KIND_INJECT) {
      const from = (at + box.OUT_PACKET) * 4;
      const packet = bytes.subarray(from, from + (words[at + box.OUT_BYTES] ?? 0));
      injector.send(words[at + box.OUT_PATH] ?? 0, packet);
    }
    outbox.release();
  }
}
