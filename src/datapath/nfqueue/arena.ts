/**
 * The memory that packets are received into, for the life of the process: WebAssembly's, which can
 * be summed with wide instructions, or plain pages where that is not to be had.
 */
import type { SimdSum } from '../../engine/wire/checksum.ts';
import type { Libc } from './libc.ts';
import { openSimdMemory } from './simd-memory.ts';

export interface Arena {
  readonly address: bigint;
  readonly buffer: ArrayBuffer;
  /** Sums this memory; absent for plain pages. */
  readonly simdSum: SimdSum | undefined;
}

export function openArena(libc: Libc, bytes: number): Arena {
  const simd = openSimdMemory(bytes);
  if (simd === undefined) return { ...libc.pages(bytes), simdSum: undefined };
  const { buffer, sum } = simd;
  return { address: libc.addressOf(new Uint8Array(buffer)), buffer, simdSum: sum };
}
