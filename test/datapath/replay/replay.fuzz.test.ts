/** Damaged captures through `replay`: it ends, and what it writes can be read again. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect, it } from 'vitest';
import { configFrom } from '../../../src/config/config.ts';
import { CaptureError } from '../../../src/datapath/pcap/capture.ts';
import { readCapture } from '../../../src/datapath/pcap/read-capture.ts';
import { replayCapture } from '../../../src/datapath/replay/replay.ts';
import { SEED, SEED_HINT } from '../../helpers/seed.ts';
import { traceCapture } from '../../helpers/trace-capture.ts';

const RUNS = 60;
const DIR = mkdtempSync(join(tmpdir(), 'seqshim-replay-'));
afterAll(() => rmSync(DIR, { recursive: true, force: true }));

const JUMPBOX = traceCapture(
  readFileSync(
    join(import.meta.dirname, '../../fixtures/jumpbox-first-connection-reset.txt'),
    'utf8',
  ),
);
const FILE_HEADER_BYTES = 24;

it(`ends for any damage to the original failure, ${SEED_HINT}`, async () => {
  const config = await configFrom({ target: ['all'] });
  const path = join(DIR, 'out.pcapng');
  const damage = fc.array(
    fc.record({
      at: fc.integer({ min: FILE_HEADER_BYTES, max: JUMPBOX.length - 1 }),
      value: fc.integer({ min: 0, max: 255 }),
    }),
    { maxLength: 30 },
  );
  fc.assert(
    fc.property(damage, fc.integer({ min: 0, max: JUMPBOX.length }), (hits, cut) => {
      const bytes = JUMPBOX.slice(0, JUMPBOX.length - (cut % 97));
      for (const { at, value } of hits) if (at < bytes.length) bytes[at] = value;
      try {
        const capture = readCapture(bytes);
        const report = replayCapture(capture, config, 'all', path);
        expect(report.frames).toBe(capture.frames.length);
        const { frames, cutShort } = readCapture(readFileSync(path));
        expect([frames.length, cutShort]).toEqual([report.written, false]);
        expect(report.written).toBe(report.frames - report.dropped + report.injected);
      } catch (error) {
        if (!(error instanceof CaptureError)) throw error;
      }
    }),
    { numRuns: RUNS, seed: SEED },
  );
});
