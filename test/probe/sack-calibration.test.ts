/** What the answers to two copies of one packet say. */
import { describe, expect, it } from 'vitest';
import { judgeOffsets } from '../../src/probe/sack-calibration.ts';

describe('judgeOffsets()', () => {
  it('two answers that agree prove it, one makes it likely', () => {
    expect(judgeOffsets([0, 0])).toMatchObject({ verdict: 'intact', certainty: 'proven' });
    expect(judgeOffsets([0])).toMatchObject({ verdict: 'intact', certainty: 'likely' });
    expect(judgeOffsets([-5, -5])).toMatchObject({
      verdict: 'shifted',
      certainty: 'proven',
      offset: 4_294_967_291,
    });
  });

  it('says nothing without an answer, or of answers that contradict each other', () => {
    for (const offsets of [[], [1, 2], [0, 7]]) {
      expect(judgeOffsets(offsets)).toMatchObject({ verdict: 'undecided', certainty: null });
    }
  });
});
