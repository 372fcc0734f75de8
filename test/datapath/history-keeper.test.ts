/** What feeds the history: counters, events by destination, canaries before and behind a fault. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HistoryKeeper } from '../../src/datapath/history-keeper.ts';
import { engineMs } from '../../src/datapath/nfqueue/monotonic.ts';
import * as codes from '../../src/engine/codes.ts';
import {
  FACT_FAULTY,
  FACT_SACK_BLIND,
  P_CANARIES,
  P_CANARIES_CLEAN,
  PathTable,
} from '../../src/engine/flow/path-table.ts';
import { PATH_FACT_MS } from '../../src/engine/limits.ts';
import { createEngineMemory, type EngineMemory } from '../../src/engine/memory.ts';
import type { EventRecord } from '../../src/telemetry/event-log.ts';
import { addressWords } from '../../src/telemetry/flow-address.ts';
import { openLog } from '../../src/telemetry/log.ts';
import { codeByName } from '../../src/telemetry/registry.ts';
import { reportOf } from '../../src/telemetry/repair-report.ts';
import { Lines } from '../telemetry/event-ring.ts';

const DAY = 86_400_000;
let dir: string;
let file: string;
let log: Lines;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'seqshim-history-'));
  file = join(dir, 'lib', 'history.json');
  log = new Lines();
});
afterEach(() => rmSync(dir, { recursive: true }));

function open(workers = 1) {
  const memories = Array.from({ length: workers }, () =>
    createEngineMemory(64, (bytes) => new ArrayBuffer(bytes)),
  );
  const logger = openLog({ level: 'info', format: 'json' }, log);
  return { memories, keeper: new HistoryKeeper(file, memories, [22], logger) };
}

function count(memory: EngineMemory | undefined, index: number, more: number): void {
  const counters = new Float64Array(memory?.counters ?? new ArrayBuffer(0));
  counters[index] = (counters[index] ?? 0) + more;
}

function event(code: string, changed: Partial<EventRecord> = {}): EventRecord {
  const entry = codeByName(code);
  return {
    code,
    kind: entry?.kind ?? '',
    cause: undefined,
    flow: '10.0.0.1:40000 > 10.0.0.2:22',
    near: { address: '10.0.0.1', port: 40_000 },
    far: { address: '10.0.0.2', port: 22 },
    ageMs: 1,
    observed: false,
    args: {},
    summary: '',
    severity: entry?.severity ?? 'note',
    ...changed,
  };
}

const report = (keeper: HistoryKeeper) => {
  keeper.sample(Date.now());
  return reportOf(keeper.history, Date.now() - DAY, Date.now());
};

const KEY = new Int32Array(10);
KEY.set(addressWords('10.0.0.2'), 4);

/** The row of 10.0.0.2:22, and what its canaries did. */
class Path {
  readonly table: PathTable;
  private readonly words: Int32Array;

  constructor(memory: EngineMemory | undefined) {
    this.words = new Int32Array(memory?.paths ?? new ArrayBuffer(0));
    this.table = new PathTable(this.words.buffer);
  }

  learn(fact: number): void {
    this.table.learn(this.table.row(KEY, 22, engineMs()), fact, engineMs());
  }

  clear(fact: number): void {
    this.table.clear(this.table.find(KEY, 22), fact, engineMs());
  }

  canaries(begun: number, clean: number): void {
    const at = this.table.find(KEY, 22);
    this.words[at + P_CANARIES] = (this.words[at + P_CANARIES] ?? 0) + begun;
    this.words[at + P_CANARIES_CLEAN] = (this.words[at + P_CANARIES_CLEAN] ?? 0) + clean;
  }

  sweepAll(nowMs: number): void {
    for (let i = 0; i < 1024; i++) this.table.sweep(nowMs);
  }
}

describe('totals', () => {
  it('are the counters of all workers, each counted once', () => {
    const { keeper, memories } = open(2);
    keeper.load(Date.now());
    count(memories[0], codes.SEGMENT_TRANSLATED, 5);
    count(memories[1], codes.SEGMENT_TRANSLATED, 2);
    count(memories[1], codes.RST_DROPPED + codes.WOULD, 1);
    count(memories[0], codes.STAT_FLOW_CREATED, 9);
    report(keeper);
    expect(report(keeper)).toMatchObject({
      connections: 9,
      interventions: { 'segment-translated': 7 },
      wouldIntervene: { 'rst-dropped': 1 },
    });
  });
});

describe('events', () => {
  it('belong to the far end and the port of the server, whichever end that is', () => {
    const { keeper } = open();
    keeper.note(event('synack-conflict'));
    keeper.note(event('rst-dropped', { observed: true }));
    const client = {
      near: { address: '10.0.0.2', port: 22 },
      far: { address: '10.0.0.9', port: 5 },
    };
    keeper.note(event('rst-held', client));
    expect(report(keeper).destinations).toMatchObject([
      { address: '10.0.0.2', port: 22, wouldIntervene: { 'rst-dropped': 1 }, verdict: 'needed' },
      { address: '10.0.0.9', port: 22, adjustments: { 'rst-held': 1 }, verdict: null },
    ]);
  });

  it('of what nothing is done about are no fault', () => {
    const { keeper } = open();
    for (const code of ['rst-foreign', 'checksum-bad', 'duplicate-address', 'rst-inexact']) {
      keeper.note(event(code));
    }
    expect(report(keeper)).toMatchObject({ verdict: 'unknown', destinations: [{ verdict: null }] });
  });

  it('that were repairs are remembered, the newest first, a few of them', () => {
    const { keeper } = open();
    for (let i = 0; i < 20; i++) keeper.note(event('rst-dropped', { flow: `flow ${i}` }));
    keeper.note(event('rst-held'));
    expect(keeper.recent.map(({ flow }) => flow).slice(0, 2)).toEqual(['flow 19', 'flow 18']);
    expect(keeper.recent.length).toBe(8);
  });

  it('that were lost are told', () => {
    const { keeper } = open();
    keeper.noteLost(3);
    expect(report(keeper).eventsLost).toBe(3);
  });
});

describe('canaries', () => {
  it('count from the last fault on, whatever went before it', () => {
    const { keeper, memories } = open();
    const path = new Path(memories[0]);
    path.learn(FACT_FAULTY);
    keeper.load(Date.now());
    path.canaries(50, 50);
    keeper.note(event('synack-conflict'));
    expect(report(keeper).verdict).toBe('needed');
    path.clear(FACT_FAULTY);
    path.canaries(31, 30);
    expect(report(keeper)).toMatchObject({
      verdict: 'safe',
      destinations: [{ canaries: 31, canariesClean: 30 }],
    });
  });

  it('of an older run, which the path profiles bring back, are not counted again', () => {
    const { keeper, memories } = open();
    const path = new Path(memories[0]);
    path.learn(FACT_FAULTY);
    path.canaries(40, 40);
    keeper.load(Date.now());
    expect(report(keeper)).toMatchObject({ verdict: 'needed', destinations: [{ canaries: 0 }] });
  });

  it('say of SACK blocks what they have shown: a fact that expires was not refuted', () => {
    for (const cleared of [true, false]) {
      const { keeper, memories } = open();
      const path = new Path(memories[0]);
      path.learn(FACT_SACK_BLIND);
      keeper.load(Date.now());
      keeper.sample(Date.now());
      path.canaries(30, 30);
      if (cleared) path.clear(FACT_SACK_BLIND);
      else {
        // Seven days later: what was seen then is as old as it was believed.
        for (const [row, seen] of keeper['seen']) {
          const sackBlindMs = (engineMs() - PATH_FACT_MS) | 0;
          keeper['seen'].set(row, { ...seen, sackBlindMs });
        }
        path.sweepAll((engineMs() + PATH_FACT_MS) | 0);
      }
      expect(report(keeper).verdict, `cleared: ${cleared}`).toBe(cleared ? 'safe' : 'unknown');
    }
  });
});

describe('the file', () => {
  it('brings the counts to the next run', async () => {
    const before = open();
    before.keeper.load(Date.now());
    count(before.memories[0], codes.RST_DROPPED, 4);
    before.keeper.note(event('synack-conflict'));
    await before.keeper.save(Date.now());
    const after = open();
    after.keeper.load(Date.now());
    count(after.memories[0], codes.RST_DROPPED, 1);
    expect(report(after.keeper)).toMatchObject({
      verdict: 'needed',
      interventions: { 'rst-dropped': 5 },
      destinations: [{ findings: { 'synack-conflict': 1 } }],
    });
    expect(log.lines).toEqual([]);
  });

  it('that is damaged is set aside, and said', () => {
    const { keeper } = open();
    expect(existsSync(file)).toBe(false);
    keeper.load(Date.now());
    const damaged = join(dir, 'history.json');
    writeFileSync(damaged, 'not ours');
    file = damaged;
    open().keeper.load(Date.now());
    expect(readFileSync(`${damaged}.aside`, 'utf8')).toBe('not ours');
    expect(log.json()).toMatchObject([
      { msg: 'counts of what was repaired set aside: starting without' },
    ]);
  });
});
