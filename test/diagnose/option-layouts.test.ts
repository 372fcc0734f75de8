/** Names of options in their order: against a slow, obvious reading, and where the tree is full. */
import { describe, expect, it } from 'vitest';
import { OptionLayouts } from '../../src/diagnose/option-layouts.ts';
import { Random, SEED, SEED_HINT } from '../helpers/seed.ts';

const NAMES = new Map([
  [0, 'eol'],
  [1, 'nop'],
  [2, 'mss'],
  [3, 'wscale'],
  [4, 'sackOK'],
  [5, 'sack'],
  [8, 'TS'],
]);

function slowly(bytes: Uint8Array, from: number, end: number): string {
  const names: string[] = [];
  for (let at = from; at < end; ) {
    const kind = bytes[at] ?? 0;
    names.push(NAMES.get(kind) ?? `option${kind}`);
    if (kind === 0) break;
    at += kind === 1 ? 1 : Math.max(2, bytes[at + 1] ?? 2);
  }
  return names.join(',');
}

describe('OptionLayouts', () => {
  it.each<[string, number[]]>([
    ['', []],
    ['mss,sackOK,TS,nop,wscale', [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7]],
    ['nop,nop,TS', [1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['nop,nop,sack', [1, 1, 5, 10, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['option30,eol', [30, 4, 0, 0, 0, 8, 8, 8]],
    ['mss,option99', [2, 0, 99, 200]],
  ])('says "%s"', (text, options) => {
    const layouts = new OptionLayouts();
    const bytes = Uint8Array.from([9, 9, ...options, 9, 9]);
    expect(layouts.layout(bytes, 2, 2 + options.length)).toBe(text);
    expect(layouts.layout(bytes, 2, 2 + options.length)).toBe(text);
  });

  it(`says the same as a slow reading, also when it remembers no more (${SEED_HINT})`, () => {
    const random = new Random(SEED);
    const layouts = new OptionLayouts();
    for (let run = 0; run < 20_000; run++) {
      const bytes = new Uint8Array(60);
      const wide = run % 3 === 0 ? 256 : 9;
      for (let at = 0; at < bytes.length; at++) bytes[at] = random.below(wide);
      const from = random.below(20);
      const end = from + random.below(41);
      expect(layouts.layout(bytes, from, end), `run ${run}`).toBe(slowly(bytes, from, end));
    }
  });
});
