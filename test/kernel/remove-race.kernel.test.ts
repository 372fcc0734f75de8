/**
 * Two at once take our rules away: an operator's `down`, and the service's own behind it. Neither
 * may say that rules are left when none are. In a namespace of our own. Needs root.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { removeScript } from '../../src/datapath/rules/remove-script.ts';
import { at, outcomes, saved, useRulesLab } from './rules-lab.ts';

const ROUNDS = 5;
const AT_ONCE = 3;

useRulesLab('d');

async function remove(): Promise<{ status: number | null; stderr: string }> {
  const child = spawn('ip', ['netns', 'exec', at.lab.near, 'dash', '-s']);
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString('utf8');
  });
  child.stdin.end(removeScript('0.1.0'));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, stderr };
}

test('several that remove at once all end well, and nothing is left', async () => {
  for (let round = 0; round < ROUNDS; round++) {
    expect(outcomes([['install']])).toEqual([true]);
    const removed = await Promise.all(Array.from({ length: AT_ONCE }, remove));
    expect(removed.filter(({ status }) => status !== 0)).toEqual([]);
    expect(saved().filter((line) => line.includes('SEQSHIM'))).toEqual([]);
  }
}, 120_000);
