/**
 * `diagnose --follow` as it is typed: lines before the input ends, the report behind them, the exit
 * code of the report, Ctrl-C, a FIFO, pcap and pcapng, files. Every stream is slow.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LINKTYPE_RAW } from '../../../src/datapath/pcap/link-layer.ts';
import { writePcap } from '../../../src/datapath/pcap/write-pcap.ts';
import {
  interfaceBlock,
  packetBlock,
  sectionBlock,
} from '../../../src/datapath/pcap/write-pcapng.ts';
import { ACK, SYN } from '../../../src/engine/wire/segment.ts';
import { CLI, runCli } from '../../cli/cli-run.ts';
import { seg } from '../../helpers/segment-builder.ts';
import { line } from '../trace.ts';

/** Against a hang: the machine may be busy. */
const SAYS_MS = 25_000;
const LIMIT_MS = 60_000;
const START_US = 1_700_000_000_000_000;
const FORTH = { src: '10.0.0.1', srcPort: 40_000, dst: '10.0.0.2', dstPort: 22 };
const BACK = { src: '10.0.0.2', srcPort: 22, dst: '10.0.0.1', dstPort: 40_000 };

/** A SYN that two end points answer, and a healthy connection ten seconds later. */
const PACKETS = [
  { ms: 0, bytes: seg({ ...FORTH, flags: SYN, seq: 1000 }) },
  { ms: 1, bytes: seg({ ...BACK, flags: SYN | ACK, seq: 5000, ack: 1001 }) },
  { ms: 2, bytes: seg({ ...FORTH, flags: ACK, seq: 1001, ack: 5001 }) },
  { ms: 20, bytes: seg({ ...BACK, flags: SYN | ACK, seq: 77_000, ack: 1001 }) },
  { ms: 9000, bytes: seg({ ...FORTH, srcPort: 40_001, flags: SYN, seq: 1000 }) },
  { ms: 9001, bytes: seg({ ...BACK, dstPort: 40_001, flags: SYN | ACK, seq: 9, ack: 1001 }) },
  { ms: 9002, bytes: seg({ ...FORTH, srcPort: 40_001, flags: ACK, seq: 1001, ack: 10 }) },
].map(({ ms, bytes }) => ({ timeUs: START_US + ms * 1000, bytes, off: 0, len: bytes.length }));

const PCAP = writePcap(PACKETS, LINKTYPE_RAW);
const PCAPNG = Buffer.concat([
  sectionBlock('test', ''),
  interfaceBlock(LINKTYPE_RAW, 0, 6),
  ...PACKETS.map((packet) =>
    packetBlock({ ...packet, interfaceId: 0, wireBytes: packet.len, comments: [] }, 6),
  ),
]);
const HEALTHY = writePcap(PACKETS.slice(4), LINKTYPE_RAW);

let dir = '';
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'seqshim-follow-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

class Following {
  out = '';
  err = '';
  readonly child: ChildProcess;

  constructor(...args: readonly string[]) {
    this.child = spawn(process.execPath, [CLI, 'diagnose', '--follow', ...args]);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
  }

  write(bytes: Uint8Array | string): void {
    this.child.stdin?.write(bytes);
  }

  async says(text: string): Promise<void> {
    for (let waited = 0; waited < SAYS_MS; waited += 20) {
      if (this.out.includes(text)) return;
      await pause(20);
    }
    throw new Error(`did not say ${text}: ${this.out}${this.err}`);
  }

  async exit(): Promise<number | null> {
    const [code] = (await once(this.child, 'close')) as [number | null];
    return code;
  }
}

describe.concurrent('a slow stream', { timeout: LIMIT_MS }, () => {
  it('of pcapng is told while it comes', async () => {
    const run = new Following('-');
    run.write(PCAPNG.subarray(0, 9));
    await pause(30);
    // In mid-packet: the connection that is at fault is whole by then.
    run.write(PCAPNG.subarray(9, PCAPNG.length - 100));
    await run.says('ERROR synack-conflict 10.0.0.1:40000 → 10.0.0.2:22: Two TCP end points');
    expect(run.out).not.toContain('TCP packets');
    run.child.stdin?.end(PCAPNG.subarray(PCAPNG.length - 100));
    expect(await run.exit()).toBe(1);
    expect(run.err).toBe('');
    expect(run.out.match(/ERROR synack-conflict 10/g)).toHaveLength(1);
    expect(run.out).toMatch(/\n\nstandard input: 7 TCP packets, 2 connections\n/);
  });

  it('of text is told while it comes', async () => {
    const run = new Following('-');
    run.write(`${line(0, 'c', '[S], seq 100, win 9, length 0')}\n`);
    run.write(`${line(1000, 'c', '[S], seq 100, win 9, length 0')}\n`);
    await pause(1000);
    run.write(`${line(9000, 'c', '[S], seq 100, win 9, length 0')}\n`);
    run.write(`${line(20_000, 'c', '[S], seq 100, win 9, length 0')}\n`);
    await run.says('WARNING syn-unanswered');
    run.child.stdin?.end();
    expect(await run.exit()).toBe(1);
  });

  it('gives one JSON object a line, the report last', async () => {
    const run = new Following('-', '--json');
    run.write(PCAP);
    await run.says('"event":"finding"');
    run.child.stdin?.end();
    expect(await run.exit()).toBe(1);
    const lines = run.out
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text));
    expect(lines.at(-1)).toMatchObject({ schema: 1, inputs: [{ packets: 7 }] });
    const told = lines.slice(0, -1).map(({ event, code }) => `${event} ${code}`);
    const found = lines.at(-1).findings.map(({ code }: { code: string }) => `finding ${code}`);
    expect(told.sort()).toEqual(found.sort());
  });

  it('that is healthy says nothing before the report, exit 0', async () => {
    const run = new Following('-');
    run.child.stdin?.end(HEALTHY);
    expect(await run.exit()).toBe(0);
    expect(run.out).toMatch(/^standard input: 3 TCP packets, 1 connection\n/);
  });
});

describe('Ctrl-C', { timeout: LIMIT_MS }, () => {
  it('ends with the report and its exit code, in the middle of a packet too', async () => {
    const run = new Following('-');
    run.write(PCAP.subarray(0, PCAP.length - 5));
    await run.says('synack-conflict');
    run.child.kill('SIGINT');
    expect(await run.exit()).toBe(1);
    expect(run.err).toBe('');
    expect(run.out).toContain('standard input: 6 TCP packets, 2 connections');
  });

  it('ends gzip that goes on, and may be typed twice', async () => {
    const run = new Following('-');
    const packed = gzipSync(PCAP, { level: 0 });
    run.write(packed.subarray(0, packed.length - 12));
    await run.says('synack-conflict');
    run.child.kill('SIGINT');
    await pause(30);
    run.child.kill('SIGINT');
    expect(await run.exit()).toBe(1);
    expect(run.err).toBe('');
  });
});

describe('what can be followed', { timeout: LIMIT_MS }, () => {
  it('is a FIFO', async () => {
    const fifo = join(dir, 'fifo');
    execFileSync('mkfifo', [fifo]);
    const run = new Following(fifo, '--html', join(dir, 'page.html'));
    const writer = createWriteStream(fifo);
    writer.write(PCAP);
    await run.says('synack-conflict');
    run.child.kill('SIGTERM');
    expect(await run.exit()).toBe(1);
    writer.on('error', () => {}).destroy();
  });

  it('is a file, to its end', async () => {
    const path = join(dir, 'whole.pcap');
    writeFileSync(path, PCAP);
    const { exitCode, stdout } = await runCli('diagnose', '--follow', path);
    expect(exitCode).toBe(1);
    expect(stdout).toMatch(/^2023-11-14T22:13:20\.020Z ERROR synack-conflict /);
    const plain = await runCli('diagnose', path);
    expect(stdout.endsWith(`\n\n${plain.stdout}`)).toBe(true);
  });

  it.each([
    ['two inputs', ['a', 'b'], /^Cannot follow 2 inputs: name one, [^\n]+\n$/],
    ['two sides', ['--both', 'a', 'b'], /^Cannot use --follow with --both: [^\n]+\n$/],
    ['no such file', ['/nonexistent/x.pcap'], /^Cannot open "[^\n]+: no such file\n$/],
  ])('is not: %s', async (_what, args, message) => {
    const { exitCode, stdout, stderr } = await runCli('diagnose', '--follow', ...args);
    expect(exitCode).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
  });
});
