/** parseSegment() against the builder: what was put in comes out, wherever the packet lies. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSegment, WIRE_OK } from '../../../src/engine/wire/parse.ts';
import { FIN, Segment, SYN } from '../../../src/engine/wire/segment.ts';
import { SEED, SEED_HINT } from '../../helpers/seed.ts';
import { arenaOf, type SegmentSpec, seg } from '../../helpers/segment-builder.ts';

const u32 = fc.nat(0xffffffff);
const u16 = fc.nat(0xffff);

const spec: fc.Arbitrary<SegmentSpec> = fc.record(
  {
    family: fc.constantFrom<4 | 6>(4, 6),
    srcPort: u16,
    dstPort: u16,
    seq: u32,
    ack: u32,
    flags: fc.nat(255),
    wnd: u16,
    ttl: fc.nat(255),
    flowLabel: fc.nat(0xfffff),
    ts: fc.tuple(u32, u32),
    sack: fc.array(fc.tuple(u32, u32), { minLength: 1, maxLength: 3 }),
    payload: fc.uint8Array({ maxLength: 64 }),
  },
  { requiredKeys: ['family', 'seq', 'ack', 'flags'] },
);

describe(`parseSegment() (${SEED_HINT})`, () => {
  it('returns what was built', () => {
    fc.assert(
      fc.property(spec, fc.nat(9), (given, off) => {
        const packet = seg(given);
        const { buf } = arenaOf(packet, off);
        const view = new Segment();
        expect(parseSegment(buf, off, packet.length, view)).toBe(WIRE_OK);
        const { seq = 0, ack = 0, flags = 0 } = given;
        const payloadBytes = given.payload?.length ?? 0;
        const syn = (flags & SYN) !== 0 ? 1 : 0;
        const fin = (flags & FIN) !== 0 ? 1 : 0;
        expect(view).toMatchObject({
          family: given.family,
          ipOff: off,
          ipBytes: packet.length,
          payloadBytes,
          payloadOff: off + packet.length - payloadBytes,
          srcPort: given.srcPort ?? 40_000,
          dstPort: given.dstPort ?? 22,
          segSeq: seq | 0,
          segAck: ack | 0,
          segLen: payloadBytes + syn + fin,
          segWnd: given.wnd ?? 64_240,
          flags,
          ttl: given.ttl ?? 64,
          flowLabel: given.family === 6 ? (given.flowLabel ?? 0) : 0,
          tsVal: (given.ts?.[0] ?? 0) | 0,
          tsEcr: (given.ts?.[1] ?? 0) | 0,
          sackCount: given.sack?.length ?? 0,
        });
      }),
      { seed: SEED, numRuns: 2000 },
    );
  });
});
