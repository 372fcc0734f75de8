/** Mutants: which mistakes are made of a source, and that each stands there when it is its turn. */
import { transformSync } from 'rolldown/utils';
import { afterAll, describe, expect, it } from 'vitest';
import { type Mutant, mutantsOf } from './mutators.ts';
import { ASK, TURN, withMutants } from './schemata.ts';

const SOURCE = `
const SCALE: number = 2;
export function pick(x: number, y: number): number {
  assert(x < 100, 'x is small');
  let sum = 0;
  for (let i = 0; i < x; i++) sum += SCALE;
  if (sum > 4 && !(y === 0)) return -(sum + y);
  note(sum);
  return (sum | 0) << 1;
}`;

const CHOICE = `
export function pick(x: number, y: number): number {
  let sum = y;
  if (x > 2) sum += 1;
  else if (x > 1) sum += 2;
  else sum += 4;
  return sum;
}`;

let active = -1;
let turns = 0;
const noted: number[] = [];
const names = ['assert', 'note', ASK, TURN];
Object.assign(globalThis, {
  assert: () => {},
  note: (value: number) => noted.push(value),
  [ASK]: (id: number) => id === active,
  [TURN]: () => {
    if (++turns > 1000) throw new Error('a loop without end');
  },
});
afterAll(() => {
  for (const name of names) Reflect.deleteProperty(globalThis, name);
});

async function load(source: string): Promise<(x: number, y: number) => number> {
  const { code } = transformSync('x.ts', source);
  const loaded = await import(
    /* @vite-ignore */ `data:text/javascript,${encodeURIComponent(code)}`
  );
  return (loaded as { pick: (x: number, y: number) => number }).pick;
}

/** What the function does, for a few numbers. */
function tell(pick: (x: number, y: number) => number): string {
  noted.length = 0;
  turns = 0;
  const results = [
    [0, 0],
    [1, 1],
    [2, 3],
    [3, 0],
    [3, 5],
  ].map(([x = 0, y = 0]) => pick(x, y));
  return `${results} ${noted}`;
}

const mutants = mutantsOf('src/engine/x.ts', SOURCE, 10);

function texts(kind: string): string[] {
  return mutants.filter((one) => one.kind === kind).map(({ after }) => after);
}

describe('mutantsOf()', () => {
  it('makes these mistakes', () => {
    expect(texts('condition')).toEqual(['false', 'false', 'true']);
    expect(texts('comparison')).toEqual(['i <= x', 'i >= x', 'sum >= 4', 'sum <= 4', 'y !== 0']);
    expect(texts('logic')).toEqual(['sum > 4 || !(y === 0)']);
    expect(texts('arithmetic')).toEqual(['sum - y']);
    expect(texts('bits')).toEqual(['(sum | 0) >> 1']);
    expect(texts('sign')).toEqual(['y === 0', 'sum + y']);
    expect(texts('step')).toEqual(['i--']);
    expect(texts('assignment')).toEqual(['sum -= SCALE']);
  });

  it('takes statements away, and leaves what assertions say and `| 0` as they are', () => {
    const gone = mutants.filter(({ kind }) => kind === 'statement').map(({ before }) => before);
    expect(gone).toEqual(["assert(x < 100, 'x is small');", 'sum += SCALE;', 'note(sum);']);
    expect(mutants.some(({ before }) => before === 'x < 100' || before === 'sum | 0')).toBe(false);
  });

  it('says where, and numbers them', () => {
    expect(mutants.map(({ id }) => id)).toEqual(mutants.map((_, n) => 10 + n));
    const note = mutants.find(({ before }) => before === 'note(sum);');
    expect(note).toMatchObject({ file: 'src/engine/x.ts', line: 8, kind: 'statement', after: '' });
  });
});

describe('withMutants()', () => {
  it('does what the source does while it is nobody’s turn', async () => {
    active = -1;
    const plain = tell(await load(SOURCE));
    expect(tell(await load(withMutants(SOURCE, mutants)))).toBe(plain);
  });

  it('leaves an else with its if, where a statement stands between them without braces', async () => {
    active = -1;
    const choices = mutantsOf('src/engine/x.ts', CHOICE, 0);
    const pick = await load(withMutants(CHOICE, choices));
    expect(tell(pick)).toBe(tell(await load(CHOICE)));
    active = choices.find(({ before, after }) => before === 'sum += 1;' && after === '')?.id ?? -1;
    expect([pick(3, 0), pick(2, 0), pick(1, 0)]).toEqual([0, 2, 4]);
  });

  it('makes each mistake when it is its turn, and ends what would not end', async () => {
    active = -1;
    const pick = await load(withMutants(SOURCE, mutants));
    const plain = tell(pick);
    const alike: Mutant[] = [];
    for (const mutant of mutants) {
      active = mutant.id;
      try {
        if (tell(pick) === plain) alike.push(mutant);
      } catch (error) {
        expect(String(error)).toContain('a loop without end');
      }
    }
    // That an assertion is gone shows only where it would have failed.
    expect(alike.map(({ after, before }) => after || before)).toEqual([
      "assert(x < 100, 'x is small');",
    ]);
  });
});
