/**
 * Real packet bytes for tests: IPv4 and IPv6, any extension header, any TCP option, checksums by a
 * slow BigInt model that shares nothing with `src/engine/wire`. Only what a test names differs from
 * the defaults.
 */
export interface SegmentSpec {
  family?: 4 | 6;
  src?: string;
  dst?: string;
  srcPort?: number;
  dstPort?: number;
  seq?: number;
  ack?: number;
  flags?: number;
  wnd?: number;
  ttl?: number;
  ipId?: number;
  dontFragment?: boolean;
  /** IPv6. */
  flowLabel?: number;
  /** IPv4 flags and fragment offset, whole field; overrides `dontFragment`. */
  fragment?: number;
  /** IPv4 options, whole 32-bit words. */
  ipOptions?: Uint8Array | number[];
  /** IPv6 extension headers: [kind, bytes without the next-header octet]. */
  extensions?: Array<[number, number[]]>;
  /** Protocol behind everything; 6 unless told. */
  protocol?: number;
  mss?: number;
  wndScale?: number;
  sackPermitted?: boolean;
  ts?: [number, number];
  sack?: Array<[number, number]>;
  /** Raw option bytes in front of those above. */
  options?: Uint8Array | number[];
  payload?: Uint8Array | number[] | string;
  urgent?: number;
  /** 'good' unless told; 'partial' leaves the bare pseudo-header sum. */
  checksum?: 'good' | 'partial' | 'bad';
}

const CLIENT: Record<4 | 6, string> = { 4: '10.0.0.1', 6: 'fd00::1' };
const SERVER: Record<4 | 6, string> = { 4: '10.0.0.2', 6: 'fd00::2' };

/** The bytes of one packet, in an ArrayBuffer of its own (so at a 4-byte boundary). */
export function seg(spec: SegmentSpec = {}): Uint8Array {
  const family = spec.family ?? 4;
  const src = addressBytes(spec.src ?? CLIENT[family]);
  const dst = addressBytes(spec.dst ?? SERVER[family]);
  const tcp = tcpBytes(spec);
  writeChecksum(tcp, src, dst, spec.checksum ?? 'good');
  const head = family === 4 ? ip4Header(spec, src, dst, tcp) : ip6Header(spec, src, dst, tcp);
  return Uint8Array.from([...head, ...tcp]);
}

/** A packet copied to `off` of an arena of its own, for code that wants an arena. */
export function arenaOf(packet: Uint8Array, off = 0): { buf: Uint8Array; words: Uint32Array } {
  const buf = new Uint8Array((off + packet.length + 7) & ~3);
  buf.set(packet, off);
  return { buf, words: new Uint32Array(buf.buffer) };
}

/** Dotted or colon form to bytes; `::` expands. */
export function addressBytes(text: string): number[] {
  if (!text.includes(':')) return text.split('.').map(Number);
  const [left = '', right] = text.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const head = groups(left);
  const tail = right === undefined ? [] : groups(right);
  const zeros = Array<string>(8 - head.length - tail.length).fill('0');
  return [...head, ...zeros, ...tail].flatMap((g) => be16(Number.parseInt(g, 16)));
}

/** RFC 1071 in the most obvious way there is: one big number modulo 0xffff. */
export function slowSum(bytes: ArrayLike<number>): number {
  let total = 0n;
  for (let i = 0; i < bytes.length; i += 2) {
    total += BigInt(((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0));
  }
  const rest = Number(total % 0xffffn);
  return rest === 0 && total > 0n ? 0xffff : rest;
}

export function be16(value: number): number[] {
  return [(value >>> 8) & 0xff, value & 0xff];
}

export function be32(value: number): number[] {
  return [...be16(value >>> 16), ...be16(value & 0xffff)];
}

function tcpBytes(spec: SegmentSpec): Uint8Array {
  const options = optionBytes(spec);
  const payload =
    typeof spec.payload === 'string' ? new TextEncoder().encode(spec.payload) : spec.payload;
  return Uint8Array.from([
    ...be16(spec.srcPort ?? 40_000),
    ...be16(spec.dstPort ?? 22),
    ...be32(spec.seq ?? 1000),
    ...be32(spec.ack ?? 0),
    ((20 + options.length) >> 2) << 4,
    spec.flags ?? 0x10,
    ...be16(spec.wnd ?? 64_240),
    ...be16(0),
    ...be16(spec.urgent ?? 0),
    ...options,
    ...(payload ?? []),
  ]);
}

function optionBytes(spec: SegmentSpec): number[] {
  const bytes = [...(spec.options ?? [])];
  if (spec.mss !== undefined) bytes.push(2, 4, ...be16(spec.mss));
  if (spec.sackPermitted) bytes.push(4, 2);
  if (spec.ts) bytes.push(...pad(bytes, 2), 8, 10, ...be32(spec.ts[0]), ...be32(spec.ts[1]));
  if (spec.wndScale !== undefined) bytes.push(3, 3, spec.wndScale);
  if (spec.sack) {
    bytes.push(...pad(bytes, 2), 5, 2 + 8 * spec.sack.length);
    for (const [left, right] of spec.sack) bytes.push(...be32(left), ...be32(right));
  }
  while (bytes.length % 4 !== 0) bytes.push(1);
  if (bytes.length > 40) throw new Error(`${bytes.length} bytes of options do not fit`);
  return bytes;
}

/** NOPs so that what follows starts at `phase` of a word, as Linux lays options out. */
function pad(bytes: number[], phase: number): number[] {
  return Array<number>((((phase - bytes.length) % 4) + 4) % 4).fill(1);
}

function writeChecksum(tcp: Uint8Array, src: number[], dst: number[], kind: string): void {
  const pseudo = [...src, ...dst, ...be32(tcp.length), ...be32(6)];
  const sum = kind === 'partial' ? slowSum(pseudo) : ~slowSum([...pseudo, ...tcp]) & 0xffff;
  tcp.set(be16(kind === 'bad' ? (sum + 0x1234) & 0xffff : sum), 16);
}

function ip4Header(spec: SegmentSpec, src: number[], dst: number[], tcp: Uint8Array): number[] {
  const options = [...(spec.ipOptions ?? [])];
  const bytes = 20 + options.length;
  const total = bytes + tcp.length;
  const header = [
    0x40 | (bytes >> 2),
    0,
    ...be16(total > 65_535 ? 0 : total),
    ...be16(spec.ipId ?? 0x1234),
    ...be16(spec.fragment ?? ((spec.dontFragment ?? true) ? 0x4000 : 0)),
    spec.ttl ?? 64,
    spec.protocol ?? 6,
    ...be16(0),
    ...src,
    ...dst,
    ...options,
  ];
  const [high = 0, low = 0] = be16(~slowSum(header));
  header[10] = high;
  header[11] = low;
  return header;
}

function ip6Header(spec: SegmentSpec, src: number[], dst: number[], tcp: Uint8Array): number[] {
  const extensions = spec.extensions ?? [];
  const kinds = [...extensions.map(([kind]) => kind), spec.protocol ?? 6];
  const between = extensions.flatMap(([, rest], i) => [kinds[i + 1] ?? 6, ...rest]);
  const payload = between.length + tcp.length;
  return [
    ...be32(0x60000000 | (spec.flowLabel ?? 0)),
    ...be16(payload > 65_535 ? 0 : payload),
    kinds[0] ?? 6,
    spec.ttl ?? 64,
    ...src,
    ...dst,
    ...between,
  ];
}
