/** Path profiles on disk: they survive, expire, are bounded, and a bad file is set aside once. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PathStore } from '../../src/datapath/path-store.ts';
import {
  FACT_FAULTY,
  FACT_IDLE,
  FACT_PHANTOM,
  PATH_WORDS,
  PathTable,
} from '../../src/engine/flow/path-table.ts';
import { PATH_COUNT, PATH_FACT_MS } from '../../src/engine/limits.ts';
import { addressWords } from '../../src/telemetry/flow-address.ts';
import { type PathView, pathLine } from '../../src/telemetry/path-view.ts';

const NOW = Date.parse('2026-03-04T05:06:07.000Z');
let dir: string;
let file: string;
let lines: string[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'seqshim-paths-'));
  file = join(dir, 'lib', 'paths.json');
  lines = [];
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function open() {
  const paths = new ArrayBuffer(PATH_COUNT * PATH_WORDS * 4);
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const table = new PathTable(paths);
  return { store: new PathStore(file, [paths], log), table };
}

function learn(table: PathTable, address: string, fact: number, nowMs: number): void {
  const key = new Int32Array(10);
  key.set(addressWords(address), 4);
  key[9] = address.includes(':') ? 1 : 0;
  table.learn(table.row(key, 22, nowMs), fact, nowMs);
}

function known(store: PathStore, nowMs: number, nowDate: number): readonly PathView[] {
  return (store.answer(nowMs, nowDate) as { paths: PathView[] }).paths;
}

/** Three workers' tables behind one file. */
function openThree() {
  const buffers = [0, 1, 2].map(() => new ArrayBuffer(PATH_COUNT * PATH_WORDS * 4));
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const store = new PathStore(file, buffers, log);
  return { store, tables: buffers.map((buffer) => new PathTable(buffer)) };
}

/** Address, and each fact with its count. */
function facts(store: PathStore): string[] {
  return known(store, 9000, NOW)
    .map(({ address, facts: of }) =>
      [address, ...of.map(({ fact, count }) => `${fact} ${count}`)].join(' '),
    )
    .sort();
}

function rowOf(table: PathTable, address: string): number {
  const key = new Int32Array(10);
  key.set(addressWords(address), 4);
  return table.find(key, 22);
}

describe('PathStore of several workers', () => {
  it('adds up what they learn, and all of them begin with it', async () => {
    const before = openThree();
    const [one, two] = before.tables as [PathTable, PathTable];
    learn(one, '10.0.0.2', FACT_FAULTY, 5000);
    learn(two, '10.0.0.2', FACT_FAULTY, 6000);
    learn(two, '10.0.0.2', FACT_PHANTOM, 6000);
    learn(two, '10.0.0.3', FACT_FAULTY, 6000);
    expect(facts(before.store)).toEqual(['10.0.0.2 faulty 2 phantom 1', '10.0.0.3 faulty 1']);
    await before.store.save(9000, NOW);
    const after = openThree();
    after.store.load(9000, NOW);
    for (const table of after.tables) {
      expect(table.holds(rowOf(table, '10.0.0.2'), FACT_PHANTOM, 9000)).toBe(true);
      expect(table.holds(rowOf(table, '10.0.0.3'), FACT_FAULTY, 9000)).toBe(true);
    }
    expect(facts(after.store)).toEqual(['10.0.0.2 faulty 2 phantom 1', '10.0.0.3 faulty 1']);
  });

  it('counts what was loaded once, and what was seen again on top of it', async () => {
    const before = openThree();
    for (let i = 0; i < 5; i++) {
      learn(before.tables[0] as PathTable, '10.0.0.2', FACT_FAULTY, 5000);
    }
    await before.store.save(9000, NOW);
    const { store, tables } = openThree();
    store.load(9000, NOW);
    expect(facts(store)).toEqual(['10.0.0.2 faulty 5']);
    learn(tables[0] as PathTable, '10.0.0.2', FACT_FAULTY, 9000);
    learn(tables[2] as PathTable, '10.0.0.2', FACT_FAULTY, 9000);
    expect(facts(store)).toEqual(['10.0.0.2 faulty 7']);
  });

  it('forgets what a canary of one of them has cleared, unless another has seen it again', async () => {
    const before = openThree();
    for (const address of ['10.0.0.2', '10.0.0.3', '10.0.0.4']) {
      learn(before.tables[0] as PathTable, address, FACT_FAULTY, 5000);
      learn(before.tables[0] as PathTable, address, FACT_FAULTY, 5000);
    }
    await before.store.save(9000, NOW);
    const { store, tables } = openThree();
    store.load(9000, NOW);
    const [one, two, three] = tables as [PathTable, PathTable, PathTable];
    one.clear(rowOf(one, '10.0.0.2'), FACT_FAULTY, 5000);
    two.clear(rowOf(two, '10.0.0.3'), FACT_FAULTY, 5000);
    learn(three, '10.0.0.3', FACT_FAULTY, 9000);
    two.clear(rowOf(two, '10.0.0.4'), FACT_FAULTY, 5000);
    learn(two, '10.0.0.4', FACT_FAULTY, 9000);
    expect(facts(store)).toEqual(['10.0.0.3 faulty 3', '10.0.0.4 faulty 1']);
  });
});

describe('PathStore with idle limits', () => {
  function learnLimit(table: PathTable, address: string, limitMs: number): void {
    learn(table, address, FACT_FAULTY, 5000);
    table.learnIdle(rowOf(table, address), limitMs, 5000);
  }

  it('shows them, and brings them back', async () => {
    const before = open();
    learnLimit(before.table, '10.0.0.2', 3_600_500);
    const [path] = known(before.store, 9000, NOW);
    expect(path?.facts.at(-1)).toMatchObject({ fact: 'idle-limit', count: 1, limitMs: 3_600_500 });
    expect(path === undefined ? '' : pathLine(path)).toContain('idle-limit 3600.5 s (1 times, ');
    await before.store.save(9000, NOW);
    const after = open();
    after.store.load(9000, NOW);
    const at = rowOf(after.table, '10.0.0.2');
    expect(after.table.holds(at, FACT_IDLE, 9000)).toBe(true);
    expect(after.table.idleLimitMs(at)).toBe(3_600_500);
  });

  it('of several workers: the shortest', () => {
    const { store, tables } = openThree();
    learnLimit(tables[0] as PathTable, '10.0.0.2', 70_000);
    learnLimit(tables[1] as PathTable, '10.0.0.2', 60_000);
    expect(known(store, 9000, NOW)[0]?.facts.at(-1)).toMatchObject({ count: 2, limitMs: 60_000 });
  });

  it('believes no limit that the file does not name', async () => {
    const before = open();
    learnLimit(before.table, '10.0.0.2', 60_000);
    await before.store.save(9000, NOW);
    writeFileSync(file, readFileSync(file, 'utf8').replace(/"limitMs": 60000/, '"other": 1'));
    const after = open();
    after.store.load(9000, NOW);
    expect(after.table.holds(rowOf(after.table, '10.0.0.2'), FACT_IDLE, 9000)).toBe(false);
    expect(after.table.holds(rowOf(after.table, '10.0.0.2'), FACT_FAULTY, 9000)).toBe(true);
  });
});

describe('PathStore', () => {
  it('brings back what was learned, on another clock', async () => {
    const before = open();
    learn(before.table, '10.0.0.2', FACT_FAULTY, 5000);
    learn(before.table, 'fd00::2', FACT_PHANTOM, 65_000);
    learn(before.table, 'fd00::2', FACT_FAULTY, 65_000);
    await before.store.save(65_000, NOW);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const after = open();
    after.store.load(-0x7fffff00, NOW + 1000);
    expect(known(after.store, -0x7fffff00, NOW + 1000)).toMatchObject([
      {
        address: 'fd00::2',
        port: 22,
        facts: [
          { fact: 'faulty', count: 1, lastSeen: '2026-03-04T05:06:07.000Z' },
          { fact: 'phantom', expires: '2026-03-11T05:06:07.000Z' },
        ],
      },
      { address: '10.0.0.2', facts: [{ lastSeen: '2026-03-04T05:05:07.000Z' }] },
    ]);
    expect(lines).toEqual([]);
  });

  it('forgets what has expired meanwhile, and takes no time from the future', async () => {
    const before = open();
    learn(before.table, '10.0.0.2', FACT_FAULTY, 0);
    await before.store.save(0, NOW);
    const late = open();
    late.store.load(0, NOW + PATH_FACT_MS);
    expect(known(late.store, 0, NOW + PATH_FACT_MS)).toEqual([]);
    const back = open();
    back.store.load(0, NOW - PATH_FACT_MS);
    const [path] = known(back.store, 0, NOW - PATH_FACT_MS);
    expect(path?.facts[0]?.lastSeen).toBe(new Date(NOW - PATH_FACT_MS).toISOString());
  });

  it('writes only what has changed, and never more than it holds', async () => {
    const { store, table } = open();
    await store.save(0, NOW);
    expect(existsSync(file)).toBe(false);
    for (let i = 0; i < 3000; i++) learn(table, `10.1.${i >> 8}.${i & 255}`, FACT_FAULTY, 0);
    await store.save(0, NOW);
    const { mtimeMs, size } = statSync(file);
    expect(size).toBeLessThan(600 * PATH_COUNT);
    await store.save(4000, NOW + 4000);
    expect(statSync(file).mtimeMs).toBe(mtimeMs);
    expect(existsSync(`${file}.new`)).toBe(false);
  });

  it.each([
    ['damaged', '{"schema":1,"pa'],
    ['empty', ''],
    ['of another program', '{"paths":"/usr/bin"}'],
    ['of a newer version', '{"schema":2,"paths":[]}'],
    ['of impossible values', '{"schema":1,"paths":[{"address":"x","port":22,"facts":[]}]}'],
  ])('sets a file aside that is %s, and says so in one line', async (_, text) => {
    mkdirSync(join(dir, 'lib'));
    writeFileSync(file, text);
    const { store, table } = open();
    store.load(0, NOW);
    expect(lines.length).toBe(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      file: `${file}.aside`,
      msg: 'path profiles set aside: starting without',
    });
    expect(readFileSync(`${file}.aside`, 'utf8')).toBe(text);
    learn(table, '10.0.0.2', FACT_FAULTY, 0);
    await store.save(0, NOW);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ schema: 1 });
  });

  it('goes on in memory where the directory cannot be had, and says so once', async () => {
    writeFileSync(join(dir, 'lib'), 'a file in the way');
    const { store, table } = open();
    store.load(0, NOW);
    learn(table, '10.0.0.2', FACT_FAULTY, 0);
    await store.save(0, NOW);
    await store.save(0, NOW);
    expect(lines.length).toBe(1);
    expect(lines[0]).toContain('path profiles are kept in memory only');
  });

  it('tells the engine what to forget, and how much that is', () => {
    const { store, table } = open();
    learn(table, 'fd00::2', FACT_FAULTY, 0);
    const told: unknown[] = [];
    const runtime = { forgetPath: (...args: unknown[]) => void told.push(args) };
    const ask = (address: string, port: unknown) =>
      store.forget({ op: 'forget', address, port }, 0, NOW, runtime);
    expect(ask('fd00:0::0002', 0)).toEqual({ schema: 1, forgotten: 1 });
    expect(ask('fd00::2', 23)).toEqual({ schema: 1, forgotten: 0 });
    expect(ask('nonsense', 0)).toEqual({ error: 'Cannot forget "nonsense": it is no address' });
    for (const port of ['ssh', 65_536, -1, 1.5, null]) {
      const answer = ask('fd00::2', port === null ? undefined : port);
      expect(answer).toEqual({ error: expect.stringMatching(/^Cannot forget port "/) });
    }
    expect(told).toEqual([
      [6, addressWords('fd00::2'), 0],
      [6, addressWords('fd00::2'), 23],
    ]);
    table.forget(addressWords('fd00::2'), 0, 6, 0);
    expect(known(store, 0, NOW)).toEqual([]);
  });
});
