/**
 * pcapng made block by block, in both byte orders, with sections, interfaces, options and blocks of
 * all kinds: whole ones are read as they were made, in pieces of any size; damaged ones, whose
 * lengths lie, that are cut, doubled or changed, end in one line, and no octet behind what is there
 * makes a difference. Also packed, in several members. Seeded, bounded.
 */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { CaptureReader, WINDOW_BYTES } from '../../../src/datapath/pcap/capture-reader.ts';
import { LINKTYPE_ETHERNET, LINKTYPE_RAW } from '../../../src/datapath/pcap/link-layer.ts';
import { diagnoseStream } from '../../../src/diagnose/diagnose.ts';
import { BlockWriter, NAMES, num, OLD_PACKET, type Option } from '../../helpers/pcapng-blocks.ts';
import { Random, SEED, SEED_HINT } from '../../helpers/seed.ts';
import { seg } from '../../helpers/segment-builder.ts';

const WHOLE_COUNT = 250;
const DAMAGED_COUNT = 1500;
const DIAGNOSED_COUNT = 250;
const TIME_LIMIT_MS = 2500;
const MACS = Array<number>(12).fill(2);
const PACKETS = [
  [...seg({ flags: 2 })],
  [...seg({ payload: 'hello' })],
  [...seg({ family: 6, payload: 'sixes' })],
  [1, 2, 3],
];

/** What the reader should say of a frame. */
interface Expected {
  readonly timeUs: number;
  readonly linkBytes: number;
}

interface Made {
  readonly bytes: Uint8Array;
  /** Where each block begins. */
  readonly blocks: readonly number[];
  readonly frames: readonly Expected[];
  readonly lost: number;
}

/** One file; owns what the section and its interfaces are while it grows. */
class FileMaker {
  private readonly random: Random;
  private readonly out: number[] = [];
  private readonly blocks: number[] = [];
  private readonly frames: Expected[] = [];
  private write = new BlockWriter(true);
  private interfaces: { linkType: number; tickUs: number; epochUs: number }[] = [];
  private lost = 0;

  constructor(random: Random) {
    this.random = random;
  }

  make(): Made {
    this.section();
    const count = 2 + this.random.below(14);
    for (let index = 0; index < count; index++) this.next();
    const { blocks, frames, lost } = this;
    return { bytes: Uint8Array.from(this.out), blocks, frames, lost };
  }

  private add(block: readonly number[]): void {
    this.blocks.push(this.out.length);
    for (const octet of block) this.out.push(octet);
  }

  private next(): void {
    const { random, write } = this;
    const kind = random.below(12);
    if (kind === 0) this.section();
    else if (kind <= 2) this.describeInterface();
    else if (kind <= 7) this.packet();
    else if (kind === 8) this.statistics();
    else if (kind === 9) this.add(write.block(NAMES, this.octets(random.below(20))));
    else if (kind === 10) this.add(write.block(100 + random.below(1e6), this.octets(9)));
    else this.add(write.enhanced(99, 0n, this.frame())); // of an interface nobody described
  }

  private section(): void {
    this.write = new BlockWriter(this.random.below(2) === 0);
    this.interfaces = [];
    this.add(this.write.section(this.comments()));
    this.describeInterface();
  }

  private describeInterface(): void {
    const { random, write } = this;
    const linkType = random.below(2) === 0 ? LINKTYPE_RAW : LINKTYPE_ETHERNET;
    const options: Option[] = this.comments();
    let tickUs = 1;
    let epochUs = 0;
    if (random.below(2) === 0) {
      const [resolution = 6, us = 1] =
        [
          [9, 0.001],
          [3, 1000],
          [0x80 | 10, 1e6 / 1024],
        ][random.below(3)] ?? [];
      options.push([9, [resolution]]);
      tickUs = us;
    }
    if (random.below(3) === 0) {
      const seconds = random.below(1e9) - 1000;
      options.push([14, num(seconds, 8, write.little)]);
      epochUs = seconds * 1e6;
    }
    this.interfaces.push({ linkType, tickUs, epochUs });
    this.add(write.interface(linkType, 0, options));
  }

  private packet(): void {
    const { random, write } = this;
    const id = random.below(this.interfaces.length);
    const from = this.interfaces[id];
    if (from === undefined) return;
    const frame = this.frame(from.linkType);
    const ticks = BigInt(random.below(2 ** 31)) * 4096n;
    const timeUs = from.epochUs + Number(ticks) * from.tickUs;
    const kind = random.below(5);
    if (kind === 0) {
      const first = this.frame(this.interfaces[0]?.linkType);
      this.add(write.simple(first));
      this.frames.push({ timeUs: 0, linkBytes: first.length });
      return;
    }
    if (kind === 1) {
      const head = [...num(id, 2, write.little), 0xff, 0xff];
      const n = (value: number | bigint) => num(value, 4, write.little);
      const time = [...n(ticks >> 32n), ...n(ticks & 0xffff_ffffn)];
      const lengths = [...n(frame.length), ...n(frame.length)];
      this.add(write.block(OLD_PACKET, [...head, ...time, ...lengths, ...frame]));
    } else this.add(write.enhanced(id, ticks, frame, this.packetOptions()));
    this.frames.push({ timeUs, linkBytes: frame.length });
  }

  private packetOptions(): Option[] {
    const options = this.comments();
    if (this.random.below(3) === 0) {
      options.push([2, num(this.random.below(2 ** 16), 4, this.write.little)]);
    }
    return options;
  }

  private statistics(): void {
    const packets = this.random.below(100);
    const id = this.interfaces.length;
    this.describeInterface();
    this.add(this.write.statistics(id, [this.write.count(5, packets)]));
    this.lost += packets;
  }

  private comments(): Option[] {
    return this.random.below(3) === 0 ? [[1, this.octets(this.random.below(12))]] : [];
  }

  private frame(linkType = LINKTYPE_RAW): number[] {
    const packet = PACKETS[this.random.below(PACKETS.length)] ?? [];
    if (linkType === LINKTYPE_RAW) return packet;
    const type = (packet[0] ?? 0) >> 4 === 6 ? [0x86, 0xdd] : [8, 0];
    return [...MACS, ...type, ...packet];
  }

  private octets(count: number): number[] {
    return Array.from({ length: count }, () => this.random.below(256));
  }
}

/** Everything that the reader says, as one text. */
function readAll(bytes: Uint8Array, pieceBytes: number, beyond: number): string {
  const window = new Uint8Array(WINDOW_BYTES + 0x20000);
  window.fill(beyond, 0, 2 * bytes.length + 4096);
  const said: unknown[] = [];
  const reader = new CaptureReader((frame) => {
    const { timeUs, off, len, linkOff, linkBytes, wireBytes, side } = frame;
    expect(off >= linkOff && off + len <= linkOff + linkBytes).toBe(true);
    expect(linkOff + linkBytes).toBeLessThanOrEqual(WINDOW_BYTES);
    const content = Buffer.from(frame.bytes.subarray(linkOff, linkOff + linkBytes));
    said.push([timeUs, off - linkOff, len, wireBytes, side, content.toString('latin1')]);
  }, window);
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    reader.push(bytes.subarray(at, at + pieceBytes));
  }
  try {
    reader.end();
  } catch (error) {
    said.push(String(error));
  }
  said.push(reader.lostPackets, reader.cutShort);
  return JSON.stringify(said);
}

const LENGTHS = [
  0, 1, 3, 4, 8, 11, 12, 16, 27, 28, 32, 40, 0xffff, 0x7ffffffc, 0x80000000, 0xffffffff,
];

/** Up to four of what goes wrong with files. */
function damage({ bytes, blocks }: Made, random: Random): Uint8Array {
  let out = Buffer.from(bytes);
  for (let count = 1 + random.below(4); count > 0 && out.length > 8; count--) {
    const block = blocks[random.below(blocks.length)] ?? 0;
    const at = Math.min(block, out.length - 8);
    const kind = random.below(6);
    if (kind === 0) out.writeUInt32LE(LENGTHS[random.below(LENGTHS.length)] ?? 0, at + 4);
    else if (kind === 1) out.writeUInt32BE(LENGTHS[random.below(LENGTHS.length)] ?? 0, at + 4);
    else if (kind === 2) out[random.below(out.length)] = random.below(256);
    else if (kind === 3) out = out.subarray(0, 1 + random.below(out.length));
    else if (kind === 4) {
      // A length within the block: of a packet, an option, a name.
      const inside = Math.min(out.length - 4, at + 8 + 4 * random.below(12));
      out.writeUInt32LE(LENGTHS[random.below(LENGTHS.length)] ?? 0, inside);
    } else out = Buffer.concat([out.subarray(0, at), out.subarray(Math.max(0, at - 20))]);
  }
  return out;
}

describe(`pcapng (${SEED_HINT})`, () => {
  it('that is whole is read as it was made', () => {
    const random = new Random(SEED);
    for (let run = 0; run < WHOLE_COUNT; run++) {
      const { bytes, frames, lost } = new FileMaker(random).make();
      const whole = readAll(bytes, bytes.length, 0);
      const said = JSON.parse(whole) as [number, number, number, number, number, string][];
      const read = said.slice(0, -2).map(([timeUs, , , , , content]) => {
        return { timeUs, linkBytes: content.length };
      });
      expect(read, `run ${run}`).toEqual(frames);
      expect(said.slice(-2), `run ${run}`).toEqual([lost, false]);
      expect(readAll(bytes, 1 + random.below(40), 0xff), `run ${run}`).toBe(whole);
    }
  }, 20_000);

  it('that is damaged ends in one line, whatever stands behind it', () => {
    const random = new Random(SEED ^ 0x5eed);
    const until = performance.now() + TIME_LIMIT_MS;
    let runs = 0;
    for (; runs < DAMAGED_COUNT && performance.now() < until; runs++) {
      const bytes = damage(new FileMaker(random).make(), random);
      const first = readAllOr(bytes, bytes.length, 0);
      expect(readAllOr(bytes, 1 + random.below(60), 0xff), `run ${runs}`).toBe(first);
    }
    expect(runs).toBeGreaterThan(50);
  }, 20_000);

  it('that is damaged is diagnosed up to there, packed or not', async () => {
    const random = new Random(SEED ^ 0xd1a6);
    const until = performance.now() + TIME_LIMIT_MS;
    for (let run = 0; run < DIAGNOSED_COUNT && performance.now() < until; run++) {
      const made = new FileMaker(random).make();
      const bytes = random.below(3) === 0 ? made.bytes : damage(made, random);
      const file = packed(bytes, random);
      const size = 1 + random.below(300);
      async function* pieces(): AsyncGenerator<Uint8Array> {
        for (let at = 0; at < file.length; at += size) yield file.subarray(at, at + size);
      }
      try {
        const outcome = await diagnoseStream('x', pieces());
        const { problem = 'Cannot' } = outcome;
        expect(problem, `run ${run}`).toMatch(/^("x"|Cannot)[^\n]*$/);
      } catch (error) {
        expect(String(error), `run ${run}`).toMatch(/^CaptureError: Cannot [^\n]+$/);
      }
    }
  }, 20_000);
});

/** A file of which not even the first octets are right is refused with an error. */
function readAllOr(bytes: Uint8Array, pieceBytes: number, beyond: number): string {
  try {
    return readAll(bytes, pieceBytes, beyond);
  } catch (error) {
    const text = String(error);
    expect(text).toMatch(/^CaptureError: Cannot [^\n]+$/);
    return text;
  }
}

/** As it is, in one member, in several, or in several of which the last is cut. */
function packed(bytes: Uint8Array, random: Random): Uint8Array {
  const kind = random.below(4);
  if (kind === 0) return bytes;
  const at = random.below(bytes.length);
  const parts = kind === 1 ? [bytes] : [bytes.subarray(0, at), bytes.subarray(at)];
  const file = Buffer.concat(parts.map((part) => gzipSync(part)));
  return kind === 3 ? file.subarray(0, file.length - 1 - random.below(20)) : file;
}
