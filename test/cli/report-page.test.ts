/** `report --html` as a person runs it where no shim runs: from the files that one left behind. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { evidenceName } from '../../src/datapath/evidence/evidence-dir.ts';
import { evidenceHead, TIME_DIGITS } from '../../src/datapath/evidence/evidence-format.ts';
import { packetBlock } from '../../src/datapath/pcap/write-pcapng.ts';
import { A, ACK, B, C, RST, SYN } from '../helpers/evidence-run.ts';
import { seg } from '../helpers/segment-builder.ts';
import { runCli } from './cli-run.ts';

const HOUR_MS = 3_600_000;
let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'seqshim-report-'));
  mkdirSync(join(dir, 'evidence'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** The original failure, so long ago, on this port; the file is cut within its last packet. */
function record(agoMs: number, port: number): string {
  const out = { srcPort: port, dstPort: 22 };
  const back = { srcPort: 22, dstPort: port, src: '10.0.0.2', dst: '10.0.0.1' };
  const packets = [
    seg({ ...out, flags: SYN, seq: C }),
    seg({ ...back, flags: SYN | ACK, seq: A, ack: C + 1 }),
    seg({ ...out, flags: ACK, seq: C + 1, ack: A + 1 }),
    seg({ ...back, flags: SYN | ACK, seq: B, ack: C + 1 }),
    seg({ ...back, flags: RST, seq: A + 1 }),
    seg({ ...back, flags: ACK, seq: A + 1, ack: C + 1 }),
  ];
  const beganMs = Date.now() - agoMs;
  const blocks = packets.map((bytes, i) => {
    const { length: len } = bytes;
    const comments = i === 3 ? [`seqshim: synack-dropped: on port ${port}.`] : [];
    const about = { interfaceId: 0, timeUs: (beganMs + i) * 1000, off: 0, len, wireBytes: len };
    return packetBlock({ ...about, bytes, comments }, TIME_DIGITS);
  });
  const path = join(dir, 'evidence', evidenceName(beganMs));
  const whole = Buffer.concat([evidenceHead(0), ...blocks]);
  writeFileSync(path, whole.subarray(0, whole.length - 9));
  utimesSync(path, beganMs / 1000, beganMs / 1000);
  return path;
}

function report(...args: readonly string[]) {
  return runCli('report', '--no-config', '--state-dir', dir, ...args);
}

describe('report --html', () => {
  it('writes a page of all files, and exits as report does where nothing runs', async () => {
    const files = [record(3 * HOUR_MS, 40_001), record(HOUR_MS, 40_002)];
    const out = join(dir, 'page.html');
    const { exitCode, stdout, stderr } = await report('--html', out);
    expect([exitCode, stdout]).toEqual([3, '']);
    expect(stderr).toMatch(/^[^\n]*not running[^\n]*\n$/i);
    const page = readFileSync(out, 'utf8');
    for (const file of files) expect(page).toContain(file);
    expect(page).toContain('seqshim: synack-dropped: on port 40001.');
    expect(page).toContain('Two TCP end points answered one SYN');
    expect(statSync(out).mode & 0o777).toBe(0o600);
  });

  it('looks back as far as it is asked to', async () => {
    record(3 * HOUR_MS, 40_001);
    record(HOUR_MS, 40_002);
    const out = join(dir, 'page.html');
    expect((await report('--html', out, '--since', '2h')).exitCode).toBe(3);
    const page = readFileSync(out, 'utf8');
    expect(page).toContain('on port 40002.');
    expect(page).not.toContain('40001');
  });

  it('writes no page where nothing was recorded, and says so', async () => {
    const out = join(dir, 'page.html');
    const { stderr } = await report('--html', out);
    expect(stderr).toMatch(/^No page: no evidence was recorded since 7d\. See --evidence\n/);
    expect(statSync(out, { throwIfNoEntry: false })).toBeUndefined();
  });

  it('says in one line where the page cannot be written', async () => {
    record(HOUR_MS, 40_001);
    const { exitCode, stderr } = await report('--html', join(dir, 'none', 'page.html'));
    expect(exitCode).toBe(2);
    expect(stderr).toMatch(/^Cannot write --html "[^\n]*none[^\n]*\n$/);
  });

  it('reads past files that are no evidence', async () => {
    record(HOUR_MS, 40_001);
    for (const [i, content] of ['', 'no capture at all', '\0\0', '\x0a\x0d\x0d\x0a'].entries()) {
      writeFileSync(join(dir, 'evidence', evidenceName(Date.now() + i)), content);
    }
    const out = join(dir, 'page.html');
    expect((await report('--html', out)).exitCode).toBe(3);
    expect(readFileSync(out, 'utf8')).toContain('on port 40001.');
  });
});
