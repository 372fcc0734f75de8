/**
 * Packets that no TCP would send, in any order: nothing throws, and what is said is whole: frames
 * of the input, numbers that are numbers, words without holes. Seeded.
 */
import { describe, expect, it } from 'vitest';
import { analyse } from '../../src/diagnose/analyse.ts';
import { FlowBook } from '../../src/diagnose/flow-book.ts';
import { UNKNOWN } from '../../src/diagnose/packet-record.ts';
import { printReport } from '../../src/diagnose/print-report.ts';
import { Random, SEED, SEED_HINT } from '../helpers/seed.ts';
import { type Facts, record } from './records.ts';

const RUN_COUNT = 3000;
const FLAGS = ['S', 'S.', '.', 'P.', 'F.', 'R', 'R.', '', 'SF', 'SR.'] as const;
const LAYOUTS = [
  '',
  'mss,sackOK,TS,nop,wscale',
  'mss,nop,nop,nop,nop,nop,nop,nop,nop,nop,nop,sackOK',
  'nop,nop,nop,nop',
  'nop,nop,TS',
] as const;
const wording = { frame: 'frame', captureInterface: '' };

function draw(random: Random, ms: number): Facts {
  const number = () => {
    const kind = random.below(5);
    if (kind === 0) return random.int32();
    return kind === 1 ? 0 : random.below(5) * 1448 + 1;
  };
  const sack = random.below(4) === 0 ? [number(), number(), number(), number()] : [];
  return {
    ms,
    from: random.below(2) === 0 ? 'c' : 's',
    flags: FLAGS[random.below(FLAGS.length)] ?? '.',
    seq: number(),
    ack: number(),
    octets: random.below(3) === 0 ? 0 : random.below(65_536),
    wnd: random.below(3) === 0 ? 0 : random.below(65_536),
    layout: LAYOUTS[random.below(LAYOUTS.length)] ?? '',
    options: {
      sack: sack.map((edge) => (1000 + edge) | 0),
      wndScale: random.below(20) - 1,
      tsVal: random.below(2) === 0 ? null : random.int32(),
      tsEcr: random.below(2) === 0 ? null : random.int32(),
    },
    more: {
      ttl: [UNKNOWN, 63, 57, 255][random.below(4)] ?? 64,
      srcMac: ['', '02:00:00:00:00:01', '02:00:00:00:00:02'][random.below(3)] ?? '',
      checksum: random.below(4) === 0 ? 'bad' : 'good',
      checksumField: random.below(65_536),
      tcpBytes: 20 + random.below(100),
      ...(random.below(8) === 0 ? { timeUs: UNKNOWN } : {}),
    },
  };
}

describe('nonsense', () => {
  it(`is analysed without a hole (${SEED_HINT})`, () => {
    const random = new Random(SEED);
    for (let run = 0; run < RUN_COUNT; run++) {
      const book = new FlowBook();
      const count = 1 + random.below(40);
      let ms = 0;
      for (let frame = 1; frame <= count; frame++) {
        // Clocks go backwards as well.
        ms += [0.01, 10, 500, 10_000, -5][random.below(5)] ?? 0;
        book.add(record(draw(random, ms), frame), 0);
      }
      const analysis = analyse(book.flows, wording);
      const name = `run ${run}`;
      for (const finding of analysis.findings) {
        for (const frame of finding.frames) {
          expect(frame >= 1 && frame <= count, `${name}: ${finding.code} frame ${frame}`).toBe(
            true,
          );
        }
        expect(Object.values(finding.numbers).every(Number.isFinite), name).toBe(true);
      }
      const input = {
        name: 'x',
        kind: 'capture',
        packets: count,
        lines: count,
        tolerated: {},
      } as const;
      const text = printReport({ ...analysis, input, flows: book.flows, wording });
      expect(text, name).not.toMatch(/undefined|NaN|\bnull\b/);
    }
  });
});
