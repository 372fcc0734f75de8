/**
 * Runs inside a namespace that forwards: sends random packet sequences through it from both sides,
 * lets an engine of its own see the same packets, and asks conntrack for its state behind each.
 * Arguments: LEFT RIGHT (files of the namespaces at both sides), first seed, count of sequences.
 * Prints JSON: Comparison.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { Ctnetlink } from '../../src/datapath/conntrack/ctnetlink.ts';
import { KoffiTransmitter } from '../../src/datapath/nfqueue/inject-koffi.ts';
import { portFilter } from '../../src/datapath/probe/packet-filter.ts';
import { PacketSocket } from '../../src/datapath/probe/packet-socket.ts';
import { encodePacket } from '../../src/datapath/sim/packet.ts';
import {
  FLOW_FLAGS,
  FLOW_ROW_WORDS,
  FLOW_USED,
  HALF_WORDS,
  STATE,
} from '../../src/engine/flow/layout.ts';
import { POLICY_OBSERVE } from '../../src/engine/memory.ts';
import { TO_FAR, TO_NEAR } from '../../src/engine/verdict.ts';
import { formatAddressAt } from '../../src/telemetry/flow-address.ts';
import { inNamespace } from '../../src/testbed/packet-script/namespace-door.ts';
import { EngineRun } from '../helpers/engine-run.ts';
import { EXPLANATIONS, explanationOf } from './conntrack-differences.ts';
import { conntrackName, engineName } from './conntrack-names.ts';
import { openFins, Sequence, type Step, storyOf } from './conntrack-sequence.ts';

export interface Disagreement {
  readonly seed: number;
  readonly engine: string;
  readonly conntrack: string;
  /** What either said before the last packet. */
  readonly before: string;
  readonly conntrackBefore: string;
  /** FINs that no later packet of the other side acknowledges. */
  readonly openFins: number;
  /** The packets, `c SYN` or `s RST -1 off`: the last one is where they part. */
  readonly steps: readonly string[];
  /** The same with their numbers. */
  readonly story: string;
}

export interface Comparison {
  readonly sequences: number;
  readonly packets: number;
  readonly states: Readonly<Record<string, number>>;
  /** How often each of EXPLANATIONS was needed. */
  readonly explained: readonly number[];
  readonly unexplained: readonly Disagreement[];
}

const SERVER_PORT = 7022;
const STEPS = 14;
const FLOW_COUNT = 8;
const ARRIVES_MS = 2000;

const [leftPath = '', rightPath = '', firstSeed = '1', count = '1'] = process.argv.slice(2);
const conntrack = new Ctnetlink();

interface Edge {
  readonly transmitter: KoffiTransmitter;
  readonly catcher: PacketSocket;
}

function edge(path: string): Edge {
  const transmitter = new KoffiTransmitter((errno) => {
    if (errno !== 'EINVAL') throw new Error(`cannot send: ${errno}`);
  });
  const catcher = inNamespace(path, () => {
    transmitter.send(4, 0, new Uint8Array(1)); // opens the socket here
    return new PacketSocket(portFilter(SERVER_PORT));
  });
  return { transmitter, catcher };
}

const left = edge(leftPath);
const right = edge(rightPath);

/** Through the namespace: at the other side it has been judged. */
async function pass(step: Step, bytes: Uint8Array): Promise<void> {
  const [from, to] = step.fromClient ? [left, right] : [right, left];
  to.catcher.drain();
  if (!from.transmitter.send(4, 0, bytes)) throw new Error('not sent');
  let arrived = false;
  const sinceMs = performance.now();
  while (!arrived) {
    to.catcher.drain(() => {
      arrived = true;
    });
    if (performance.now() - sinceMs > ARRIVES_MS) throw new Error(`lost: ${step.what}`);
    if (!arrived) await pause(0);
  }
}

const states: Record<string, number> = {};
const explained: number[] = EXPLANATIONS.map(() => 0);
const unexplained: Disagreement[] = [];
let packets = 0;

async function follow(seed: number): Promise<void> {
  const ends = {
    client: Uint8Array.of(10, 104, 1 + ((seed >> 8) & 0x7f), seed & 0xff),
    server: Uint8Array.of(10, 105, 1, 1),
    clientPort: 20_000 + (seed % 30_000),
    serverPort: SERVER_PORT,
  };
  const flow = {
    family: 4,
    nearAddr: formatAddressAt(ends.client, 0, 4),
    nearPort: ends.clientPort,
    farAddr: formatAddressAt(ends.server, 0, 4),
    farPort: SERVER_PORT,
  } as const;
  const run = new EngineRun(FLOW_COUNT, seed);
  new Int32Array(run.memory.policy)[POLICY_OBSERVE] = 1;
  const sequence = new Sequence(seed, ends);
  const steps: Step[] = [];
  let before = 'NONE';
  let conntrackBefore = 'NONE';
  for (let i = 0; i < STEPS; i++) {
    const step = sequence.next();
    steps.push(step);
    const bytes = encodePacket(step.packet);
    run.feed(bytes, step.fromClient ? TO_FAR : TO_NEAR, 0, performance.now() | 0);
    run.drain();
    await pass(step, bytes);
    packets++;
    const engine = stateOf(run);
    const kernel = conntrackName(conntrack.get(flow)?.tcpState ?? 0);
    if (engine !== kernel) {
      const said = steps.map(({ fromClient, what }) => `${fromClient ? 'c' : 's'} ${what}`);
      const one: Disagreement = {
        seed,
        engine,
        conntrack: kernel,
        before,
        conntrackBefore,
        openFins: openFins(steps),
        steps: said,
        story: storyOf(steps),
      };
      const at = explanationOf(one);
      if (at < 0) unexplained.push(one);
      else explained[at] = (explained[at] ?? 0) + 1;
      if (EXPLANATIONS[at]?.passes !== true) return;
    } else {
      states[engine] = (states[engine] ?? 0) + 1;
    }
    before = engine;
    conntrackBefore = kernel;
  }
}

function stateOf({ memory }: EngineRun): string {
  const rowWords = FLOW_COUNT * FLOW_ROW_WORDS;
  const words = new Int32Array(memory.flows);
  for (let row = 0; row < FLOW_COUNT; row++) {
    if (((words[row * FLOW_ROW_WORDS + FLOW_FLAGS] ?? 0) & FLOW_USED) === 0) continue;
    const half = rowWords + row * 2 * HALF_WORDS;
    return engineName(words[half + STATE] ?? 0, words[half + HALF_WORDS + STATE] ?? 0);
  }
  return 'NONE';
}

for (let i = 0; i < Number(count); i++) await follow(Number(firstSeed) + i);
const comparison: Comparison = {
  sequences: Number(count),
  packets,
  states,
  explained,
  unexplained,
};
process.stdout.write(`${JSON.stringify(comparison)}\n`);
