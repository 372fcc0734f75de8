/**
 * Segments that are predicted are only counted, and nothing of the report may show it: the same
 * flows come out as the long way, packet for packet, whatever happens in a capture. Seeded.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL } from '../../src/datapath/pcap/link-layer.ts';
import { writePcap } from '../../src/datapath/pcap/write-pcap.ts';
import { analyse } from '../../src/diagnose/analyse.ts';
import { CapturePackets } from '../../src/diagnose/capture-packets.ts';
import { FlowBook } from '../../src/diagnose/flow-book.ts';
import { CAPTURES_DIR, CAPTURES_NOTE, captureNames } from '../helpers/public-captures.ts';
import { Random, SEED, SEED_HINT } from '../helpers/seed.ts';
import { type SegmentSpec, seg } from '../helpers/segment-builder.ts';

const RUN_COUNT = 60;
const TURN_COUNT = 90;
const MSS = 100;
const [FIN, SYN, RST, PSH, ACK, URG, ECE] = [1, 2, 4, 8, 16, 32, 64];

interface Side {
  next: number;
  stamp: number;
}

/** One connection, and now and then something that no prediction covers. */
class Talk {
  readonly sides: readonly [Side, Side];
  private readonly random: Random;
  private readonly family: 4 | 6;
  private readonly port: number;
  private readonly stamps: boolean;
  private readonly sllFamily: number;

  constructor(random: Random, port: number, sll: boolean) {
    this.random = random;
    this.family = random.below(3) === 0 ? 6 : 4;
    this.port = port;
    this.stamps = random.below(3) > 0;
    this.sllFamily = sll ? 1 : 0;
    this.sides = [
      { next: random.int32(), stamp: random.int32() },
      { next: random.int32(), stamp: random.int32() },
    ];
  }

  opens(): Uint8Array[] {
    const syn = this.frame(0, { flags: SYN, mss: 1460, sackPermitted: true, ack: 0 });
    this.sides[0].next = (this.sides[0].next + 1) | 0;
    const answer = this.frame(1, { flags: SYN | ACK, mss: 1460, sackPermitted: true });
    this.sides[1].next = (this.sides[1].next + 1) | 0;
    return [syn, answer, this.frame(0, {})];
  }

  /** A segment with data and its acknowledgement, mostly. */
  turn(): Uint8Array[] {
    const { random } = this;
    const from = random.below(3) === 0 ? 1 : 0;
    const to = from === 0 ? 1 : 0;
    const odd = random.below(60);
    if (odd === 0) return [this.frame(from, { flags: RST, ttl: 40 + random.below(30) })];
    if (odd === 1) return [this.frame(from, { flags: RST | ACK })];
    if (odd === 2) return [this.frame(from, { flags: ACK | FIN })];
    if (odd === 3) return [this.frame(to, { wnd: 0 }), this.frame(to, {})];
    if (odd === 4) return [this.frame(to, { sack: [[random.int32(), random.int32()]] })];
    if (odd === 12) return [this.frame(to, { flags: ACK | URG, ttl: 63 })];
    if (odd === 5) return [this.frame(from, { ttl: 63 })];
    if (odd === 6) return [this.frame(from, { seq: random.int32(), payload: 'x' })];
    if (odd === 7) return [this.frame(from, { ack: random.int32() })];
    if (odd === 8) return [this.frame(from, { ts: [0, 0], options: [1, 1] })];
    const sent = this.sides[from].next;
    const size = random.below(4) === 0 ? 0 : 1 + random.below(MSS);
    const flags = ACK | (size > 0 ? PSH : 0) | (random.below(20) === 0 ? ECE : 0);
    const checksum = (['good', 'good', 'good', 'partial', 'bad'] as const)[random.below(5)];
    const payload = new Uint8Array(size).fill(7);
    const frames = [this.frame(from, { flags, payload, checksum: checksum ?? 'good' })];
    this.sides[from].next = (sent + size) | 0;
    if (odd === 9) return [...frames, ...frames];
    if (odd === 10) return [];
    if (odd === 11) return [this.frame(to, {}), ...frames];
    return random.below(5) === 0 ? frames : [...frames, this.frame(to, {})];
  }

  private frame(from: 0 | 1, more: SegmentSpec): Uint8Array {
    const own = this.sides[from];
    const peer = this.sides[from === 0 ? 1 : 0];
    own.stamp = (own.stamp + 1) | 0;
    const hosts = this.family === 4 ? ['10.0.0.1', '10.0.0.2'] : ['fd00::1', 'fd00::2'];
    const packet = seg({
      family: this.family,
      src: hosts[from] ?? '',
      dst: hosts[1 - from] ?? '',
      srcPort: from === 0 ? this.port : 22,
      dstPort: from === 0 ? 22 : this.port,
      seq: own.next,
      ack: peer.next,
      flags: ACK,
      wnd: 500,
      ttl: from === 0 ? 64 : 60,
      ...(this.stamps ? { ts: [own.stamp, peer.stamp] as [number, number], options: [1, 1] } : {}),
      ...more,
    });
    const type = this.family === 4 ? [8, 0] : [0x86, 0xdd];
    const mac = this.random.below(200) === 0 ? 9 : from;
    const ethernet = [2, 0, 0, 0, 0, 1 - from, 2, 0, 0, 0, 0, mac, ...type];
    const cooked = [0, from === 0 ? 4 : 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, mac, 0, 0, ...type];
    return Uint8Array.from([...(this.sllFamily === 1 ? cooked : ethernet), ...packet]);
  }
}

function randomCapture(random: Random): Uint8Array {
  const sll = random.below(2) === 0;
  const talks = [40_000, 40_001, 40_002].map((port) => new Talk(random, port, sll));
  const frames = talks.flatMap((talk) => talk.opens());
  for (let turn = 0; turn < TURN_COUNT; turn++) {
    frames.push(...(talks[random.below(talks.length)]?.turn() ?? []));
  }
  let timeUs = 1_700_000_000_000_000;
  const packets = frames.map((bytes) => {
    timeUs += random.below(40) === 0 ? random.below(9_000_000) : random.below(400_000) - 20;
    const cut = random.below(10) === 0 ? bytes.length - random.below(3) : bytes.length;
    return { timeUs, bytes, off: 0, len: cut };
  });
  return writePcap(packets, sll ? LINKTYPE_LINUX_SLL : LINKTYPE_ETHERNET);
}

/** Everything that findings, hypotheses and pages read. */
function read(capture: Uint8Array, mayPredict: boolean) {
  const book = new FlowBook();
  const packets = new CapturePackets(book, undefined, mayPredict);
  packets.feed(capture);
  packets.end();
  const flows = book.flows.map((flow) => ({
    ...flow,
    kept: flow.kept,
    ...{ packets: undefined, recentPackets: undefined, copy: undefined, run: 0 },
  }));
  const { findings, hypotheses } = analyse(book.flows, { frame: 'frame', captureInterface: '' });
  const text = JSON.stringify({ flows, findings, hypotheses, counts: packets.counts });
  return { report: JSON.parse(text), predicted: packets.predictedCount };
}

describe(`a predicted segment (${SEED_HINT})`, () => {
  it('leaves the same flows and findings as the long way', () => {
    const random = new Random(SEED);
    let predicted = 0;
    for (let run = 0; run < RUN_COUNT; run++) {
      const capture = randomCapture(random);
      const short = read(capture, true);
      const long = read(capture, false);
      expect(short.report, `run ${run}`).toEqual(long.report);
      expect(long.predicted).toBe(0);
      predicted += short.predicted;
    }
    expect(predicted).toBeGreaterThan(RUN_COUNT * 10);
  });
});

describe(CAPTURES_NOTE, () => {
  it('give the same either way', () => {
    for (const name of captureNames()) {
      const capture = readFileSync(join(CAPTURES_DIR, name));
      if (capture[0] === 0x1f) continue;
      expect(read(capture, true).report, name).toEqual(read(capture, false).report);
    }
  });
});
