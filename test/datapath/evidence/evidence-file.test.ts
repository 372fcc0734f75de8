/** Files of evidence: bounded in size and number, whole blocks, and a place that cannot be had. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { evidenceFiles, FILE_COUNT_MAX } from '../../../src/datapath/evidence/evidence-dir.ts';
import {
  EvidenceFile,
  type EvidenceFileOptions,
} from '../../../src/datapath/evidence/evidence-file.ts';
import { evidenceHead, TIME_DIGITS } from '../../../src/datapath/evidence/evidence-format.ts';
import { readCapture } from '../../../src/datapath/pcap/read-capture.ts';
import { packetBlock } from '../../../src/datapath/pcap/write-pcapng.ts';
import { openLog } from '../../../src/telemetry/log.ts';
import { seg } from '../../helpers/segment-builder.ts';
import { Lines } from '../../telemetry/event-ring.ts';

let dir = '';
let log = new Lines();
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'seqshim-evidence-'));
  log = new Lines();
});
afterEach(() => rmSync(dir, { recursive: true }));

function open(where: string, more: Partial<EvidenceFileOptions> = {}): EvidenceFile {
  return new EvidenceFile({
    dir: where,
    log: openLog({ level: 'info', format: 'json' }, log),
    begin: () => evidenceHead(0),
    onFile: () => {},
    ...more,
  });
}

const bytes = seg({ payload: 'x'.repeat(200) });
const BLOCK = packetBlock(
  {
    ...{ interfaceId: 0, timeUs: Date.now() * 1000, bytes, off: 0, len: bytes.length },
    ...{ wireBytes: bytes.length, comments: ['why'] },
  },
  TIME_DIGITS,
);

describe('EvidenceFile', () => {
  it('begins another file when one is full, and keeps so many', async () => {
    const file = open(dir, { fileBytesMax: 2000 });
    for (let i = 0; i < 100; i++) {
      expect(file.add(BLOCK)).toBe(true);
      await file.flush();
    }
    await file.close();
    const files = await evidenceFiles(dir);
    expect(files).toHaveLength(FILE_COUNT_MAX);
    expect(file.fileCount).toBeGreaterThan(FILE_COUNT_MAX);
    expect(files.at(-1)).toBe(file.path);
    for (const path of files) {
      const content = readFileSync(path);
      expect(content.length).toBeLessThanOrEqual(2000);
      expect(readCapture(content)).toMatchObject({ cutShort: false });
    }
  });

  it('leaves other files of the directory alone', async () => {
    writeFileSync(join(dir, 'notes.txt'), 'mine');
    writeFileSync(join(dir, 'evidence-old.pcapng'), 'mine too');
    const file = open(dir, { fileBytesMax: 1000 });
    for (let i = 0; i < 2 * FILE_COUNT_MAX; i++) {
      file.add(BLOCK);
      await file.flush();
    }
    await file.close();
    expect(readdirSync(dir)).toHaveLength(FILE_COUNT_MAX + 2);
    expect(readFileSync(join(dir, 'notes.txt'), 'utf8')).toBe('mine');
  });

  it('says once that it cannot write, and goes on when it can', async () => {
    const where = join(dir, 'evidence');
    writeFileSync(where, 'a file in its way');
    const file = open(where, { retryMs: 30 });
    for (let i = 0; i < 3; i++) {
      file.add(BLOCK);
      await file.flush();
      await pause(40);
    }
    expect(file.isPaused).toBe(true);
    expect(log.json()).toMatchObject([{ level: 'warn', dir: where, because: 'EEXIST' }]);
    rmSync(where);
    expect(file.add(BLOCK)).toBe(true);
    await file.close();
    expect(file.isPaused).toBe(false);
    expect(log.json().at(-1)).toMatchObject({ level: 'info', msg: 'evidence is recorded again' });
    const [path = ''] = await evidenceFiles(where);
    expect(readCapture(readFileSync(path)).frames).toHaveLength(1);
  });

  it('takes nothing while it is paused', async () => {
    writeFileSync(join(dir, 'evidence'), '');
    const file = open(join(dir, 'evidence'));
    file.add(BLOCK);
    await file.flush();
    expect(file.add(BLOCK)).toBe(false);
  });

  it('lets only so much wait for a slow disk', () => {
    const file = open(dir);
    let taken = 0;
    while (file.add(BLOCK)) taken++;
    expect(taken).toBe(Math.floor((1 << 20) / BLOCK.length));
  });

  it('makes the directories above it', async () => {
    mkdirSync(join(dir, 'a'));
    const file = open(join(dir, 'a', 'b', 'evidence'));
    file.add(BLOCK);
    await file.close();
    expect(await evidenceFiles(join(dir, 'a', 'b', 'evidence'))).toHaveLength(1);
  });

  it('can be read to the last whole packet when its writer was killed', async () => {
    const file = open(dir);
    for (let i = 0; i < 5; i++) file.add(BLOCK);
    await file.close();
    const whole = readFileSync(file.path ?? '');
    const { frames, cutShort } = readCapture(whole.subarray(0, whole.length - 30));
    expect([frames.length, cutShort]).toEqual([4, true]);
  });
});
