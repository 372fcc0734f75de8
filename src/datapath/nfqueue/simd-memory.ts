/**
 * Sums packet memory 64 octets at a time with 128-bit instructions: WebAssembly memory, and the one
 * function that reads it. Owns the code of that function, assembled here by hand.
 *
 * JavaScript turns each 32-bit word into a double and adds it: 10 GB/s. The kernel asks for a whole
 * checksum of up to 64 KiB for every translated arrival; at that speed it was a fifth of a core at
 * 13 Gbit/s. This makes 52 GB/s (bench/engine.mjs). Opcodes: WebAssembly Core 2.0 §5.4.
 *
 *   (func (export "sum") (param $at i32) (param $end i32) (result i32)
 *     (local $a v128) (local $b v128)
 *     (loop
 *       $a += extadd(load $at); $b += extadd(load $at + 16); $a += … + 32; $b += … + 48
 *       (br_if 0 (i32.lt_u (local.tee $at (i32.add $at 64)) $end)))
 *     the four lanes of $a + $b, added)
 */

import type { SimdSum } from '../../engine/wire/checksum.ts';

export interface SimdMemory {
  /** Zeroed, and never moved. */
  readonly buffer: ArrayBuffer;
  readonly sum: SimdSum;
}

/** The part of the JavaScript interface that is used; TypeScript knows it for browsers only. */
declare const WebAssembly: {
  readonly Memory: new (size: { initial: number; maximum: number }) => { buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object, imports: object) => { exports: Record<string, unknown> };
};

const PAGE_BYTES = 65_536;

const I32 = 0x7f;
const V128 = 0x7b;
const VOID = 0x40;
const LOOP = 0x03;
const END = 0x0b;
const BR_IF = 0x0d;
const GET = 0x20;
const SET = 0x21;
const TEE = 0x22;
const I32_CONST = 0x41;
const I32_LT_U = 0x49;
const I32_ADD = 0x6a;
const SIMD = 0xfd;
const LOAD = [SIMD, 0x00, 0]; // v128.load, of any alignment
const EXTRACT_LANE = [SIMD, 0x1b]; // i32x4.extract_lane
const EXTADD = [SIMD, 0x7f]; // i32x4.extadd_pairwise_i16x8_u
const I32X4_ADD = [SIMD, 0xae, 0x01];

const AT = 0;
const END_AT = 1;
const A = 2;
const B = 3;

/** `undefined` where there is no WebAssembly, or no address space for it: ulimit -v, --jitless. */
export function openSimdMemory(bytes: number): SimdMemory | undefined {
  const pages = Math.ceil(bytes / PAGE_BYTES);
  try {
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    const module = new WebAssembly.Module(moduleBytes());
    const { exports } = new WebAssembly.Instance(module, { m: { m: memory } });
    return { buffer: memory.buffer, sum: exports['sum'] as SimdSum };
  } catch {
    return undefined;
  }
}

function moduleBytes(): Uint8Array<ArrayBuffer> {
  const name = [...'sum'].map((letter) => letter.charCodeAt(0));
  const m = [1, 0x6d]; // a name of one letter
  return new Uint8Array([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 2, I32, I32, 1, I32]), // one type
    ...section(2, [1, ...m, ...m, 2, 0, 1]), // imports m.m, a memory of at least one page
    ...section(3, [1, 0]), // one function, of that type
    ...section(7, [1, name.length, ...name, 0, 0]),
    ...section(10, [1, ...sized(functionBody())]),
  ]);
}

function functionBody(): number[] {
  const lane = (index: number) => [GET, A, ...EXTRACT_LANE, index];
  return [
    ...[1, 2, V128], // locals
    ...[LOOP, VOID],
    ...addBlock(A, 0),
    ...addBlock(B, 16),
    ...addBlock(A, 32),
    ...addBlock(B, 48),
    ...[GET, AT, I32_CONST, 0xc0, 0x00, I32_ADD, TEE, AT], // 64, as signed LEB128
    ...[GET, END_AT, I32_LT_U, BR_IF, 0],
    END,
    ...[GET, A, GET, B, ...I32X4_ADD, SET, A],
    ...lane(0),
    ...[1, 2, 3].flatMap((index) => [...lane(index), I32_ADD]),
    END,
  ];
}

/** accumulator += the eight 16-bit words at `offset`, in pairs. */
function addBlock(accumulator: number, offset: number): number[] {
  return [
    ...[GET, accumulator, GET, AT],
    ...[...LOAD, offset],
    ...EXTADD,
    ...I32X4_ADD,
    ...[SET, accumulator],
  ];
}

function section(id: number, body: readonly number[]): number[] {
  return [id, ...sized(body)];
}

/** A length below 2^14 in LEB128, and what it counts. */
function sized(body: readonly number[]): number[] {
  const { length } = body;
  return [...(length < 128 ? [length] : [(length & 127) | 128, length >> 7]), ...body];
}
