/** `seqshim replay` as a person runs it: exit codes, the report, and what can be typed wrongly. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { readCapture } from '../../src/datapath/pcap/read-capture.ts';
import { seg } from '../helpers/segment-builder.ts';
import { ethernetCapture, traceCapture } from '../helpers/trace-capture.ts';
import { CLI, ROOT, runCli, runCliWithoutNative } from './cli-run.ts';

const dir = mkdtempSync(join(tmpdir(), 'seqshim-replay-'));
afterAll(() => rmSync(dir, { recursive: true }));

const TRACE = join(ROOT, 'test/fixtures/jumpbox-first-connection-reset.txt');
const BROKEN = join(dir, 'broken.pcap');
const HEALTHY = join(dir, 'healthy.pcap');
const OUT = join(dir, 'out.pcapng');
writeFileSync(BROKEN, traceCapture(readFileSync(TRACE, 'utf8')));
writeFileSync(
  HEALTHY,
  ethernetCapture([
    { timeUs: 1e6, packet: seg({ flags: 2, mss: 1460 }), fromNear: true },
    { timeUs: 1e6 + 9, packet: seg({ flags: 0x10, seq: 1001 }), fromNear: true },
  ]),
);

describe('seqshim replay', () => {
  it('loads no native module, repairs the original failure, and says how: exit 1', async () => {
    const { exitCode, stdout, stderr } = await runCliWithoutNative('replay', BROKEN, OUT);
    expect([exitCode, stderr]).toEqual([1, '']);
    expect(stdout).toContain('all targets, all ports');
    expect(stdout).toContain('--direction out');
    expect(stdout).toMatch(/frame 4 +done +synack-dropped \(synack-conflict\): not delivered/);
    expect(stdout).toContain('What a replay cannot know:');
    expect(readCapture(readFileSync(OUT)).frames.length).toBeLessThan(17 + 10);
  });

  it('exits 0 where a shim has nothing to do, 4 where the targets are not in it', async () => {
    const untouched = await runCli('replay', HEALTHY, OUT);
    expect([untouched.exitCode, untouched.stderr]).toEqual([0, '']);
    expect(untouched.stdout).toContain('Nothing to do for a shim: all 2 frames unchanged');
    const absent = await runCli('replay', HEALTHY, OUT, '--port', '443');
    expect(absent.exitCode).toBe(4);
    expect(absent.stderr).toMatch(/^No TCP packet of the targets among 2: see --target, --port\n$/);
  });

  it('has these keys in JSON', async () => {
    const { stdout } = await runCli('replay', BROKEN, OUT, '--json', '--port', '22');
    const report = JSON.parse(stdout) as Record<string, unknown>;
    expect(Object.keys(report)).toEqual([
      ...['schema', 'input', 'output', 'targets', 'ports', 'direction', 'mode'],
      ...['frames', 'packets', 'judged', 'connections', 'delivered'],
      ...['findings', 'interventions', 'adjustments', 'wouldIntervene'],
      ...['entries', 'entriesNotListed', 'limits'],
    ]);
    expect(report).toMatchObject({ schema: 1, ports: [22], frames: 17, direction: 'out' });
    const [entry] = report['entries'] as Record<string, unknown>[];
    expect(Object.keys(entry ?? {}).sort()).toEqual(
      ['args', 'cause', 'code', 'delivered', 'flow', 'frame', 'kind', 'observed', 'summary'].concat(
        'time',
      ),
    );
    expect(entry?.['time']).toMatch(/^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{6}Z$/);
  });

  it('reads gzip from standard input', () => {
    const input = gzipSync(readFileSync(BROKEN));
    const done = spawnSync(process.execPath, [CLI, 'replay', '-', OUT], { input });
    expect([done.status, String(done.stderr)]).toEqual([1, '']);
    expect(String(done.stdout)).toMatch(/^-: 17 frames/);
  });

  const bomb = join(dir, 'bad.pcap.gz');
  writeFileSync(bomb, gzipSync(readFileSync(BROKEN)).subarray(0, 60));
  it.each<[why: string, args: string[], line: RegExp]>([
    ['no such file', [join(dir, 'none'), OUT], /^Cannot open ".*": no such file$/],
    ['a directory', [dir, OUT], /^Cannot open ".*": it is a directory, name a file in it$/],
    [
      'text',
      [TRACE, OUT],
      /^Cannot replay ".*": it is no pcap or pcapng file, .* tcpdump -w FILE$/,
    ],
    ['a cut archive', [bomb, OUT], /^Cannot unpack gzip capture: /],
    ['onto itself', [BROKEN, BROKEN], /^Cannot replay ".*" onto itself: name another OUT$/],
    ['no room for it', [BROKEN, join(dir, 'no/out')], /^Cannot write ".*": ENOENT$/],
    ['to -', [BROKEN, '-'], /^Cannot write the replay to -: name a file for OUT$/],
    ['no OUT', [BROKEN], /^Not enough non-option arguments/],
    [
      'both ways',
      [BROKEN, OUT, '--direction', 'both'],
      /^Cannot use --direction both: .*: out or in$/,
    ],
    ['no port', [BROKEN, OUT, '--port', '70000'], /^Cannot use --port "70000": it must be/],
  ])('%s: exit 2 and one line', async (_why, args, line) => {
    const { exitCode, stdout, stderr } = await runCli('replay', ...args);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toBe(`${stderr.trimEnd()}\n`);
    expect(stderr.trimEnd()).toMatch(line);
  });
});
