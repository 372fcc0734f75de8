/** buildControl(): read back by the parser, checked by the slow model. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildControl, CONTROL_BYTES_MAX, ControlSegment } from '../../../src/engine/wire/build.ts';
import { put32 } from '../../../src/engine/wire/bytes.ts';
import { parseSegment, WIRE_OK } from '../../../src/engine/wire/parse.ts';
import { ACK, RST, Segment } from '../../../src/engine/wire/segment.ts';
import { SEED, SEED_HINT } from '../../helpers/seed.ts';
import { addressBytes, type SegmentSpec, seg } from '../../helpers/segment-builder.ts';

function addressWords(text: string, words: Int32Array): void {
  const bytes = Uint8Array.from(addressBytes(text));
  for (let i = 0; i < bytes.length; i += 4) words[i / 4] = new DataView(bytes.buffer).getInt32(i);
}

/** The same segment by `seg`, which shares no code with `buildControl`. */
function both(spec: Required<Pick<SegmentSpec, 'family' | 'seq' | 'ack' | 'flags'>> & SegmentSpec) {
  const control = new ControlSegment();
  const src = spec.src ?? (spec.family === 4 ? '192.0.2.1' : '2001:db8::1');
  const dst = spec.dst ?? (spec.family === 4 ? '198.51.100.200' : '2001:db8:ffff::fe');
  addressWords(src, control.srcAddr);
  addressWords(dst, control.dstAddr);
  control.family = spec.family;
  control.srcPort = spec.srcPort ?? 40_000;
  control.dstPort = spec.dstPort ?? 22;
  control.seq = spec.seq | 0;
  control.ack = spec.ack | 0;
  control.flags = spec.flags;
  control.wnd = spec.wnd ?? 64_240;
  control.ttl = spec.ttl ?? 64;
  control.flowLabel = spec.flowLabel ?? 0;
  control.dontFragment = (spec.dontFragment ?? true) ? 1 : 0;
  control.tsOn = spec.ts === undefined ? 0 : 1;
  control.tsVal = (spec.ts?.[0] ?? 0) | 0;
  control.tsEcr = (spec.ts?.[1] ?? 0) | 0;
  const buf = new Uint8Array(3 + CONTROL_BYTES_MAX + 8).fill(0xaa);
  const bytes = buildControl(buf, 3, control);
  return { buf, bytes, want: seg({ ...spec, src, dst, ipId: 0 }) };
}

describe(`buildControl() (${SEED_HINT})`, () => {
  it('writes what the independent builder writes, and not one byte more', () => {
    const u32 = fc.nat(0xffffffff);
    fc.assert(
      fc.property(
        fc.record(
          {
            family: fc.constantFrom<4 | 6>(4, 6),
            seq: u32,
            ack: u32,
            flags: fc.constantFrom(ACK, RST, RST | ACK),
            srcPort: fc.nat(0xffff),
            wnd: fc.nat(0xffff),
            ttl: fc.nat(255),
            flowLabel: fc.nat(0xfffff),
            dontFragment: fc.boolean(),
            ts: fc.tuple(u32, u32),
          },
          { requiredKeys: ['family', 'seq', 'ack', 'flags'] },
        ),
        (spec) => {
          const { buf, bytes, want } = both(spec);
          expect([...buf.subarray(3, 3 + bytes)]).toEqual([...want]);
          expect(buf.subarray(0, 3).every((b) => b === 0xaa)).toBe(true);
          expect(buf.subarray(3 + bytes).every((b) => b === 0xaa)).toBe(true);
        },
      ),
      { seed: SEED, numRuns: 2000 },
    );
  });

  it('is parsed back', () => {
    const { buf, bytes } = both({ family: 6, seq: -1, ack: 5, flags: RST | ACK, ts: [9, 8] });
    const view = new Segment();
    expect(parseSegment(buf, 3, bytes, view)).toBe(WIRE_OK);
    expect(view).toMatchObject({ segSeq: -1, segAck: 5, flags: RST | ACK, tsVal: 9, tsEcr: 8 });
  });

  it('puts addresses in network order', () => {
    const { buf } = both({ family: 4, seq: 1, ack: 1, flags: ACK });
    const words = new Uint8Array(4);
    put32(words, 0, 0xc0000201);
    expect([...buf.subarray(15, 19)]).toEqual([...words]);
  });
});
