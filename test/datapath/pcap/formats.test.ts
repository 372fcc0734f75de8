/** Every file format and link type the reader knows, and what it does with damaged files. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { CaptureError } from '../../../src/datapath/pcap/capture.ts';
import {
  LINKTYPE_ETHERNET,
  LINKTYPE_IPV4,
  LINKTYPE_LINUX_SLL,
  LINKTYPE_LINUX_SLL2,
  LINKTYPE_LOOP,
  LINKTYPE_NULL,
  LINKTYPE_RAW,
} from '../../../src/datapath/pcap/link-layer.ts';
import { isCapture, readCapture } from '../../../src/datapath/pcap/read-capture.ts';
import { writePcap } from '../../../src/datapath/pcap/write-pcap.ts';
import { seg } from '../../helpers/segment-builder.ts';

const FOUR = seg({ payload: 'four' });
const SIX = seg({ family: 6, payload: 'six' });
const TIME_US = 1_700_000_000_123_456;

/** A number in `size` bytes of either order. */
function num(value: number, size: 2 | 4 | 8, little: boolean): number[] {
  const view = new DataView(new ArrayBuffer(size));
  if (size === 2) view.setUint16(0, value, little);
  else if (size === 4) view.setUint32(0, value, little);
  else view.setBigUint64(0, BigInt(value), little);
  return [...new Uint8Array(view.buffer)];
}

function pcap(little: boolean, nanos: boolean, linkType: number, frames: number[][]): Uint8Array {
  const n = (value: number, size: 2 | 4) => num(value, size, little);
  const file = [
    ...n(nanos ? 0xa1b23c4d : 0xa1b2c3d4, 4),
    ...[...n(2, 2), ...n(4, 2), ...n(0, 4), ...n(0, 4), ...n(65_535, 4), ...n(linkType, 4)],
  ];
  for (const frame of frames) {
    const fraction = nanos ? 123_456_789 : 123_456;
    file.push(...n(1_700_000_000, 4), ...n(fraction, 4));
    file.push(...n(frame.length, 4), ...n(frame.length + 7, 4), ...frame);
  }
  return Uint8Array.from(file);
}

function block(type: number, body: number[], little: boolean): number[] {
  const padded = [...body, ...Array<number>((4 - (body.length % 4)) % 4).fill(0)];
  const bytes = num(padded.length + 12, 4, little);
  return [...num(type, 4, little), ...bytes, ...padded, ...bytes];
}

function section(little: boolean): number[] {
  const n = (value: number, size: 2 | 4) => num(value, size, little);
  const length = Array<number>(8).fill(0xff);
  return block(0x0a0d0d0a, [...n(0x1a2b3c4d, 4), ...n(1, 2), ...n(0, 2), ...length], little);
}

function nameInterface(linkType: number, little: boolean, options: number[] = []): number[] {
  const head = [...num(linkType, 2, little), 0, 0, ...num(0, 4, little)];
  return block(1, [...head, ...options], little);
}

function enhanced(id: number, ticks: number, frame: number[], little: boolean): number[] {
  const n = (value: number) => num(value, 4, little);
  const time = [...n(Math.floor(ticks / 2 ** 32)), ...n(ticks % 2 ** 32)];
  return block(6, [...n(id), ...time, ...n(frame.length), ...n(frame.length), ...frame], little);
}

const MACS = Array<number>(12).fill(2);

describe('readCapture(), pcap', () => {
  for (const little of [true, false]) {
    for (const nanos of [true, false]) {
      it(`reads ${little ? 'little' : 'big'}-endian ${nanos ? 'nano' : 'micro'}seconds`, () => {
        const file = pcap(little, nanos, LINKTYPE_RAW, [[...FOUR], [...SIX]]);
        const { frames, cutShort } = readCapture(file);
        expect(cutShort).toBe(false);
        expect(frames).toHaveLength(2);
        expect(frames[0]).toMatchObject({ frame: 1, len: FOUR.length, wireBytes: FOUR.length + 7 });
        expect(frames[0]?.timeUs).toBeCloseTo(TIME_US + (nanos ? 0.789 : 0), 0);
        expect(frames[1]).toMatchObject({ frame: 2, linkType: LINKTYPE_RAW, len: SIX.length });
      });
    }
  }

  it.each<[string, number, number[]]>([
    ['Ethernet', LINKTYPE_ETHERNET, [...MACS, 8, 0]],
    ['VLAN', LINKTYPE_ETHERNET, [...MACS, 0x81, 0, 0, 5, 8, 0]],
    ['QinQ', LINKTYPE_ETHERNET, [...MACS, 0x88, 0xa8, 0, 5, 0x81, 0, 0, 6, 8, 0]],
    ['SLL', LINKTYPE_LINUX_SLL, [...Array<number>(14).fill(0), 8, 0]],
    ['SLL2', LINKTYPE_LINUX_SLL2, [8, 0, ...Array<number>(18).fill(0)]],
    ['null, little-endian', LINKTYPE_NULL, [2, 0, 0, 0]],
    ['null, big-endian', LINKTYPE_NULL, [0, 0, 0, 2]],
    ['loop', LINKTYPE_LOOP, [0, 0, 0, 2]],
    ['raw', LINKTYPE_RAW, []],
    ['raw, DLT number', 12, []],
    ['IPv4', LINKTYPE_IPV4, []],
    ['Ethernet with an FCS length', 0x14000001, [...MACS, 8, 0]],
  ])('finds IP behind %s', (_name, linkType, header) => {
    const [frame] = readCapture(pcap(true, false, linkType, [[...header, ...FOUR]])).frames;
    if (frame === undefined) throw new Error('no frame');
    expect(frame.off - frame.linkOff).toBe(header.length);
    const ip = frame.bytes.subarray(frame.off, frame.off + frame.len);
    expect(Buffer.compare(ip, FOUR)).toBe(0);
  });

  it('keeps frames without IP, so that numbers are those of tshark', () => {
    const arp = [...MACS, 8, 6, ...Array<number>(28).fill(0)];
    const file = pcap(true, false, LINKTYPE_ETHERNET, [arp, [...MACS, 8, 0, ...FOUR], [1, 2, 3]]);
    expect(readCapture(file).frames.map(({ frame, len }) => [frame, len])).toEqual([
      [1, 0],
      [2, FOUR.length],
      [3, 0],
    ]);
  });

  it('reads up to where a cut file ends, wherever it was cut', () => {
    const file = pcap(true, false, LINKTYPE_RAW, [[...FOUR], [...SIX]]);
    for (let bytes = 24; bytes < file.length; bytes++) {
      const { frames, cutShort } = readCapture(file.subarray(0, bytes));
      const whole = bytes >= 24 + 16 + FOUR.length ? 1 : 0;
      expect(frames).toHaveLength(whole);
      expect(cutShort).toBe(bytes !== 24 && bytes !== 24 + 16 + FOUR.length);
    }
  });
});

describe('readCapture(), pcapng', () => {
  for (const little of [true, false]) {
    it(`reads ${little ? 'little' : 'big'}-endian sections, resolutions and offsets`, () => {
      const opt = (code: number, value: number[]) => {
        const fill = Array<number>((4 - (value.length % 4)) % 4).fill(0);
        return [...num(code, 2, little), ...num(value.length, 2, little), ...value, ...fill];
      };
      const nanos = opt(9, [9]);
      const milli = [...opt(9, [0x80 | 10]), ...opt(14, num(1_700_000_000, 8, little))];
      const file = Uint8Array.from([
        ...section(little),
        ...nameInterface(LINKTYPE_RAW, little),
        ...nameInterface(LINKTYPE_ETHERNET, little, nanos),
        ...nameInterface(LINKTYPE_RAW, little, milli),
        ...block(0x99, [1, 2, 3, 4], little),
        ...enhanced(0, TIME_US, [...SIX], little),
        ...enhanced(1, 5_000_000, [...MACS, 8, 0, ...FOUR], little),
        ...enhanced(2, 512, [...FOUR], little),
        ...block(3, [...num(FOUR.length, 4, little), ...FOUR], little),
        ...block(
          2,
          [
            ...[...num(0, 2, little), ...num(0, 2, little)],
            ...[...num(0, 4, little), ...num(9, 4, little)],
            ...[...num(SIX.length, 4, little), ...num(SIX.length, 4, little), ...SIX],
          ],
          little,
        ),
        ...enhanced(7, 0, [...FOUR], little), // of an interface nobody described
      ]);
      const { frames, cutShort } = readCapture(file);
      expect(cutShort).toBe(false);
      expect(frames.map(({ timeUs, len }) => [timeUs, len])).toEqual([
        [TIME_US, SIX.length],
        [5000, FOUR.length],
        [1_700_000_000_500_000, FOUR.length],
        [0, FOUR.length],
        [9, SIX.length],
      ]);
    });
  }

  it('changes byte order and interfaces with the section', () => {
    const file = Uint8Array.from([
      ...section(true),
      ...nameInterface(LINKTYPE_RAW, true),
      ...enhanced(0, 1, [...FOUR], true),
      ...section(false),
      ...nameInterface(LINKTYPE_ETHERNET, false),
      ...enhanced(0, 2, [...MACS, 0x86, 0xdd, ...SIX], false),
    ]);
    const { frames } = readCapture(file);
    expect(frames.map(({ timeUs, len }) => [timeUs, len])).toEqual([
      [1, FOUR.length],
      [2, SIX.length],
    ]);
  });

  it('ends on damaged and cut blocks instead of running on', () => {
    const whole = [
      ...section(true),
      ...nameInterface(LINKTYPE_RAW, true),
      ...enhanced(0, 1, [...FOUR], true),
    ];
    for (let bytes = 28; bytes < whole.length; bytes++) {
      const { frames } = readCapture(Uint8Array.from(whole.slice(0, bytes)));
      expect(frames).toHaveLength(0);
    }
    const zero = Uint8Array.from([...whole, ...Array<number>(16).fill(0)]);
    expect(readCapture(zero)).toMatchObject({ cutShort: true, frames: [{ frame: 1 }] });
  });
});

describe('readCapture(), the rest', () => {
  it('unpacks gzip', () => {
    const file = gzipSync(pcap(true, false, LINKTYPE_RAW, [[...FOUR]]));
    expect(isCapture(file)).toBe(true);
    expect(readCapture(file).frames).toHaveLength(1);
  });

  it.each<[string, Uint8Array]>([
    ['text', new TextEncoder().encode('12:00:01.123456 IP 10.0.0.1.1 > 10.0.0.2.22: Flags [S]')],
    ['nothing', new Uint8Array(0)],
    ['half a header', Uint8Array.from([0xd4, 0xc3, 0xb2, 0xa1, 2, 0])],
    ['broken gzip', Uint8Array.from([0x1f, 0x8b, 8, 0, 1, 2, 3])],
  ])('refuses %s with one line that says so', (_name, bytes) => {
    expect(() => readCapture(bytes)).toThrow(CaptureError);
    expect(() => readCapture(bytes)).toThrow(/^Cannot (read|unpack)[^\n]*$/);
  });

  it('reads back what writePcap() wrote', () => {
    const packets = [FOUR, SIX].map((packet, i) => ({
      timeUs: TIME_US + i * 1_500_000 + 0.25,
      bytes: Uint8Array.from([9, ...packet, 9]),
      off: 1,
      len: packet.length,
    }));
    const { frames } = readCapture(writePcap(packets, LINKTYPE_RAW));
    expect(frames.map(({ timeUs }) => timeUs)).toEqual([TIME_US, TIME_US + 1_500_000]);
    for (const [i, packet] of [FOUR, SIX].entries()) {
      const frame = frames[i];
      if (frame === undefined) throw new Error('no frame');
      const back = frame.bytes.subarray(frame.off, frame.off + frame.len);
      expect(Buffer.compare(back, packet)).toBe(0);
    }
  });
});
