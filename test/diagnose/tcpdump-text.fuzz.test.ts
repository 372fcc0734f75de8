/**
 * Damaged text never throws, never hangs, and never grows what is kept: 100,000 mutated lines in
 * seconds. Seeded: SEQSHIM_SEED replays.
 */
import { describe, expect, it } from 'vitest';
import { analyse } from '../../src/diagnose/analyse.ts';
import { FlowBook } from '../../src/diagnose/flow-book.ts';
import { printReport } from '../../src/diagnose/print-report.ts';
import { TcpdumpText } from '../../src/diagnose/tcpdump-text.ts';
import { Random, SEED, SEED_HINT } from '../helpers/seed.ts';
import { JUMPBOX, SERVER_SIDE, SSH_DEBUG } from './trace.ts';

const LINE_COUNT = 100_000;
const LONGEST_MS = 15_000;

const PIECES = [
  'Flags [',
  ' > ',
  ', seq ',
  ', ack ',
  ', length ',
  'options [',
  ']',
  '(tos 0x0, ttl ',
  '19:42:25.462896 ',
  'IP ',
  'IP6 ',
  '4294967295',
  '99999999999',
  '> > ',
  ',,,,',
  ' '.repeat(40),
  '1'.repeat(40),
  'a.'.repeat(30),
  '\u0000',
  '\ud800',
  '&gt;',
];

function mutateLine(line: string, random: Random): string {
  let text = line;
  for (let count = random.below(4); count > 0; count--) {
    const at = random.below(text.length + 1);
    switch (random.below(6)) {
      case 0:
        text = text.slice(0, at);
        break;
      case 1:
        text = text.slice(0, at) + text.slice(at + 1 + random.below(8));
        break;
      case 2:
        text = text.slice(0, at) + (PIECES[random.below(PIECES.length)] ?? '') + text.slice(at);
        break;
      case 3:
        text = text.slice(0, at) + String.fromCharCode(random.below(0x250)) + text.slice(at + 1);
        break;
      case 4:
        text = text.replace(/\d+/, String(random.int32() >>> 0));
        break;
      default:
        text = text.slice(at) + text.slice(0, at);
    }
  }
  return text;
}

describe(`mutated lines, ${SEED_HINT}`, () => {
  it('are read, analysed and reported without a throw or a hang', () => {
    const random = new Random(SEED);
    const lines = [JUMPBOX, SERVER_SIDE, SSH_DEBUG].flatMap((text) => text.split('\n'));
    const book = new FlowBook();
    const reader = new TcpdumpText((packet, section) => book.add(packet, section));
    const before = process.cpuUsage();
    for (let count = 0; count < LINE_COUNT; count++) {
      reader.feed(mutateLine(lines[random.below(lines.length)] ?? '', random));
    }
    reader.end();
    const wording = { frame: 'line', captureInterface: reader.captureInterface };
    const analysis = analyse(book.flows, wording);
    const input = { name: '-', kind: 'tcpdump-text', packets: 1, lines: 1, tolerated: {} } as const;
    const text = printReport({ ...analysis, input, flows: book.flows, wording });
    const tookMs = process.cpuUsage(before).user / 1000; // others' load is no hang of ours
    expect(reader.counts.lines).toBe(LINE_COUNT);
    expect(reader.counts.packets).toBeGreaterThan(10_000);
    expect(book.flows.every((flow) => flow.kept.length < 2_000)).toBe(true);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what must not come out
    expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
    expect(tookMs).toBeLessThan(LONGEST_MS);
  });

  it('made to be slow are not slow', () => {
    const evil = [
      `19:42:25.462896 IP ${'a '.repeat(2000)}`,
      `19:42:25.462896 IP ${'> '.repeat(2000)}Flags [S]`,
      `19:42:25.462896 IP a.1 > b.2: Flags [S]${', seq 1'.repeat(500)}`,
      `19:42:25.462896 IP a.1 > b.2: Flags [S], options [${'mss 1,'.repeat(600)}`,
      `${'> '.repeat(2040)}x`,
      `19:42:25.462896 IP (tos ${'('.repeat(3000)}`,
      `tcpdump ${'-a '.repeat(1300)}`,
      'x'.repeat(1_000_000),
    ];
    const reader = new TcpdumpText(() => undefined);
    const started = performance.now();
    for (let count = 0; count < 500; count++) {
      for (const line of evil) reader.feed(line);
    }
    reader.end();
    expect(performance.now() - started).toBeLessThan(LONGEST_MS);
    expect(reader.counts.packets).toBeLessThan(2 * 500);
  });
});
