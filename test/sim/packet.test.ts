import { describe, expect, it } from 'vitest';
import { encodePacket, type Packet, readPacket } from '../../src/datapath/sim/packet.ts';
import { Random } from '../../src/datapath/sim/random.ts';
import { SEED } from './seed.ts';

const PACKETS = 500;

describe('a packet of the simulator', () => {
  it('is read as it was written, with right checksums, whatever its options and length', () => {
    const random = new Random(SEED, 0x9ac);
    for (let i = 0; i < PACKETS; i++) {
      const packet = randomPacket(random);
      // A copy knows nothing of what it was made of: it is taken apart octet by octet.
      expect(readPacket(Uint8Array.from(encodePacket(packet))), `packet ${i}`).toEqual(packet);
    }
  });

  it('is refused with any one bit changed that a checksum covers', () => {
    const random = new Random(SEED, 0xb17);
    for (let i = 0; i < PACKETS; i++) {
      const bytes = Uint8Array.from(encodePacket({ ...randomPacket(random), family: 4, ...V4 }));
      const at = random.between(1, bytes.length - 1);
      bytes[at] = (bytes[at] as number) ^ (1 << random.between(0, 7));
      expect(readPacket(bytes), `packet ${i}, octet ${at}`).toBeNull();
    }
  });
});

const V4 = { src: Uint8Array.of(10, 0, 0, 1), dst: Uint8Array.of(10, 0, 1, 2) };

function randomPacket(random: Random): Packet {
  const v4 = random.chance(0.5);
  const octets = (count: number) => Uint8Array.from({ length: count }, () => random.int32() & 0xff);
  const timestamps = random.chance(0.5);
  const edges = 2 * random.between(0, timestamps ? 3 : 4);
  const syn = random.chance(0.2);
  return {
    family: v4 ? 4 : 6,
    src: octets(v4 ? 4 : 16),
    dst: octets(v4 ? 4 : 16),
    srcPort: random.between(1, 65_535),
    dstPort: random.between(1, 65_535),
    seq: random.int32(),
    ack: random.int32(),
    flags: random.between(0, 63),
    wnd: random.between(0, 65_535),
    ttl: random.between(1, 255),
    ipId: v4 ? random.between(0, 65_535) : 0,
    mss: syn ? random.between(536, 9000) : -1,
    wndScale: syn ? random.between(0, 14) : -1,
    sackPermitted: syn,
    timestamps,
    tsVal: timestamps ? random.int32() : 0,
    tsEcr: timestamps ? random.int32() : 0,
    sack: syn ? [] : Array.from({ length: edges }, () => random.int32()),
    payload: octets(random.pick([0, 0, 1, 2, 3, 4, random.between(5, 1460)])),
  };
}
