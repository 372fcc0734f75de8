/** For whom a state file means anything. */
import { describe, expect, it } from 'vitest';
import {
  HEADER_BYTES,
  type Identity,
  noteAlive,
  sizesIn,
  whyForeign,
  writeHeader,
} from '../../../src/datapath/state/header.ts';
import { layoutChecksum } from '../../../src/datapath/state/layout-checksum.ts';
import { lastingOffsets } from '../../../src/datapath/state/state-file.ts';
import { lastingParts } from '../../../src/engine/memory.ts';

const OWN: Identity = {
  layout: 7,
  bootId: '01234567-89ab-cdef-0123-456789abcdef',
  netns: 4_026_531_840n,
  flowCountMax: 1024,
  queue: 0,
  queueCount: 1,
  bytes: 123_456,
};
const NOW_S = 5000;

function why(identity: Partial<Identity>, nowS = NOW_S, bytes = OWN.bytes): string {
  const page = new Uint8Array(HEADER_BYTES);
  writeHeader(page, { ...OWN, ...identity }, NOW_S);
  return whyForeign(page, bytes, OWN, nowS, 7500);
}

describe('the header of a state file', () => {
  it('is believed by whom it is for', () => {
    expect(why({})).toBe('');
    expect(why({}, NOW_S + 7400)).toBe('');
  });

  it.each([
    [{ bootId: 'another boot, of as many characters.' }, 'it is from before the last boot'],
    [{ netns: 1n }, 'it is of another network namespace'],
    [{ layout: 8 }, 'it is of another version'],
    [{ queueCount: 2 }, 'it is for other --queues'],
    [{ queue: 1 }, 'it is of another queue'],
    [{ flowCountMax: 2048 }, 'it is for other --flows'],
    [{ bytes: 1 }, 'it is cut short'],
  ])('is not with %o', (identity, because) => {
    expect(why(identity)).toBe(because);
  });

  it('is not when too old, from the future, or shorter than it says', () => {
    expect(why({}, NOW_S + 7600)).toBe('it is too old');
    expect(why({}, NOW_S - 1)).toBe('it is too old');
    expect(why({}, NOW_S, 4096)).toBe('it is cut short');
  });

  it('is not before its last byte is written: the magic', () => {
    const page = new Uint8Array(HEADER_BYTES);
    writeHeader(page, OWN, NOW_S);
    page.fill(0, 0, 8);
    expect(whyForeign(page, OWN.bytes, OWN, NOW_S, 7500)).toBe('it is no state file');
    expect(sizesIn(page)).toBeUndefined();
  });

  it('stays whole while the time is noted', () => {
    const page = new Uint8Array(HEADER_BYTES);
    writeHeader(page, OWN, 0);
    noteAlive(page, NOW_S);
    expect(whyForeign(page, OWN.bytes, OWN, NOW_S, 7500)).toBe('');
    expect(sizesIn(page)).toEqual({ flowCountMax: 1024, queueCount: 1 });
  });
});

describe('the layout behind it', () => {
  it('has its parts one behind the other, none over another', () => {
    const { at, bytes } = lastingOffsets(1024);
    const parts = lastingParts(1024);
    let end = HEADER_BYTES;
    for (const [i, [, size]] of parts.entries()) {
      expect(at[i]).toBeGreaterThanOrEqual(end);
      end = (at[i] ?? 0) + size;
    }
    expect(bytes).toBeGreaterThanOrEqual(end);
    expect(layoutChecksum()).toBe(layoutChecksum());
  });
});
