/**
 * How ctnetlink writes things: netlink attributes, nested ones, and messages of them
 * (linux/netfilter/nfnetlink_conntrack.h). Headers are host order, values network order.
 * Owns nothing.
 */
export const NLM_F_REQUEST = 1;
export const NLM_F_ACK = 4;
export const NLM_F_DUMP = 0x300;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;
export const CT_NEW = 0x100;
export const CT_GET = 0x101;
export const CT_DELETE = 0x102;

export const CTA_TUPLE_ORIG = 1;
export const CTA_TUPLE_REPLY = 2;
export const CTA_STATUS = 3;
export const CTA_PROTOINFO = 4;
export const CTA_HELP = 5;
export const CTA_TIMEOUT = 7;
export const CTA_MARK = 8;
export const CTA_ID = 12;
export const CTA_TUPLE_MASTER = 14;
export const CTA_SEQ_ADJ_ORIG = 15;
export const CTA_SEQ_ADJ_REPLY = 16;
export const CTA_ZONE = 18;
export const CTA_SECCTX = 19;
export const CTA_LABELS = 22;
export const CTA_SYNPROXY = 24;
export const CTA_STATUS_MASK = 26;
/** Inside CTA_TUPLE_*, CTA_PROTOINFO, CTA_SEQ_ADJ_*. */
export const TUPLE_IP = 1;
export const TUPLE_PROTO = 2;
export const PROTOINFO_TCP = 1;
export const TCP_STATE = 1;
export const TCP_FLAGS_ORIG = 4;
export const TCP_FLAGS_REPLY = 5;
export const SEQADJ_POSITION = 1;
export const SEQADJ_BEFORE = 2;
export const SEQADJ_AFTER = 3;

const NESTED = 0x8000;
const TYPE_MASK = 0x3fff;
/** nlmsghdr and nfgenmsg. */
export const HEADER_BYTES = 20;

export type Attributes = ReadonlyMap<number, Uint8Array>;

export function attribute(type: number, value: Uint8Array): Uint8Array {
  const bytes = new Uint8Array((value.length + 7) & ~3);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, value.length + 4, true);
  view.setUint16(2, type, true);
  bytes.set(value, 4);
  return bytes;
}

export function nested(type: number, ...inner: readonly Uint8Array[]): Uint8Array {
  return attribute(type | NESTED, joined(inner));
}

export function message(
  type: number,
  flags: number,
  family: number,
  sequence: number,
  attributes: readonly Uint8Array[],
): Uint8Array {
  const body = joined(attributes);
  const bytes = new Uint8Array(HEADER_BYTES + body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, flags | NLM_F_REQUEST, true);
  view.setUint32(8, sequence, true);
  bytes[16] = family;
  bytes.set(body, HEADER_BYTES);
  return bytes;
}

/** The attributes in [from, end), copied. */
export function readAttributes(bytes: Uint8Array, from = 0, end = bytes.length): Attributes {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const found = new Map<number, Uint8Array>();
  for (let at = from; at + 4 <= end; at += (view.getUint16(at, true) + 3) & ~3) {
    const size = view.getUint16(at, true);
    if (size < 4 || at + size > end) break;
    found.set(view.getUint16(at + 2, true) & TYPE_MASK, bytes.slice(at + 4, at + size));
  }
  return found;
}

export function inside(attributes: Attributes, type: number): Attributes {
  return readAttributes(attributes.get(type) ?? new Uint8Array(0));
}

export function be32(value: number): Uint8Array {
  return new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);
}

/** int32, or 0 where it is absent. */
export function int32(attributes: Attributes, type: number): number {
  const value = attributes.get(type);
  return value === undefined || value.length < 4
    ? 0
    : new DataView(value.buffer, value.byteOffset).getInt32(0, false);
}

export function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
