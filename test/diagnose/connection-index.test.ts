/** The table of connections by octets: both directions, both families, what it forgets. */
import { describe, expect, it } from 'vitest';
import { ConnectionIndex } from '../../src/diagnose/connection-index.ts';
import { parseSegment, WIRE_OK } from '../../src/engine/wire/parse.ts';
import { Segment } from '../../src/engine/wire/segment.ts';
import { type SegmentSpec, seg } from '../helpers/segment-builder.ts';

class Table {
  readonly index = new ConnectionIndex();
  private readonly segment = new Segment();

  find(spec: SegmentSpec, mayAdd = true) {
    const bytes = new Uint8Array(256);
    const packet = seg(spec);
    bytes.set(packet);
    expect(parseSegment(bytes, 0, packet.length, this.segment)).toBe(WIRE_OK);
    return this.index.find(bytes, this.segment, mayAdd);
  }
}

const FORTH: SegmentSpec = { src: '10.0.0.1', srcPort: 40_000, dst: '10.0.0.2', dstPort: 22 };
const BACK: SegmentSpec = { src: '10.0.0.2', srcPort: 22, dst: '10.0.0.1', dstPort: 40_000 };

describe('ConnectionIndex', () => {
  it('finds one connection from both ends, and says which end it was', () => {
    const table = new Table();
    const forth = table.find(FORTH);
    const wasLow = table.index.fromLow;
    expect(table.find(BACK)).toBe(forth);
    expect(table.index.fromLow).toBe(!wasLow);
    const ends = forth && [`${forth.low} ${forth.lowPort}`, `${forth.high} ${forth.highPort}`];
    expect(ends?.sort()).toEqual(['10.0.0.1 40000', '10.0.0.2 22']);
  });

  it.each<[string, SegmentSpec]>([
    ['another port', { ...FORTH, srcPort: 40_001 }],
    ['ports the other way round', { ...FORTH, srcPort: 22, dstPort: 40_000 }],
    ['another address', { ...FORTH, src: '10.0.0.3' }],
    ['another family', { family: 6, srcPort: 40_000, dstPort: 22 }],
    [
      'a v6 address of the same words',
      { family: 6, src: 'a00:1::', dst: 'a00:2::', srcPort: 40_000 },
    ],
  ])('tells %s apart', (_what, other) => {
    const table = new Table();
    expect(table.find(other)).not.toBe(table.find(FORTH));
  });

  it('tells two ends apart that share an address, by their ports', () => {
    const table = new Table();
    const to: SegmentSpec = { src: '10.0.0.1', dst: '10.0.0.1', srcPort: 5, dstPort: 0x8005 };
    const found = table.find(to);
    expect(table.index.fromLow).toBe(true);
    expect(table.find({ ...to, srcPort: 0x8005, dstPort: 5 })).toBe(found);
    expect(table.index.fromLow).toBe(false);
  });

  it('adds nothing when it may not, and nothing beyond its limit', () => {
    const table = new Table();
    expect(table.find(FORTH, false)).toBe(undefined);
    for (let port = 0; port < 32_768; port++) {
      expect(table.find({ ...FORTH, srcPort: port })).toBeDefined();
    }
    expect(table.find({ ...FORTH, srcPort: 40_000 })).toBe(undefined);
    expect(table.find({ ...FORTH, srcPort: 7 })).toBeDefined();
  });

  it('forgets what was over at the sweep before, and finds the rest', () => {
    const table = new Table();
    const ports = Array.from({ length: 3000 }, (_, index) => index + 1);
    const entries = ports.map((port) => table.find({ ...FORTH, srcPort: port }));
    const isOver = (port: number) => port % 3 === 0;
    for (const [index, port] of ports.entries()) {
      const entry = entries[index];
      if (entry !== undefined && isOver(port)) entry.connection.isOver = true;
    }
    table.index.forget();
    for (const [index, port] of ports.entries()) {
      const found = table.find({ ...FORTH, srcPort: port }, false);
      expect(found).toBe(isOver(port) ? undefined : entries[index]);
    }
    // There is room for as many as before.
    for (let port = 10_000; port < 10_000 + 32_768 - 2000; port++) {
      expect(table.find({ ...FORTH, srcPort: port })).toBeDefined();
    }
    expect(table.find({ ...FORTH, srcPort: 9999 })).toBe(undefined);
  });
});
