/**
 * One TCP entry of connection tracking as ctnetlink tells it: what of it matters for translation,
 * why it must not be touched, and the entry that takes its place. Offsets are octets, int32.
 * Owns nothing. linux/netfilter/nf_conntrack_common.h for IPS_*.
 */
import { addressWords, type FlowAddress, formatAddress } from '../../telemetry/flow-address.ts';
import * as c from '../nfqueue/libc.ts';
import * as a from './attributes.ts';

const IPS_EXPECTED = 1;
const IPS_SEEN_REPLY = 1 << 1;
const IPS_ASSURED = 1 << 2;
const IPS_CONFIRMED = 1 << 3;
const IPS_NAT = (1 << 4) | (1 << 5);
const IPS_SEQ_ADJUST = 1 << 6;
/** Without it a blind reset, let through by be-liberal tracking, leaves the entry ten seconds. */
const IPS_FIXED_TIMEOUT = 1 << 10;
const IPS_HELPER = 1 << 13;
const IPS_OFFLOAD = (1 << 14) | (1 << 15);
/** 0x40e */
const STATUS_OURS = IPS_FIXED_TIMEOUT | IPS_CONFIRMED | IPS_ASSURED | IPS_SEEN_REPLY;
const TCP_CONNTRACK_ESTABLISHED = 3;
export const TCP_CONNTRACK_TIME_WAIT = 7;
/** BE_LIBERAL | SACK_PERM, flags and mask: the new entry knows no windows. */
const LIBERAL = new Uint8Array([0x0a, 0x0a]);
const IPPROTO_TCP = 6;

/** Why the kernel does not translate a flow; numbers are API (`kept-in-userspace`). */
export const REFUSED_NO_ENTRY = 1;
export const REFUSED_NAT = 2;
export const REFUSED_HELPER = 3;
export const REFUSED_ZONE = 4;
export const REFUSED_OFFLOAD = 5;
export const REFUSED_SYNPROXY = 6;
export const REFUSED_SHIFTED = 7;
export const REFUSED_STATE = 8;
export const REFUSED_SECURITY = 9;
export const REFUSED_CREATE = 10;
export const REFUSED_UNVERIFIED = 11;

const WHY: Readonly<Record<number, string>> = {
  [REFUSED_NO_ENTRY]: 'conntrack has no such connection (other zone, NAT, or not tracked)',
  [REFUSED_NAT]: 'its addresses are translated (NAT)',
  [REFUSED_HELPER]: 'a conntrack helper looks after it',
  [REFUSED_ZONE]: 'it is in a conntrack zone',
  [REFUSED_OFFLOAD]: 'it is in a flowtable',
  [REFUSED_SYNPROXY]: 'a SYN proxy answers for it',
  [REFUSED_SHIFTED]: 'conntrack shifts its numbers already',
  [REFUSED_STATE]: 'conntrack does not call it established',
  [REFUSED_SECURITY]: 'it carries a security mark',
  [REFUSED_CREATE]: 'conntrack refused the new entry',
  [REFUSED_UNVERIFIED]: 'the new entry did not read back as it was written',
};

export function whyRefused(refused: number): string {
  return WHY[refused] ?? `reason ${refused}`;
}

export interface Entry {
  readonly family: 4 | 6;
  readonly attributes: a.Attributes;
  readonly status: number;
  readonly tcpState: number;
  /** Seconds until the kernel forgets it. */
  readonly timeoutS: number;
  /** What conntrack adds to the numbers of replies; 0: nothing. */
  readonly replyOffset: number;
  readonly mark: number;
}

export function readEntry(family: 4 | 6, attributes: a.Attributes): Entry {
  const tcp = a.inside(a.inside(attributes, a.CTA_PROTOINFO), a.PROTOINFO_TCP);
  const shift = a.inside(attributes, a.CTA_SEQ_ADJ_REPLY);
  const [before, after] = [a.SEQADJ_BEFORE, a.SEQADJ_AFTER].map((type) => a.int32(shift, type));
  return {
    family,
    attributes,
    status: a.int32(attributes, a.CTA_STATUS),
    tcpState: tcp.get(a.TCP_STATE)?.[0] ?? 0,
    timeoutS: a.int32(attributes, a.CTA_TIMEOUT) >>> 0,
    replyOffset: before === after ? (after ?? 0) : 0,
    mark: a.int32(attributes, a.CTA_MARK),
  };
}

/** REFUSED_*, or 0: it may be exchanged. */
export function refusal(entry: Entry, flow: FlowAddress): number {
  const { attributes, status } = entry;
  const reply = attributes.get(a.CTA_TUPLE_REPLY) ?? new Uint8Array(0);
  const straight = a.joined([tuple(a.CTA_TUPLE_REPLY, flow, false)]).subarray(4);
  if ((status & IPS_NAT) !== 0 || !sameTuple(reply, straight)) return REFUSED_NAT;
  if ((status & (IPS_HELPER | IPS_EXPECTED)) !== 0) return REFUSED_HELPER;
  if (attributes.has(a.CTA_HELP) || attributes.has(a.CTA_TUPLE_MASTER)) return REFUSED_HELPER;
  if (attributes.has(a.CTA_ZONE)) return REFUSED_ZONE;
  if ((status & IPS_OFFLOAD) !== 0) return REFUSED_OFFLOAD;
  if (hasSynproxy(attributes)) return REFUSED_SYNPROXY;
  if (attributes.has(a.CTA_SECCTX)) return REFUSED_SECURITY;
  const shifted = attributes.has(a.CTA_SEQ_ADJ_ORIG) || attributes.has(a.CTA_SEQ_ADJ_REPLY);
  if (shifted || (status & IPS_SEQ_ADJUST) !== 0) return REFUSED_SHIFTED;
  return entry.tcpState === TCP_CONNTRACK_ESTABLISHED ? 0 : REFUSED_STATE;
}

/** What ctnetlink has made has the extension, with nothing in it. */
function hasSynproxy(attributes: a.Attributes): boolean {
  const words = [...a.inside(attributes, a.CTA_SYNPROXY).values()];
  return words.some((value) => value.some((byte) => byte !== 0));
}

function sameTuple(told: Uint8Array, written: Uint8Array): boolean {
  return addresses(told) === addresses(written);
}

/** The octets of a tuple, whatever the order of its attributes. */
function addresses(bytes: Uint8Array): string {
  const parts = [a.TUPLE_IP, a.TUPLE_PROTO].map((type) => {
    return [...a.inside(a.readAttributes(bytes), type)]
      .sort(([one], [other]) => one - other)
      .map(([name, value]) => `${name}:${[...value].join('.')}`);
  });
  return parts.flat().join(' ');
}

/** One of ours: shifted, with a fixed timeout, and by nobody's helper or NAT. */
export function isOurs(entry: Entry): boolean {
  const all = IPS_SEQ_ADJUST | IPS_FIXED_TIMEOUT;
  const none = IPS_NAT | IPS_HELPER | IPS_EXPECTED;
  return (entry.status & all) === all && (entry.status & none) === 0 && entry.replyOffset !== 0;
}

/** Is it what `replacement` asked for? */
export function isReplaced(entry: Entry, old: Entry, offset: number): boolean {
  const labels = text(entry.attributes.get(a.CTA_LABELS));
  const same = entry.mark === old.mark && labels === text(old.attributes.get(a.CTA_LABELS));
  return same && isOurs(entry) && entry.replyOffset === offset;
}

function text(bytes: Uint8Array | undefined): string {
  return bytes === undefined ? '' : bytes.join('.');
}

/** The attributes of an entry like `old` that shifts replies by `offset`; 0: an ordinary one. */
export function replacement(
  old: Entry,
  flow: FlowAddress,
  offset: number,
  timeoutS: number,
): Uint8Array[] {
  const status = offset === 0 ? STATUS_OURS & ~IPS_FIXED_TIMEOUT : STATUS_OURS;
  const out = [
    tuple(a.CTA_TUPLE_ORIG, flow, true),
    tuple(a.CTA_TUPLE_REPLY, flow, false),
    a.attribute(a.CTA_STATUS, a.be32(status)),
    a.attribute(a.CTA_TIMEOUT, a.be32(timeoutS)),
    a.nested(
      a.CTA_PROTOINFO,
      a.nested(
        a.PROTOINFO_TCP,
        a.attribute(a.TCP_STATE, new Uint8Array([TCP_CONNTRACK_ESTABLISHED])),
        a.attribute(a.TCP_FLAGS_ORIG, LIBERAL),
        a.attribute(a.TCP_FLAGS_REPLY, LIBERAL),
      ),
    ),
  ];
  for (const type of [a.CTA_MARK, a.CTA_LABELS]) {
    const value = old.attributes.get(type);
    if (value !== undefined) out.push(a.attribute(type, value));
  }
  if (offset !== 0) {
    const shift = [
      a.attribute(a.SEQADJ_POSITION, a.be32(0)),
      a.attribute(a.SEQADJ_BEFORE, a.be32(offset)),
      a.attribute(a.SEQADJ_AFTER, a.be32(offset)),
    ];
    out.push(a.nested(a.CTA_SEQ_ADJ_REPLY, ...shift));
  }
  return out;
}

/** The near end is the initiator: a flow is re-anchored by its SYN-ACKs. */
export function tuple(type: number, flow: FlowAddress, original: boolean): Uint8Array {
  const ip = flow.family === 6 ? 3 : 1; // CTA_IP_V6_SRC, CTA_IP_V4_SRC; the destination is next
  const near = addressBytes(flow.nearAddr, flow.family);
  const far = addressBytes(flow.farAddr, flow.family);
  const ports = original ? [flow.nearPort, flow.farPort] : [flow.farPort, flow.nearPort];
  return a.nested(
    type,
    a.nested(
      a.TUPLE_IP,
      a.attribute(ip, original ? near : far),
      a.attribute(ip + 1, original ? far : near),
    ),
    a.nested(
      a.TUPLE_PROTO,
      a.attribute(1, new Uint8Array([IPPROTO_TCP])),
      ...ports.map((port, i) => a.attribute(2 + i, new Uint8Array([port >>> 8, port & 0xff]))),
    ),
  );
}

/** Of an entry of ours: its originator is the near end. */
export function flowOf(entry: Entry): FlowAddress {
  const original = a.inside(entry.attributes, a.CTA_TUPLE_ORIG);
  const ip = a.inside(original, a.TUPLE_IP);
  const ports = a.inside(original, a.TUPLE_PROTO);
  const first = entry.family === 6 ? 3 : 1;
  const address = (type: number) => formatAddress(words(ip.get(type)), 0, entry.family);
  const port = (type: number) => {
    const bytes = ports.get(type);
    return ((bytes?.[0] ?? 0) << 8) | (bytes?.[1] ?? 0);
  };
  return {
    family: entry.family,
    nearAddr: address(first),
    nearPort: port(2),
    farAddr: address(first + 1),
    farPort: port(3),
  };
}

function words(bytes: Uint8Array | undefined): Int32Array {
  const out = new Int32Array(4);
  if (bytes === undefined) return out;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let i = 0; i * 4 + 4 <= bytes.length; i++) out[i] = view.getInt32(4 * i, false);
  return out;
}

function addressBytes(address: string, family: 4 | 6): Uint8Array {
  const from = addressWords(address);
  return a.joined([...from.subarray(0, family === 6 ? 4 : 1)].map(a.be32));
}

export function familyNumber(family: 4 | 6): number {
  return family === 6 ? c.AF_INET6 : c.AF_INET;
}
