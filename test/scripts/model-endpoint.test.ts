/**
 * The simulator's model end points take the packet scripts that this kernel's sockets take
 * (test/kernel/packet-script.kernel.test.ts), in virtual time: what is said about the engine with
 * them is worth as much as they are like Linux.
 */
import { describe, expect, it } from 'vitest';
import { runModel } from '../../src/testbed/packet-script/run-model.ts';
import { SCRIPT_DIFFERENCES } from './model-differences.ts';
import { scriptFiles } from './script-files.ts';

const FILES = scriptFiles();

describe.each([4, 6] as const)('a model end point, IPv%i', (family) => {
  it.each(FILES.map(({ name, text }) => [name, text] as const))('%s', (name, text) => {
    const outcome = runModel({ text, family, index: 1, observeMs: 0 });
    const difference = SCRIPT_DIFFERENCES.find((one) => one.name === name);
    if (difference === undefined) expect(outcome.failure).toBe('');
    else expect(outcome.line, `${difference.reason} ${outcome.failure}`).toBe(difference.line);
  });
});

describe('the table of differences', () => {
  it('names scripts that exist, each once', () => {
    const names = SCRIPT_DIFFERENCES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(FILES.map(({ name }) => name)).toEqual(expect.arrayContaining(names));
  });
});
