/** The answer of a reflector is a stranger's: whatever it is, it is read or refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pcapHeader } from '../../src/datapath/pcap/write-pcap.ts';
import { compareEnds } from '../../src/probe/both-ends.ts';
import { ANSWER_OCTETS_MAX, readReflection, reflectionLine } from '../../src/probe/reflection.ts';
import { SEED } from '../helpers/seed.ts';

const SLL2 = 276;

describe('readReflection()', () => {
  it('reads what reflectionLine() writes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (capture) => {
        expect(readReflection(reflectionLine(capture, 0))).toEqual(capture);
      }),
      { seed: SEED },
    );
  });

  it('refuses everything else', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        expect(readReflection(line)).toBeUndefined();
      }),
      { seed: SEED },
    );
    const huge = `{"schema":1,"capture":"${'A'.repeat(ANSWER_OCTETS_MAX)}"}`;
    expect(readReflection(huge)).toBeUndefined();
  });
});

describe('compareEnds()', () => {
  it('takes any capture of the far end, and throws nothing', () => {
    const here = pcapHeader(SLL2);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.boolean(), (bytes, withHeader) => {
        const there = withHeader ? Buffer.concat([here, bytes]) : bytes;
        expect(compareEnds('x:1', here, there)).toBeUndefined();
      }),
      { seed: SEED },
    );
  });
});
