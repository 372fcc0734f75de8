/**
 * The numbers of our report beside those of tshark, on the public captures, read in place: packets,
 * connections, octets. Each difference stands in a table with its reason. Retransmissions, resets
 * and packets out of order our report does not count: it names those that matter.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { diagnoseInput } from '../../src/diagnose/diagnose.ts';
import { CAPTURES_DIR, CAPTURES_NOTE, captureNames } from '../helpers/public-captures.ts';

interface Counts {
  readonly packets: number;
  readonly connections: number;
  readonly octets: number;
}

/** By a part of the name: how many more tshark counts, and why. */
const DIFFERENCES: Readonly<Record<string, readonly [more: Partial<Counts>, why: string]>> = {
  'tcp-rst-with-data': [{ octets: 13 }, 'what a reset carries is no data of the connection'],
  'tcp-empty-sack': [{ packets: 1 }, 'our parser refuses a SACK option without blocks'],
  'truncated-header': [{ packets: 1 }, 'the capture cut one packet within its TCP header'],
  'handshake-reorder': [{ connections: -1 }, 'its SYN stands behind the SYN-ACK: a new one for us'],
};

const hasTshark = ['tshark', 'mergecap'].every((program) => {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).error === undefined;
});
const NOTE = hasTshark ? CAPTURES_NOTE : 'tshark is absent (apt install tshark)';

/** One run for all files, one behind the other: frames `frames[i]` long. */
function countWithTshark(paths: readonly string[], frames: readonly number[]): Counts[] {
  const dir = mkdtempSync(join(tmpdir(), 'seqshim-tshark-'));
  try {
    const merged = join(dir, 'all.pcapng');
    execFileSync('mergecap', ['-a', '-w', merged, ...paths], { stdio: 'ignore' });
    const fields = ['frame.number', 'tcp.stream', 'tcp.len'].flatMap((name) => ['-e', name]);
    const args = ['-n', '-r', merged, '-Y', 'tcp', '-T', 'fields', ...fields];
    const text = execFileSync('tshark', args, {
      encoding: 'utf8',
      maxBuffer: 64 << 20,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const rows = text
      .trimEnd()
      .split('\n')
      .map((row) => row.split('\t').map(Number));
    let last = 0;
    return frames.map((count) => {
      const first = last + 1;
      last += count;
      const own = rows.filter(([frame = 0]) => frame >= first && frame <= last);
      return {
        packets: own.length,
        connections: new Set(own.map(([, stream]) => stream)).size,
        octets: own.reduce((sum, [, , octets = 0]) => sum + octets, 0),
      };
    });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

it(`${NOTE}: the same numbers as tshark, or a reason`, async () => {
  const names = hasTshark ? captureNames() : [];
  const ours: Counts[] = [];
  const frames: number[] = [];
  for (const name of names) {
    const outcome = await diagnoseInput(join(CAPTURES_DIR, name));
    if (outcome.kind !== 'report') throw new Error(outcome.problem);
    const { input, flows } = outcome.report;
    const halves = flows.flatMap((flow) => [...flow.halves]);
    frames.push(input.lines);
    ours.push({
      packets: input.packets,
      connections: flows.length,
      octets: halves.reduce((sum, { dataOctets }) => sum + dataOctets, 0),
    });
  }
  if (names.length === 0) return;
  const theirs = countWithTshark(
    names.map((name) => join(CAPTURES_DIR, name)),
    frames,
  );
  for (const [index, name] of names.entries()) {
    const known = Object.entries(DIFFERENCES).find(([part]) => name.includes(part));
    const more: Partial<Counts> = known?.[1][0] ?? {};
    const { packets = 0, connections = 0, octets = 0 } = ours[index] ?? {};
    expect.soft(theirs[index], name).toEqual({
      packets: packets + (more.packets ?? 0),
      connections: connections + (more.connections ?? 0),
      octets: octets + (more.octets ?? 0),
    });
  }
}, 60_000);
