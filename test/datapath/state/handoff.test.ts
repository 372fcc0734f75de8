/** The bytes of the handoff, which the two next releases read: they never change. */
import { describe, expect, it } from 'vitest';
import {
  decodeHandoff,
  encodeHandoff,
  HANDOFF_JUMPED,
  HANDOFF_NEAR_RESPONDS,
  HANDOFF_SACK,
  HANDOFF_TRANSLATED,
  type Handoff,
} from '../../../src/datapath/state/handoff.ts';

const END = { iss: 1, sndUna: 2, sndNxt: 3, sndWnd: 4, tsVal: 5, tsEcr: 6, wndScale: -1, mss: 8 };
const HANDOFF: Handoff = {
  bootId: '01234567-89ab-cdef-0123-456789abcdef',
  netns: 4_026_531_840n,
  queueCount: 2,
  writtenMs: -5,
  flows: [
    {
      family: 4,
      queue: 1,
      flags: HANDOFF_NEAR_RESPONDS | HANDOFF_TRANSLATED | HANDOFF_JUMPED | HANDOFF_SACK,
      nearPort: 40_270,
      farPort: 22,
      nearAddr: Int32Array.of(0x0a000001, 0, 0, 0),
      farAddr: Int32Array.of(0x0a000002, 0, 0, 0),
      delta: -2,
      nearDelta: 0x01020304,
      tsDelta: 7,
      scaleFix: 0x07020707,
      sackDelta: 0x7fffffff,
      expiresMs: 1000,
      taintAtMs: 2000,
      near: END,
      far: { ...END, iss: -1 },
      farTtls: 61,
    },
  ],
};
const GOLDEN = [
  '7365717368616e64010050009000000001000000fbffffff0200000080c29de230313233',
  '343536372d383961622d636465662d303132332d34353637383961626364656600000000',
  '000000f000000000040127004e9d16000a0000010000000000000000000000000a000002',
  '000000000000000000000000feffffff040302010700000007070207ffffff7fe8030000',
  'd0070000010000000200000003000000040000000500000006000000ffffffff08000000',
  'ffffffff0200000003000000040000000500000006000000ffffffff080000003d000000',
  '0000000000000000',
].join('');

describe('the handoff, version 1', () => {
  it('is these bytes', () => {
    expect(Buffer.from(encodeHandoff(HANDOFF)).toString('hex')).toBe(GOLDEN);
  });

  it('reads what it wrote', () => {
    expect(decodeHandoff(Uint8Array.from(Buffer.from(GOLDEN, 'hex')))).toEqual(HANDOFF);
  });

  it('skips what a later version appends to header and records', () => {
    const bytes = Buffer.from(GOLDEN, 'hex');
    const longer = Buffer.concat([
      bytes.subarray(0, 80),
      Buffer.alloc(8),
      bytes.subarray(80),
      Buffer.alloc(16),
    ]);
    longer.writeUInt16LE(2, 8);
    longer.writeUInt16LE(88, 10);
    longer.writeUInt16LE(160, 12);
    // The checksum covers whole records.
    let hash = 0x811c9dc5;
    for (const byte of longer.subarray(88)) hash = Math.imul(hash ^ byte, 0x01000193);
    longer.writeUInt32LE(hash >>> 0, 28);
    expect(decodeHandoff(longer)).toEqual(HANDOFF);
  });

  it.each([
    ['nothing', 0, 'it is cut short'],
    ['a part', 223, 'it is cut short'],
  ])('does not read %s', (_, bytes, because) => {
    expect(decodeHandoff(Uint8Array.from(Buffer.from(GOLDEN, 'hex').subarray(0, bytes)))).toBe(
      because,
    );
  });
});
