/**
 * What was written to disk, and may have been damaged there: path profiles, counts, the handoff to
 * a later version. The first octet says which.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { PathStore } from '../../../src/datapath/path-store.ts';
import {
  decodeHandoff,
  encodeHandoff,
  type HandoffFlow,
} from '../../../src/datapath/state/handoff.ts';
import { createEngineMemory } from '../../../src/engine/memory.ts';
import { History } from '../../../src/telemetry/history.ts';
import { reportOf } from '../../../src/telemetry/repair-report.ts';
import type { Random } from '../../helpers/seed.ts';
import { mutateJson } from '../json-mutation.ts';
import { demand, demandSame, demandWhole, type Target } from '../target.ts';

const NOW = Date.parse('2026-03-04T05:30:00.000Z');
const ENGINE_MS = 500_000;
const log = pino({ level: 'silent' });
const { paths: pathWords } = createEngineMemory(16, (bytes) => new ArrayBuffer(bytes));

const PATHS = {
  schema: 1,
  paths: [
    {
      address: '10.0.0.2',
      port: 22,
      connections: 120,
      canaries: 2,
      canariesClean: 1,
      facts: [
        { fact: 'sack-blind', count: 3, lastSeen: '2026-03-03T00:00:00.000Z' },
        { fact: 'idle', count: 1, lastSeen: '2026-03-02T00:00:00.000Z', limitMs: 300_000 },
      ],
    },
  ],
};
const END = { iss: 1, sndUna: 2, sndNxt: 3, sndWnd: 4, tsVal: 5, tsEcr: 6, wndScale: -1, mss: 8 };
const FLOW: HandoffFlow = {
  family: 4,
  queue: 1,
  flags: 3,
  nearPort: 40_270,
  farPort: 22,
  nearAddr: Int32Array.of(0x0a000001, 0, 0, 0),
  farAddr: Int32Array.of(0x0a000002, 0, 0, 0),
  delta: -2,
  nearDelta: 1,
  tsDelta: 7,
  scaleFix: 0x07020707,
  sackDelta: 1,
  expiresMs: 1000,
  taintAtMs: 2000,
  near: END,
  far: END,
  farTtls: 61,
};
const HANDOFF = {
  bootId: '01234567-89ab-cdef-0123-456789abcdef',
  netns: 7n,
  queueCount: 2,
  writtenMs: -5,
  flows: [FLOW, { ...FLOW, family: 6 as const }],
};

let dir = '';

export const state: Target = {
  name: 'state',
  about: 'files of state: path profiles, counts, handoff',
  bytesMax: 1500,
  seeds: () => [
    Buffer.from(`0${JSON.stringify(PATHS)}`),
    Buffer.from(`1${sampleHistory()}`),
    Buffer.concat([Buffer.from('2'), encodeHandoff(HANDOFF)]),
  ],

  mutate(input: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
    const [text, more] = [input, other].map((bytes) => Buffer.from(bytes.subarray(1)).toString());
    const changed = Buffer.from(mutateJson(text ?? '', random, more ?? ''));
    return Buffer.concat([input.subarray(0, 1), changed]);
  },

  run(input: Uint8Array): void {
    const kind = (input[0] ?? 0) % 3;
    const bytes = input.subarray(1);
    if (kind === 0) loadPaths(bytes);
    else if (kind === 1) loadHistory(Buffer.from(bytes).toString('utf8'));
    else loadHandoff(bytes);
  },

  close(): void {
    if (dir !== '') rmSync(dir, { recursive: true });
    dir = '';
  },
};

function sampleHistory(): string {
  const history = new History(NOW);
  history.destination('10.0.0.2', 22);
  history.add('10.0.0.2 22', 'rst-dropped', 2, NOW - 7_200_000);
  return history.text();
}

function loadPaths(bytes: Uint8Array): void {
  if (dir === '') dir = mkdtempSync(join(tmpdir(), 'seqshim-fuzz-'));
  const file = join(dir, 'paths.json');
  writeFileSync(file, bytes);
  new Uint8Array(pathWords).fill(0);
  const store = new PathStore(file, [pathWords], log);
  store.load(ENGINE_MS, NOW);
  for (const path of store.known(ENGINE_MS, NOW)) {
    const { port, facts } = path;
    demand(port >= 1 && port <= 65_535, `port ${port}`);
    for (const { lastSeen } of facts) demand(Date.parse(lastSeen) <= NOW, `seen ${lastSeen}`);
    demandWhole(JSON.stringify(path));
  }
}

function loadHistory(text: string): void {
  const history = new History(NOW);
  if (!history.restore(text, NOW)) return;
  JSON.stringify(reportOf(history, NOW - 7 * 86_400_000, NOW));
}

/** What can be read is written as it was, if it is of this version. */
function loadHandoff(bytes: Uint8Array): void {
  const read = decodeHandoff(bytes);
  if (typeof read === 'string') return;
  const again = decodeHandoff(encodeHandoff(read));
  demand(typeof again !== 'string', String(again));
  demandSame(textOf(read), textOf(again), 'written and read again');
}

function textOf(value: unknown): string {
  return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part));
}
