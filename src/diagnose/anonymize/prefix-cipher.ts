/**
 * Crypto-PAn (Xu, Fan, Ammar, Moon 2002): bit i of an address is flipped, or not, by AES over the i
 * bits before it. Two addresses that share n bits share n bits afterwards, and no two become one.
 * Owns the cipher and its padding. Lengths in bits.
 */
import { type Cipher, createCipheriv } from 'node:crypto';

export const KEY_BYTES = 32;
const BLOCK_BYTES = 16;

export class PrefixCipher {
  private readonly cipher: Cipher;
  private readonly pad: Uint8Array;

  /** The first half of the key is AES-128’s, the other half becomes the padding. */
  constructor(key: Uint8Array) {
    if (key.length !== KEY_BYTES) throw new Error('a key has 32 bytes');
    this.cipher = createCipheriv('aes-128-ecb', key.subarray(0, BLOCK_BYTES), null);
    this.cipher.setAutoPadding(false);
    this.pad = this.cipher.update(key.subarray(BLOCK_BYTES));
  }

  /** The first `kept` bits stay as they are: those of a range that is to be recognised. */
  encrypt(address: Uint8Array, kept: number): Uint8Array {
    const bits = address.length * 8;
    const blocks = new Uint8Array(bits * BLOCK_BYTES);
    for (let bit = 0; bit < bits; bit++) this.placeBlock(blocks, bit, address);
    const sealed = this.cipher.update(blocks);
    const out = Uint8Array.from(address);
    for (let bit = kept; bit < bits; bit++) {
      const flip = (sealed[bit * BLOCK_BYTES] ?? 0) >> 7;
      out[bit >> 3] = (out[bit >> 3] ?? 0) ^ (flip << (7 - (bit & 7)));
    }
    return out;
  }

  /** The padding, its first `bit` bits replaced by the address's. */
  private placeBlock(blocks: Uint8Array, bit: number, address: Uint8Array): void {
    const at = bit * BLOCK_BYTES;
    blocks.set(this.pad, at);
    const whole = bit >> 3;
    blocks.set(address.subarray(0, whole), at);
    const mask = (0xff00 >> (bit & 7)) & 0xff;
    blocks[at + whole] = ((address[whole] ?? 0) & mask) | ((this.pad[whole] ?? 0) & ~mask);
  }
}

/** How many bits two addresses of one length have in common from the left. */
export function commonBits(a: Uint8Array, b: Uint8Array): number {
  for (const [index, byte] of a.entries()) {
    const differ = byte ^ (b[index] ?? 0);
    if (differ !== 0) return index * 8 + Math.clz32(differ) - 24;
  }
  return a.length * 8;
}
