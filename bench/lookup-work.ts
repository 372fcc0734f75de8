/**
 * How long it takes to find a flow among a thousand and among a million: in random order, which is
 * the worst that can come, and in bursts of packets of one flow, as they do come.
 *
 * Prints one line of JSON, ns a lookup. `node lookup-work.mjs [--quick]`; SEQSHIM_SEED.
 */
import { FlowTable } from '../src/engine/flow/flow-table.ts';
import { createEngineMemory } from '../src/engine/memory.ts';

const quick = process.argv.includes('--quick');
const SEED = Number(process.env['SEQSHIM_SEED'] ?? 1);
const COUNTS = quick ? [1000, 20_000] : [1000, 1_000_000];
const LOOKUPS = quick ? 100_000 : 4_000_000;
const RUNS = quick ? 1 : 5;
const BURSTS = [1, 8];
const NEAR = 0x0a000001;

function setKey(table: FlowTable, flow: number): void {
  const { key } = table;
  key[0] = NEAR;
  key[4] = 0x0a010000 + (flow >>> 14);
  key[8] = ((1024 + (flow & 16_383)) << 16) | 22;
}

function filled(count: number): FlowTable {
  const table = new FlowTable(
    createEngineMemory(count, (bytes) => new SharedArrayBuffer(bytes)),
    SEED,
  );
  for (let flow = 0; flow < count; flow++) {
    setKey(table, flow);
    if (table.insert(0) < 0) throw new Error(`no room for flow ${flow}`);
  }
  return table;
}

function lookupNs(table: FlowTable, count: number, burst: number): number {
  let random = SEED | 1;
  let found = 0;
  const startMs = performance.now();
  for (let i = 0; i < LOOKUPS; i += burst) {
    random ^= random << 13;
    random ^= random >>> 17;
    random ^= random << 5;
    const flow = (random >>> 0) % count;
    for (let k = 0; k < burst; k++) {
      setKey(table, flow);
      if (table.find() >= 0) found++;
    }
  }
  const ns = ((performance.now() - startMs) * 1e6) / LOOKUPS;
  if (found < LOOKUPS) throw new Error(`found ${found} of ${LOOKUPS}`);
  return ns;
}

const results: Record<string, Record<string, number[]>> = {};
for (const count of COUNTS) {
  const table = filled(count);
  const byBurst: Record<string, number[]> = {};
  for (const burst of BURSTS) {
    lookupNs(table, count, burst); // the compiler's
    byBurst[burst] = Array.from({ length: RUNS }, () => lookupNs(table, count, burst));
  }
  results[count] = byBurst;
}
console.log(JSON.stringify({ seed: SEED, bytesPerFlow: 256, results }));
