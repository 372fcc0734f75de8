/** Facts, canaries, expiry and the bounds of the path table. */
import { beforeEach, describe, expect, it } from 'vitest';
import {
  CANARY_EVERY,
  FACT_FAULTY,
  FACT_IDLE,
  FACT_PHANTOM,
  P_FACTS,
  P_FLAGS,
  P_HAS,
  PATH_WORDS,
  PathTable,
} from '../../../src/engine/flow/path-table.ts';
import { PATH_COUNT, PATH_FACT_MS } from '../../../src/engine/limits.ts';

let words: Int32Array;
let table: PathTable;
beforeEach(() => {
  words = new Int32Array(PATH_COUNT * PATH_WORDS);
  table = new PathTable(words.buffer);
});

function key(address: number, family: 4 | 6 = 4): Int32Array {
  return Int32Array.from([1, 0, 0, 0, address, 0, 0, 0, 0, family === 6 ? 2 : 0]);
}

describe('an idle limit', () => {
  it('is the shortest silence that was deadly, and begins anew once it is cleared or old', () => {
    const at = table.row(key(5), 22, 0);
    for (const [silentMs, limitMs] of [
      [60_000, 60_000],
      [90_000, 60_000],
      [50_000, 50_000],
    ] as const) {
      table.learnIdle(at, silentMs, 10);
      expect(table.idleLimitMs(at)).toBe(limitMs);
    }
    table.learnIdle(at, 70_000, 10 + PATH_FACT_MS);
    expect(table.idleLimitMs(at)).toBe(70_000);
    table.clear(at, FACT_IDLE, 10 + PATH_FACT_MS);
    table.learnIdle(at, 80_000, 20 + PATH_FACT_MS);
    expect(table.idleLimitMs(at)).toBe(80_000);
  });
});

describe('the shortest idle limit of all', () => {
  it('is that of the path that forgets first, in whatever order they were learned', () => {
    expect(table.shortestIdleMs()).toBe(0);
    for (const [address, silentMs] of [
      [5, 60_000],
      [6, 30_000],
      [7, 90_000],
    ] as const) {
      table.learnIdle(table.row(key(address), 22, 0), silentMs, 10);
    }
    expect(table.shortestIdleMs()).toBe(30_000);
  });
});

describe('a destination', () => {
  it('is forgotten by its family too: the words of an address may be those of another', () => {
    const at = table.row(key(5, 6), 22, 0);
    table.learn(at, FACT_FAULTY, 0);
    const address = Int32Array.of(0, 5, 0, 0, 0);
    table.forget(address, 1, 4, 0);
    expect(table.holds(at, FACT_FAULTY, 0)).toBe(true);
    table.forget(address, 1, 6, 0);
    expect(table.holds(at, FACT_FAULTY, 0)).toBe(false);
  });
});

describe('a fact', () => {
  it('is believed for seven days from when it was seen last, across the wrap of the clock', () => {
    const beganMs = 0x7fffffff - 1000;
    const at = table.row(key(5), 22, beganMs);
    table.learn(at, FACT_FAULTY, beganMs);
    const laterMs = (beganMs + PATH_FACT_MS - 1) | 0;
    expect(table.holds(at, FACT_FAULTY, laterMs)).toBe(true);
    expect(table.holds(at, FACT_FAULTY, (laterMs + 1) | 0)).toBe(false);
    expect(table.holds(at, FACT_PHANTOM, beganMs)).toBe(false);
    table.learn(at, FACT_FAULTY, laterMs);
    expect(table.holds(at, FACT_FAULTY, (laterMs + PATH_FACT_MS - 1) | 0)).toBe(true);
  });

  it('is gone before its time could look new again', () => {
    const at = table.row(key(5), 22, 0);
    table.learn(at, FACT_FAULTY, 0);
    const sweepAll = (nowMs: number) => {
      for (let i = 0; i < PATH_COUNT; i++) table.sweep(nowMs);
    };
    sweepAll(PATH_FACT_MS - 1);
    expect(words[at + P_FLAGS]).toBeGreaterThanOrEqual(P_HAS);
    sweepAll(PATH_FACT_MS);
    expect(words[at + P_FLAGS]).toBeLessThan(P_HAS);
    // Its destination is looked after for as long again.
    sweepAll(2 * PATH_FACT_MS - 1);
    expect(table.find(key(5), 22)).toBe(at);
    sweepAll(2 * PATH_FACT_MS);
    expect(table.find(key(5), 22)).toBe(-1);
  });

  it('is not cleared by a canary that began before it was seen', () => {
    const at = table.row(key(5), 22, 100);
    table.learn(at, FACT_FAULTY, 100);
    table.clear(at, FACT_FAULTY, 99);
    expect(table.holds(at, FACT_FAULTY, 200)).toBe(true);
    table.clear(at, FACT_FAULTY, 100);
    expect(table.holds(at, FACT_FAULTY, 200)).toBe(false);
  });

  it('belongs to one address, port and family', () => {
    table.learn(table.row(key(5), 22, 0), FACT_FAULTY, 0);
    expect(table.find(key(5), 23)).toBe(-1);
    expect(table.find(key(6), 22)).toBe(-1);
    expect(table.find(key(5, 6), 22)).toBe(-1);
  });
});

describe('the table', () => {
  it('never holds more than it has room for, and keeps what was learned last', () => {
    for (let i = 1; i <= 5000; i++) table.learn(table.row(key(i), 22, i), FACT_FAULTY, i);
    let used = 0;
    for (let at = 0; at < words.length; at += PATH_WORDS) {
      if ((words[at + 5] ?? 0) >= P_HAS) used++;
    }
    expect(used).toBeLessThanOrEqual(PATH_COUNT);
    expect(used).toBeGreaterThan(PATH_COUNT * 0.9);
    expect(table.find(key(5000), 22)).toBeGreaterThanOrEqual(0);
  });

  /** Addresses that share the four rows of the first slot. */
  function neighbours(count: number): number[] {
    const other = new PathTable(new ArrayBuffer(words.byteLength));
    const found: number[] = [];
    for (let address = 1; found.length < count; address++) {
      if (other.row(key(address), 22, 0) < 4 * PATH_WORDS) found.push(address);
    }
    return found;
  }

  it('has one row for a destination, the first of all as well', () => {
    const [address = 0] = neighbours(1);
    expect([table.row(key(address), 22, 5), table.row(key(address), 22, 6)]).toEqual([0, 0]);
    expect(table.find(key(address), 22)).toBe(0);
  });

  it('lets the one of four give way that has learned nothing for longest, across the wrap', () => {
    const beganMs = 0x7fffffff - 25;
    const [one = 0, two = 0, three = 0, four = 0, five = 0] = neighbours(5);
    const order = [two, four, one, three];
    order.forEach((address, i) => {
      const ms = (beganMs + 10 * i) | 0;
      table.learn(table.row(key(address), 22, ms), FACT_FAULTY, ms);
    });
    table.row(key(five), 22, (beganMs + 60) | 0);
    const known = [one, two, three, four, five].map((address) => table.find(key(address), 22) >= 0);
    expect(known).toEqual([true, false, true, true, true]);
  });

  it('takes back what an older run has learned, with how often', () => {
    const at = table.row(key(5), 22, 1000);
    table.restore(at, FACT_PHANTOM, 900, 7);
    expect(table.holds(at, FACT_PHANTOM, 1000)).toBe(true);
    expect(table.holds(at, FACT_PHANTOM, 900 + PATH_FACT_MS)).toBe(false);
    expect([...words.subarray(at + P_FACTS + 2 * FACT_PHANTOM).subarray(0, 2)]).toEqual([900, 7]);
    table.learn(at, FACT_PHANTOM, 1000);
    expect(words[at + P_FACTS + 2 * FACT_PHANTOM + 1]).toBe(8);
  });
});

describe('canaries', () => {
  function begin(at: number, count: number): number[] {
    const canaries: number[] = [];
    for (let i = 1; i <= count; i++) if (table.enter(at)) canaries.push(i);
    return canaries;
  }

  it('are one in a hundred', () => {
    const at = table.row(key(5), 22, 0);
    table.learn(at, FACT_FAULTY, 0);
    expect(begin(at, 3 * CANARY_EVERY)).toEqual([100, 200, 300]);
  });

  it('are never the only connection that is open', () => {
    const at = table.row(key(5), 22, 0);
    table.learn(at, FACT_FAULTY, 0);
    for (let i = 0; i < 3 * CANARY_EVERY; i++) {
      expect(table.enter(at)).toBe(false);
      table.leave(at);
    }
    table.enter(at);
    expect(table.enter(at)).toBe(true);
  });

  it('wait again once the fault was seen', () => {
    const at = table.row(key(5), 22, 0);
    table.learn(at, FACT_FAULTY, 0);
    expect(begin(at, 99)).toEqual([]);
    table.learn(at, FACT_FAULTY, 1);
    expect(begin(at, 99)).toEqual([]);
    expect(begin(at, 1)).toEqual([1]);
  });

  it('are all connections once no fact is left, until one is learned again', () => {
    const at = table.row(key(5), 22, 0);
    table.learn(at, FACT_FAULTY, 0);
    table.learn(at, FACT_PHANTOM, 0);
    table.clear(at, FACT_FAULTY, 1);
    expect(begin(at, 3)).toEqual([]);
    table.clear(at, FACT_PHANTOM, 1);
    expect(begin(at, 3)).toEqual([1, 2, 3]);
    table.learn(at, FACT_PHANTOM, 2);
    expect(begin(at, 3)).toEqual([]);
  });

  it('are not needed where nothing is known', () => {
    expect(begin(table.row(key(5), 22, 0), 300)).toEqual([]);
  });
});
