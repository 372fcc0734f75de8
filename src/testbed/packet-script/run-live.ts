/**
 * Many scripts at a time against this kernel's sockets: one wire, one look at everything each
 * millisecond. Owns which packet is whose. Times: ms.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Packet } from '../../datapath/sim/packet.ts';
import type { Sides } from './conversation.ts';
import { FarWire } from './far-wire.ts';
import { KernelSubject } from './kernel-subject.ts';
import { parseScript } from './parse-script.ts';
import { type Outcome, ScriptRun } from './script-run.ts';
import { sidesOf } from './sides.ts';
import { SocketStates } from './socket-states.ts';

export interface Job {
  readonly text: string;
  readonly family: 4 | 6;
  /** Which addresses it has: of its own in each namespace. */
  readonly index: number;
  readonly observeMs: number;
}

const LOOK_MS = 1;
/** Started in one look: a burst of hundreds would find no room in a device's queue. */
const STARTS_AT_ONCE = 8;
/** More would make each look longer than the times that matter. */
const RUNS_AT_ONCE = 150;

export async function runLive(jobs: readonly Job[], farPath: string): Promise<Outcome[]> {
  const wire = new FarWire(farPath);
  const states = new SocketStates();
  const runs: ScriptRun[] = [];
  const waiting = new Map<string, ScriptRun>();
  try {
    while (runs.length < jobs.length || waiting.size > 0) {
      const nowMs = performance.now();
      wire.drain((packet, atMs) => waiting.get(keyOf(packet))?.arrive(packet, atMs));
      for (const [key, run] of waiting) {
        run.advance(nowMs);
        if (run.isOver) waiting.delete(key);
      }
      for (let i = 0; i < STARTS_AT_ONCE && waiting.size < RUNS_AT_ONCE; i++) {
        const job = jobs[runs.length];
        if (job === undefined) break;
        const script = parseScript(job.text);
        const sides = sidesOf(script, job.index, job.family);
        const subject = new KernelSubject(sides, wire, states);
        const run = new ScriptRun(script, subject, sides, nowMs, job.observeMs);
        runs.push(run);
        waiting.set(sidesKey(sides), run);
      }
      if (wire.failure !== '') throw new Error(`the far end cannot send: ${wire.failure}`);
      await pause(LOOK_MS);
    }
  } finally {
    wire.close();
  }
  return runs.map((run) => run.outcome());
}

/** Packets of near ends only: those of far ends come by as well, the other way round. */
function keyOf({ src, srcPort, dst, dstPort }: Packet): string {
  return `${src.join('.')} ${srcPort} ${dst.join('.')} ${dstPort}`;
}

function sidesKey({ nearAddr, nearPort, farAddr, farPort }: Sides): string {
  return `${nearAddr.join('.')} ${nearPort} ${farAddr.join('.')} ${farPort}`;
}
