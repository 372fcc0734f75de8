/**
 * A small program around one Queue, for the kernel tests: `node driver MODE QUEUE [gso|no-gso]`.
 *
 * Modes: accept, drop, cipher (XOR every octet of TCP data, both ways), repeat (NF_REPEAT with a
 * mark for what has none), wait (time receive and a wake-up), loop (the packet loop with the
 * engine). The loop never yields, so no signal or message is heard: once nothing arrives and the
 * file given as the fourth argument exists, it ends and prints its figures.
 */
import { existsSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';
import { Queue } from '../../src/datapath/nfqueue/queue.ts';
import { Waker } from '../../src/datapath/nfqueue/waker.ts';
import { VERDICT_DROP, VERDICT_REWRITTEN } from '../../src/engine/verdict.ts';
import { fillTcpChecksum } from '../../src/engine/wire/checksum.ts';
import { parseSegment, WIRE_OK } from '../../src/engine/wire/parse.ts';
import { Segment } from '../../src/engine/wire/segment.ts';

const [mode = 'accept', queueNum = '91', gso = 'gso', stopFile = ''] = process.argv.slice(2);

function open(): Queue {
  try {
    return new Queue({ queueNum: Number(queueNum), lengthMax: 4096, gso: gso === 'gso' });
  } catch (error) {
    console.log(`failed ${error instanceof Error ? error.message : String(error)}`);
    process.exit(1);
  }
}

const queue = open();
const words = new Uint32Array(queue.bytes.buffer);
const seg = new Segment();

function cipher(i: number): void {
  const { bytes } = queue;
  const off = queue.off[i] ?? 0;
  const len = queue.len[i] ?? 0;
  if (parseSegment(bytes, off, len, seg) !== WIRE_OK) return;
  if (seg.payloadBytes === 0) return;
  const end = seg.payloadOff + seg.payloadBytes;
  for (let at = seg.payloadOff; at < end; at++) bytes[at] = (bytes[at] ?? 0) ^ 0x55;
  fillTcpChecksum(bytes, words, seg);
  queue.setVerdict(i, VERDICT_REWRITTEN);
}

function measureWait(): void {
  const times: number[] = [];
  for (const ms of [1, 8, 64, 250]) {
    queue.setTimeoutMs(ms);
    const start = performance.now();
    const count = queue.receive();
    times.push(ms, performance.now() - start, count);
  }
  const waker = new Waker(queue.portId);
  queue.setTimeoutMs(2000);
  waker.wake();
  const start = performance.now();
  const count = queue.receive();
  times.push(performance.now() - start, count);
  console.log(`waited ${JSON.stringify(times)}`);
  process.exit(0);
}

console.log('ready');
if (mode === 'wait') measureWait();
queue.setTimeoutMs(50);
let packets = 0;
let batches = 0;
let lenMax = 0;
let batchMax = 0;
let warmBytes = 0;
let macs = 0;
let collections = 0;
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (entry.startTime > warmMs) collections++;
});
observer.observe({ entryTypes: ['gc'] });
let warmMs = Number.POSITIVE_INFINITY;
const WARM_PACKETS = 100_000;
for (;;) {
  const count = queue.receive();
  if (count === 0 && stopFile !== '' && existsSync(stopFile)) break;
  if (count > 0) batches++;
  if (count > batchMax) batchMax = count;
  for (let i = 0; i < count; i++) {
    const len = queue.len[i] ?? 0;
    if (len > lenMax) lenMax = len;
    if (queue.macHash[i] !== 0) macs++;
    if (mode === 'drop') queue.setVerdict(i, VERDICT_DROP);
    else if (mode === 'cipher') cipher(i);
    else if (mode === 'repeat' && queue.mark[i] === 0) queue.setVerdictMark(i, 0x01020304);
  }
  queue.flush();
  packets += count;
  if (warmBytes === 0 && packets > WARM_PACKETS) {
    globalThis.gc?.();
    warmBytes = process.memoryUsage().heapUsed;
    warmMs = performance.now();
  }
}
const endBytes = process.memoryUsage().heapUsed;
// The observer hears of collections when the event loop turns.
await new Promise((resolve) => setTimeout(resolve, 20));
const { errorCount, sendFailures } = queue;
queue.close();
const turns = { packets, batches, lenMax, batchMax, macs, errorCount, sendFailures };
console.log(`figures ${JSON.stringify({ ...turns, warmBytes, endBytes, collections })}`);
