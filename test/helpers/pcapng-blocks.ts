/**
 * Blocks of pcapng files in either byte order, from a few facts, for tests of the reader. Owns the
 * layout (draft-ietf-opsawg-pcapng §4), which it shares nothing with `src` about.
 */
export const SECTION_HEADER = 0x0a0d0d0a;
export const INTERFACE = 1;
export const OLD_PACKET = 2;
export const SIMPLE_PACKET = 3;
export const NAMES = 4;
export const STATISTICS = 5;
export const ENHANCED_PACKET = 6;

export type Option = readonly [code: number, value: readonly number[]];

/** A number in `size` bytes. */
export function num(value: number | bigint, size: 1 | 2 | 4 | 8, little: boolean): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (let count = 0; count < size; count++) {
    bytes.push(Number(rest & 0xffn));
    rest >>= 8n;
  }
  return little ? bytes : bytes.reverse();
}

export class BlockWriter {
  readonly little: boolean;

  constructor(little: boolean) {
    this.little = little;
  }

  block(type: number, body: readonly number[]): number[] {
    const padded = pad(body);
    const bytes = num(padded.length + 12, 4, this.little);
    return [...num(type, 4, this.little), ...bytes, ...padded, ...bytes];
  }

  options(options: readonly Option[]): number[] {
    const { little } = this;
    const each = options.flatMap(([code, value]) => {
      return [...num(code, 2, little), ...num(value.length, 2, little), ...pad(value)];
    });
    return options.length === 0 ? [] : [...each, 0, 0, 0, 0];
  }

  section(options: readonly Option[] = []): number[] {
    const { little } = this;
    const version = [...num(1, 2, little), ...num(0, 2, little)];
    const length = num(0xffff_ffff_ffff_ffffn, 8, little);
    const body = [...num(0x1a2b3c4d, 4, little), ...version, ...length, ...this.options(options)];
    return this.block(SECTION_HEADER, body);
  }

  interface(linkType: number, snapBytes: number, options: readonly Option[] = []): number[] {
    const head = [...num(linkType, 2, this.little), 0, 0, ...num(snapBytes, 4, this.little)];
    return this.block(INTERFACE, [...head, ...this.options(options)]);
  }

  enhanced(
    id: number,
    ticks: bigint,
    frame: readonly number[],
    options: readonly Option[] = [],
  ): number[] {
    const n = (value: number | bigint) => num(value, 4, this.little);
    const head = [...n(id), ...n(ticks >> 32n), ...n(ticks & 0xffff_ffffn)];
    const lengths = [...n(frame.length), ...n(frame.length)];
    const body = [...head, ...lengths, ...pad(frame), ...this.options(options)];
    return this.block(ENHANCED_PACKET, body);
  }

  simple(frame: readonly number[]): number[] {
    return this.block(SIMPLE_PACKET, [...num(frame.length, 4, this.little), ...frame]);
  }

  statistics(id: number, options: readonly Option[]): number[] {
    const head = [...num(id, 4, this.little), ...num(0n, 8, this.little)];
    return this.block(STATISTICS, [...head, ...this.options(options)]);
  }

  /** 64 bits, as the counters are. */
  count(code: number, value: number | bigint): Option {
    return [code, num(value, 8, this.little)];
  }
}

function pad(bytes: readonly number[]): number[] {
  return [...bytes, ...Array<number>((4 - (bytes.length % 4)) % 4).fill(0)];
}
