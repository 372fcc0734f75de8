/**
 * What the engine does in worlds that together reach nearly all of its decisions, held to the
 * letter. The claims of the simulator say what must never be; these say what is, so that a change
 * of behaviour that is meant shows in a diff, and one that is not fails here.
 *
 * A file of `worlds` is a line `plan {…}`, as `seqshim simulate` prints it for a seed that fails,
 * and behind it what happens. `UPDATE_GOLDEN=1 npx vitest run test/golden` writes the latter: read
 * the diff before it is committed.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readPlan, transcript } from './transcript.ts';

const WORLDS = new URL('worlds/', import.meta.url);
const NAMES = readdirSync(WORLDS);

describe('a golden world', () => {
  it.each(NAMES)('%s', (name) => {
    const file = new URL(name, WORLDS);
    const [head = '', ...known] = readFileSync(file, 'utf8').split('\n');
    const lines = transcript(readPlan(head.replace(/^plan /, ''))).split('\n');
    if (process.env['UPDATE_GOLDEN'] === '1') {
      writeFileSync(file, [head, ...lines].join('\n'));
      return;
    }
    expect(lines).toEqual(known);
  });
});
