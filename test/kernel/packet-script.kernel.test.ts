/**
 * The packet scripts of test/scripts against the sockets of this kernel, over IPv4 and IPv6:
 * without seqshim each goes as it says, and with it on its hooks not a segment is another.
 * SEQSHIM_SCRIPTS=all (`npm run scripts`): also with a seqshim that sees every packet.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import type { Job } from '../../src/testbed/packet-script/run-live.ts';
import { ScriptLab } from '../../src/testbed/packet-script/script-lab.ts';
import type { Outcome } from '../../src/testbed/packet-script/script-run.ts';
import { scriptFiles } from '../scripts/script-files.ts';

const FILES = scriptFiles();
const EVERYTHING = process.env['SEQSHIM_SCRIPTS'] === 'all';
const FAMILIES = [4, 6] as const;
const JOBS: readonly Job[] = FAMILIES.flatMap((family) =>
  FILES.map(({ text }, i) => ({ text, family, index: i, observeMs: 0 })),
);

interface Way {
  readonly name: string;
  readonly shim?: readonly string[];
}
const WAYS: readonly Way[] = [
  { name: 'without seqshim' },
  { name: 'with seqshim', shim: [] },
  ...(EVERYTHING
    ? [{ name: 'with seqshim that sees every packet', shim: ['--inspect', 'full'] }]
    : []),
];

const outcomes = new Map<string, readonly Outcome[]>();
async function runAll({ name, shim }: Way): Promise<void> {
  const lab = await ScriptLab.open(shim);
  try {
    outcomes.set(name, await lab.run(JOBS));
  } finally {
    await lab.close();
  }
}

beforeAll(async () => {
  // They wait most of the time.
  await Promise.all(WAYS.map(runAll));
});

function outcomeOf(way: Way, family: 4 | 6, i: number): Outcome | undefined {
  return outcomes.get(way.name)?.[FAMILIES.indexOf(family) * FILES.length + i];
}

describe.each(WAYS)('$name', (way) => {
  describe.each(FAMILIES)('IPv%i', (family) => {
    it.each(FILES.map(({ name }, i) => [name, i] as const))('%s', (_, i) => {
      const outcome = outcomeOf(way, family, i);
      expect(outcome?.failure).toBe('');
      const bare = outcomeOf({ name: 'without seqshim' }, family, i);
      expect(outcome?.transcript).toEqual(bare?.transcript);
    });
  });
});
