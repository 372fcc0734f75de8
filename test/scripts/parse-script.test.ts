/** The text of packet scripts: what is read, what is refused, and how a line is written again. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseScript } from '../../src/testbed/packet-script/parse-script.ts';
import {
  formatSegmentLine,
  NO_OPTIONS,
  parseSegmentLine,
} from '../../src/testbed/packet-script/parse-segment.ts';
import type { SegmentLine } from '../../src/testbed/packet-script/script.ts';
import { SEED } from '../helpers/seed.ts';
import { scriptFiles } from './script-files.ts';

const script = (line: string) => () => parseScript(`# a test\n${line}\n`);

describe('parseScript()', () => {
  it('reads every script of this folder', () => {
    expect(scriptFiles().length).toBeGreaterThan(35);
    for (const { text } of scriptFiles()) expect(parseScript(text).title).not.toBe('');
  });

  it('reads times, calls and segments', () => {
    const { title, events } = parseScript(
      '# what is tested\n\nconnect # a comment\n+10ms < R left+1\n+0.2s..1s > P. 1:11 ack 1\n',
    );
    expect(title).toBe('what is tested');
    expect(events).toMatchObject([
      { line: 3, afterMs: 0, action: { kind: 'call', call: { name: 'connect' } } },
      { line: 4, afterMs: 10, action: { segment: { seq: { base: 'left', offset: 1 } } } },
      { line: 5, afterMs: 200, beforeMs: 1000, action: { segment: { octets: 10, ack: 1 } } },
    ]);
  });

  it.each([
    ['dance', 'Cannot read line 2 "dance": "dance" is none of'],
    ['write', '"write" is none of'],
    ['write some', '"some" is no count'],
    ['accept now', '"accept" is none of'],
    ['read 1 2', '"2" is too much'],
    ['state ESTABLISHD', '"ESTABLISHD" is none of'],
    ['< Q 1', 'it is no "FLAGS SEQ[:END]'],
    ['< . 1', '"." among the flags and "ack N" go together'],
    ['< R 1 ack 1', 'go together'],
    ['< SS 0', 'flag S stands twice'],
    ['< . 5:2 ack 1', '"5:2" is no range'],
    ['< . left:9 ack 1', 'is no range'],
    ['< . 1 ack 1 win 65536', 'win 65536 is more than 65535'],
    ['< . 1 ack 1 <nop>', 'option "nop" is not known'],
    ['< . 1 ack 1 <sack 1>', '"1" is no SACK block'],
    ['> R left', 'an expected segment has numbers, no edges'],
    ['+10ms > R 1', 'an expected segment has a range of times'],
    ['+1s..2s write 1', 'only what is waited for has a range'],
    ['+2s..1s > R 1', 'the range ends before it begins'],
  ])('refuses "%s"', (line, message) => {
    expect(script(line)).toThrow(message);
  });

  it('refuses what does not say what it tests, and what is too long', () => {
    expect(() => parseScript('connect\n')).toThrow('Cannot read line 1: it must say');
    expect(script('connect\n'.repeat(60))).toThrow('must be at most 50');
  });
});

const edge = fc.integer({ min: -100_000, max: 100_000 });
const options = fc.record({
  mss: fc.integer({ min: -1, max: 65_535 }),
  wndScale: fc.integer({ min: -1, max: 14 }),
  sackPermitted: fc.boolean(),
  ts: fc.integer({ min: -1, max: 0xffffffff }),
  sack: fc.array(fc.tuple(edge, edge), { maxLength: 4 }).map((blocks) => blocks.flat()),
});
const segment: fc.Arbitrary<SegmentLine> = fc
  .record({
    flags: fc.integer({ min: 1, max: 31 }),
    base: fc.constantFrom('zero' as const, 'left' as const, 'middle' as const, 'right' as const),
    offset: edge,
    octets: fc.nat(10_000),
    ack: edge,
    wnd: fc.integer({ min: -1, max: 65_535 }),
    options: fc.option(options),
  })
  .map(({ base, offset, ...rest }) => ({
    ...rest,
    seq: { base, offset },
    octets: base === 'zero' && offset >= 0 ? rest.octets : 0,
    ack: (rest.flags & 16) === 0 ? 0 : rest.ack,
  }));

describe('a segment', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(segment, (line) => {
        expect(parseSegmentLine(formatSegmentLine(line))).toEqual(line);
      }),
      { seed: SEED },
    );
  });

  it('without options differs from one whose options nobody asks for', () => {
    expect(parseSegmentLine('. 1 ack 1 <>').options).toEqual(NO_OPTIONS);
    expect(parseSegmentLine('. 1 ack 1').options).toBeNull();
  });
});
