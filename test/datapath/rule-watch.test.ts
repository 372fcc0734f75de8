/**
 * A look at the rules in the middle of somebody's reload: what it has not come to yet looks
 * untouched, and ours alone seem to be gone. The looks are given here; real ones are live tests.
 */
import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import type { Config } from '../../src/config/config.ts';
import { RuleWatch } from '../../src/datapath/rule-watch.ts';
import type { RuleBook } from '../../src/datapath/rules/rule-book.ts';
import type { Look } from '../../src/datapath/rules/rule-look.ts';

const BEFORE = new Map([
  ['4 mangle', 1],
  ['4 raw', 2],
  ['6 mangle', 3],
]);
const HALF_WAY = new Map([...BEFORE, ['4 mangle', 7]] as const);
const ANEW = new Map([
  ['4 mangle', 7],
  ['4 raw', 8],
  ['6 mangle', 9],
]);
const stands: Look = { missing: [], stale: false, landmarks: BEFORE };

/** Checks once, with these looks in turn: what became of the rules. */
async function outcome(...looks: readonly (Look | undefined)[]): Promise<string> {
  const rest = [stands, ...looks];
  let done = 'left alone';
  const rules = {
    backend: 'iptables',
    install: () => {},
    look: async () => rest.shift(),
    reinstall: async () => {
      done = 'put back';
    },
    remove: () => {
      done = 'given up';
    },
  } as unknown as RuleBook;
  const watch = new RuleWatch({ rules: true } as Config, pino({ level: 'silent' }), () => []);
  await watch.begin(rules);
  await watch.check({ isStopping: () => false, onStand: () => {}, onGone: () => {} });
  return done;
}

describe.concurrent('ours seem to be gone alone', () => {
  const gone = (landmarks: Look['landmarks']): Look => ({
    missing: ['4 raw'],
    stale: false,
    landmarks,
  });

  it('in the middle of a reload: they are put back', async () => {
    expect(await outcome(gone(HALF_WAY), gone(ANEW), stands)).toBe('put back');
  });

  it('in the middle of a restart that brings them: nothing is done', async () => {
    expect(await outcome(gone(HALF_WAY), stands)).toBe('left alone');
  });

  it('and are so two seconds later: it was an order', async () => {
    expect(await outcome(gone(BEFORE), gone(BEFORE))).toBe('given up');
    expect(await outcome(gone(BEFORE), undefined)).toBe('given up');
  });

  it('with everything beside them: no second look is needed', async () => {
    expect(await outcome(gone(ANEW), stands)).toBe('put back');
  });
});
