/** The soak, for two minutes: it runs, says what it should, and nothing fails. Live. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { distFile } from '../../src/testbed/dist-file.ts';
import { collect } from '../../src/testbed/namespace.ts';

it('mixed traffic through faults that come and go loses no session', async () => {
  const args = [distFile('soak.js'), '--minutes', '2', '--seed', '7'];
  const child = spawn(process.execPath, args);
  const output = collect(child);
  const [code] = (await once(child, 'close')) as [number | null];
  console.log(output.stdout);
  expect(output.stdout).toMatch(/^soak: 2 min, seed 7\n/);
  expect(output.stdout).toMatch(/ssh (\d+)\/\1, echo (\d+)\/\2, short (\d+)\/\3/);
  expect(output.stdout).toMatch(/gc \d+ pauses, p99 \d+ µs, max \d+ µs/);
  expect(output.stdout).toMatch(/\nfailed sessions: 0\n$/);
  expect([code, output.stderr]).toEqual([0, '']);
});
