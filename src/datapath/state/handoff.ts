/**
 * The handoff: what an upgrade needs of the connections that live by seqshim, where the next
 * program lays its tables out differently. Written when a service leaves, read once by the next
 * start, by the two releases that follow the one that wrote it. Owns the format, version 1,
 * little-endian:
 *
 *     0   8  magic "seqshand"
 *     8   2  version                       10   2  bytes of this header (80)
 *    12   2  bytes of a record (144)       14   2  zero
 *    16   4  records                       20   4  engine ms when written
 *    24   4  packet queues in all          28   4  FNV-1a over all records
 *    32  36  boot id, ASCII                72   8  inode of the network namespace
 *
 * then the records; what a later version appends to header or record an older reader skips:
 *
 *     0   1  family, 4 or 6                 1   1  number of the packet queue, from 0
 *     2   2  flags (HANDOFF_*)              4   2  near port        6   2  far port
 *     8  16  near address, network order   24  16  far address (IPv4: the first four bytes)
 *    40   4  far numbering minus near numbering, of what the far end sends
 *    44   4  path numbering minus near numbering, of what the near end sends
 *    48   4  far TSval minus near TSval
 *    52   4  shifts, one byte each: far wrote, near reads, near wrote, far reads
 *    56   4  SACK edge as it arrives minus the octet that is meant
 *    60   4  engine ms when it expires     64   4  engine ms of its last conflict
 *    68  32  near end: ISS, SND.UNA, SND.NXT, SND.WND (octets), TSval, TSecr, window scale, MSS
 *   100  32  far end: the same
 *   132   4  TTLs of the far end, one byte each
 *   136   8  zero
 */
import { fnv1a } from './layout-checksum.ts';

export const HANDOFF_VERSION = 1;
const MAGIC = 'seqshand';
const HEADER_BYTES = 80;
const RECORD_BYTES = 144;
const RECORDS_MAX = 1 << 20;

export const HANDOFF_NEAR_RESPONDS = 1;
export const HANDOFF_TRANSLATED = 2;
export const HANDOFF_JUMPED = 4;
export const HANDOFF_UNSCALED = 8;
export const HANDOFF_KERNEL = 16;
export const HANDOFF_SACK = 32;
export const HANDOFF_TAINTED = 64;
export const HANDOFF_OVER = 128;
export const HANDOFF_TIMESTAMPS = 256;
export const HANDOFF_RULE = 512;

export interface HandoffEnd {
  readonly iss: number;
  readonly sndUna: number;
  readonly sndNxt: number;
  readonly sndWnd: number;
  readonly tsVal: number;
  readonly tsEcr: number;
  readonly wndScale: number;
  readonly mss: number;
}

/** Addresses as four words each, numbers canonical int32. */
export interface HandoffFlow {
  readonly family: 4 | 6;
  readonly queue: number;
  readonly flags: number;
  readonly nearPort: number;
  readonly farPort: number;
  readonly nearAddr: Int32Array;
  readonly farAddr: Int32Array;
  readonly delta: number;
  readonly nearDelta: number;
  readonly tsDelta: number;
  readonly scaleFix: number;
  readonly sackDelta: number;
  readonly expiresMs: number;
  readonly taintAtMs: number;
  readonly near: HandoffEnd;
  readonly far: HandoffEnd;
  readonly farTtls: number;
}

export interface Handoff {
  readonly bootId: string;
  readonly netns: bigint;
  readonly queueCount: number;
  readonly writtenMs: number;
  readonly flows: readonly HandoffFlow[];
}

export function encodeHandoff(handoff: Handoff): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + handoff.flows.length * RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [i, flow] of handoff.flows.entries()) {
    writeFlow(view, HEADER_BYTES + i * RECORD_BYTES, flow);
  }
  bytes.set(new TextEncoder().encode(MAGIC), 0);
  view.setUint16(8, HANDOFF_VERSION, true);
  view.setUint16(10, HEADER_BYTES, true);
  view.setUint16(12, RECORD_BYTES, true);
  view.setUint32(16, handoff.flows.length, true);
  view.setInt32(20, handoff.writtenMs, true);
  view.setUint32(24, handoff.queueCount, true);
  view.setUint32(28, fnv1a(bytes.subarray(HEADER_BYTES)), true);
  bytes.set(new TextEncoder().encode(handoff.bootId).subarray(0, 36), 32);
  view.setBigUint64(72, handoff.netns, true);
  return bytes;
}

/** What it says, or why it cannot be read. */
export function decodeHandoff(bytes: Uint8Array): Handoff | string {
  if (bytes.length < HEADER_BYTES) return 'it is cut short';
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (new TextDecoder().decode(bytes.subarray(0, 8)) !== MAGIC) return 'it is no handoff';
  // A later version only appends: one that does not has another magic.
  const headerBytes = view.getUint16(10, true);
  const recordBytes = view.getUint16(12, true);
  const count = view.getUint32(16, true);
  if (headerBytes < HEADER_BYTES || recordBytes < RECORD_BYTES || count > RECORDS_MAX) {
    return 'it is damaged';
  }
  if (bytes.length !== headerBytes + count * recordBytes) return 'it is cut short';
  if (view.getUint32(28, true) !== fnv1a(bytes.subarray(headerBytes))) return 'it is damaged';
  return {
    bootId: new TextDecoder().decode(bytes.subarray(32, 68)),
    netns: view.getBigUint64(72, true),
    queueCount: view.getUint32(24, true),
    writtenMs: view.getInt32(20, true),
    flows: Array.from({ length: count }, (_, i) => readFlow(view, headerBytes + i * recordBytes)),
  };
}

const END_FIELDS = [
  'iss',
  'sndUna',
  'sndNxt',
  'sndWnd',
  'tsVal',
  'tsEcr',
  'wndScale',
  'mss',
] as const;
const WORD_FIELDS = [
  'delta',
  'nearDelta',
  'tsDelta',
  'scaleFix',
  'sackDelta',
  'expiresMs',
  'taintAtMs',
] as const;

function writeFlow(view: DataView, at: number, flow: HandoffFlow): void {
  view.setUint8(at, flow.family);
  view.setUint8(at + 1, flow.queue);
  view.setUint16(at + 2, flow.flags, true);
  view.setUint16(at + 4, flow.nearPort, true);
  view.setUint16(at + 6, flow.farPort, true);
  for (let i = 0; i < 4; i++) {
    view.setInt32(at + 8 + 4 * i, flow.nearAddr[i] ?? 0, false);
    view.setInt32(at + 24 + 4 * i, flow.farAddr[i] ?? 0, false);
  }
  for (const [i, field] of WORD_FIELDS.entries()) view.setInt32(at + 40 + 4 * i, flow[field], true);
  for (const [i, field] of END_FIELDS.entries()) {
    view.setInt32(at + 68 + 4 * i, flow.near[field], true);
    view.setInt32(at + 100 + 4 * i, flow.far[field], true);
  }
  view.setInt32(at + 132, flow.farTtls, true);
}

function readFlow(view: DataView, at: number): HandoffFlow {
  const address = (from: number) =>
    Int32Array.from({ length: 4 }, (_, i) => view.getInt32(at + from + 4 * i, false));
  const words = <Field extends string>(fields: readonly Field[], from: number) =>
    Object.fromEntries(
      fields.map((field, i) => [field, view.getInt32(at + from + 4 * i, true)]),
    ) as Record<Field, number>;
  return {
    family: view.getUint8(at) === 6 ? 6 : 4,
    queue: view.getUint8(at + 1),
    flags: view.getUint16(at + 2, true),
    nearPort: view.getUint16(at + 4, true),
    farPort: view.getUint16(at + 6, true),
    nearAddr: address(8),
    farAddr: address(24),
    ...words(WORD_FIELDS, 40),
    near: words(END_FIELDS, 68),
    far: words(END_FIELDS, 100),
    farTtls: view.getInt32(at + 132, true),
  };
}
