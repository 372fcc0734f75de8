/** What is written as pcapng is read again: by our own reader, block by block, and its comments. */
import { describe, expect, it } from 'vitest';
import { LINKTYPE_RAW } from '../../../src/datapath/pcap/link-layer.ts';
import { readCapture } from '../../../src/datapath/pcap/read-capture.ts';
import {
  interfaceBlock,
  type PacketBlock,
  packetBlock,
  sectionBlock,
  type TimeDigits,
} from '../../../src/datapath/pcap/write-pcapng.ts';
import { commentsOf } from '../../helpers/pcapng-comments.ts';
import { seg } from '../../helpers/segment-builder.ts';

const NOW_US = 1_700_000_000_123_456;

function fileOf(packets: readonly PacketBlock[], digits: TimeDigits = 6): Uint8Array {
  return Buffer.concat([
    sectionBlock('seqshim', 'about'),
    interfaceBlock(LINKTYPE_RAW, 262_144, digits),
    ...packets.map((packet) => packetBlock(packet, digits)),
  ]);
}

function packetOf(bytes: Uint8Array, extra: Partial<PacketBlock> = {}): PacketBlock {
  const { length: len } = bytes;
  return {
    ...{ interfaceId: 0, timeUs: NOW_US, bytes, off: 0, len, wireBytes: len, comments: [] },
    ...extra,
  };
}

describe('packetBlock()', () => {
  it('keeps bytes of any length, their time, and the length on the wire', () => {
    for (const payload of ['', 'a', 'ab', 'abc', 'abcd']) {
      const bytes = seg({ payload });
      const { frames, cutShort } = readCapture(fileOf([packetOf(bytes, { wireBytes: 1500 })]));
      expect(cutShort).toBe(false);
      expect(frames).toHaveLength(1);
      const [frame] = frames;
      if (frame === undefined) throw new Error('no frame');
      const { linkOff, linkBytes, timeUs, wireBytes, linkType } = frame;
      expect(Buffer.from(frame.bytes.subarray(linkOff, linkOff + linkBytes))).toEqual(
        Buffer.from(bytes),
      );
      expect({ timeUs, wireBytes, linkType }).toEqual({
        timeUs: NOW_US,
        wireBytes: 1500,
        linkType: LINKTYPE_RAW,
      });
    }
  });

  it('takes a part of a buffer', () => {
    const bytes = seg({ payload: 'abcdef' });
    const inside = new Uint8Array(bytes.length + 7);
    inside.set(bytes, 5);
    const { frames } = readCapture(fileOf([packetOf(inside, { off: 5, len: bytes.length })]));
    expect(frames[0]?.len).toBe(bytes.length);
    expect(frames[0]?.bytes[frames[0].off]).toBe(0x45);
  });

  it('writes nanoseconds where asked', () => {
    const early = 1_000_000.25;
    const { frames } = readCapture(fileOf([packetOf(seg(), { timeUs: early })], 9));
    expect(frames[0]?.timeUs).toBeCloseTo(early, 3);
  });

  it('carries every comment, cut at a character where one is endless', () => {
    const comments = ['first', 'zwölf – naïve', 'é'.repeat(5000)];
    const file = fileOf([packetOf(seg(), { comments }), packetOf(seg({ payload: 'next' }))]);
    const [told = [], next = []] = commentsOf(file);
    expect(told.slice(0, 2)).toEqual(comments.slice(0, 2));
    expect(told[2]).toBe('é'.repeat(2048));
    expect(next).toEqual([]);
    expect(readCapture(file).frames).toHaveLength(2);
  });
});
