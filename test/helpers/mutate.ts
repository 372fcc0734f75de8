/**
 * Malformed packets: a corpus of everything the builder and the public captures have, and seeded
 * damage to it. Checksums are left wrong: the engine believes the kernel's word for them.
 */

import { captureNames, publicCapture } from './public-captures.ts';
import type { Random } from './seed.ts';
import { seg } from './segment-builder.ts';

/** Longest packet of the corpus; no mutant is longer either. */
export const MUTANT_BYTES_MAX = 1600;

const ACK = 0x10;
const SYN = 0x02;
const RST = 0x04;
const FIN = 0x01;

/** Whole packets, all shapes, at most MUTANT_BYTES_MAX bytes each. */
export function corpus(): Uint8Array[] {
  const packets: Uint8Array[] = [];
  for (const family of [4, 6] as const) {
    for (const flags of [SYN, SYN | ACK, ACK, ACK | FIN, RST, RST | ACK, 0, 0xff]) {
      packets.push(
        seg({ family, flags }),
        seg({ family, flags, mss: 1460, sackPermitted: true, ts: [1, 2], wndScale: 7 }),
        seg({
          family,
          flags,
          ts: [3, 4],
          sack: [
            [1, 2],
            [3, 4],
            [5, 6],
          ],
          payload: 'data',
        }),
        seg({ family, flags, options: [30, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 34, 2] }),
        seg({ family, flags, ipOptions: [7, 7, 4, 0, 0, 0, 0, 0], payload: 'x'.repeat(700) }),
      );
    }
  }
  const options8 = [0, 1, 4, 0, 0, 0, 0];
  const atomic = [0, 0, 0, 1, 2, 3, 4];
  const ah = [4, 0, 0, ...Array<number>(20).fill(9)];
  packets.push(
    seg({
      family: 6,
      extensions: [
        [0, options8],
        [43, [0, 4, 0, 0, 0, 0, 0]],
        [60, options8],
      ],
    }),
    seg({
      family: 6,
      extensions: [
        [44, atomic],
        [51, ah],
      ],
      ts: [1, 2],
      payload: 'deep',
    }),
    seg({ fragment: 0x2000 }),
    seg({ protocol: 17 }),
  );
  for (const name of captureNames()) {
    for (const { bytes, off, len } of publicCapture(name).frames.slice(0, 60)) {
      if (len > 0 && len <= MUTANT_BYTES_MAX) packets.push(bytes.slice(off, off + len));
    }
  }
  return packets;
}

/** Values that lengths and offsets like to be wrong by. */
const NASTY = Uint8Array.from([0, 1, 2, 4, 5, 8, 0x0f, 0x10, 0x3c, 0x40, 0x45, 0x60, 0x7f, 0x80]);

/**
 * Copies `packet` to buf[off, ...), damages it, and returns its new length: bits flipped, nasty
 * values, header bytes above all, cut short or with another packet's bytes behind it.
 */
export function mutate(buf: Uint8Array, off: number, packet: Uint8Array, random: Random): number {
  buf.set(packet, off);
  const bytes = packet.length;
  const hits = random.below(6);
  for (let i = 0; i < hits; i++) {
    const reach = random.below(4) === 0 ? bytes : Math.min(bytes, 80);
    const at = off + random.below(reach);
    const how = random.below(3);
    if (how === 0) buf[at] = (buf[at] ?? 0) ^ (1 << random.below(8));
    else if (how === 1) buf[at] = NASTY[random.below(NASTY.length)] ?? 0;
    else buf[at] = random.below(256);
  }
  const resize = random.below(10);
  if (resize === 0) return random.below(bytes + 1);
  if (resize === 1) return Math.min(bytes + random.below(64), MUTANT_BYTES_MAX);
  return bytes;
}
