/**
 * The walk over the options of one TCP header (RFC 9293 §3.1, RFC 7323 §2-3, RFC 2018 §2-3).
 *
 * Owns nothing. Reads buf[off, end); writes the option fields of `Segment`, which the caller has
 * reset. Offsets are absolute in the buffer, in bytes.
 */
import { STAT_PASSED_BAD_OPTION } from '../codes.ts';
import { get16, get32 } from './bytes.ts';
import {
  FOREIGN_AO,
  FOREIGN_FAST_OPEN,
  FOREIGN_MD5,
  FOREIGN_MPTCP,
  type Segment,
  SYN,
} from './segment.ts';

const END_OF_LIST = 0;
const NO_OPERATION = 1;
export const KIND_MAXIMUM_SEGMENT_SIZE = 2;
export const KIND_WINDOW_SCALE = 3;
export const KIND_SACK_PERMITTED = 4;
const SACK = 5;
export const KIND_TIMESTAMPS = 8;
const MD5 = 19;
const AUTHENTICATION = 29;
const MULTIPATH = 30;
const FAST_OPEN = 34;
const EXPERIMENT = 254;
const TCP_HEADER_BYTES = 20;
const FAST_OPEN_MAGIC = 0xf989;

/** RFC 7323 §2.3: a larger shift is used as 14, and Linux does so too. */
const WND_SCALE_MAX = 14;

/** NOP, NOP, Timestamps, length 10: what nearly every segment carries. */
const ALIGNED_TIMESTAMPS = 0x0101080a;

/** Returns 0, or the counter of what cannot be understood. */
export function parseOptions(buf: Uint8Array, off: number, end: number, seg: Segment): number {
  if (end - off === 12 && get32(buf, off) === ALIGNED_TIMESTAMPS) {
    setTimestamps(buf, off + 4, seg);
    return 0;
  }
  let at = off;
  while (at < end) {
    const kind = buf[at]!;
    if (kind === END_OF_LIST) return 0;
    if (kind === NO_OPERATION) {
      at++;
      continue;
    }
    if (at + 2 > end) return STAT_PASSED_BAD_OPTION;
    const bytes = buf[at + 1]!;
    if (bytes < 2 || at + bytes > end) return STAT_PASSED_BAD_OPTION;
    if (!readOption(buf, at, kind, bytes, seg)) return STAT_PASSED_BAD_OPTION;
    at += bytes;
  }
  return 0;
}

/** One option that lies wholly inside the header. False when its length is not that of its kind. */
function readOption(
  buf: Uint8Array,
  at: number,
  kind: number,
  bytes: number,
  seg: Segment,
): boolean {
  const syn = (seg.flags & SYN) !== 0;
  switch (kind) {
    case KIND_TIMESTAMPS:
      if (bytes !== 10) return false;
      setTimestamps(buf, at + 2, seg);
      return true;
    case SACK:
      // RFC 2018 §3: one to four blocks; Linux reads no empty option either.
      if (bytes < 10 || bytes > 34 || ((bytes - 2) & 7) !== 0) return false;
      seg.sackOff = at + 2;
      seg.sackCount = (bytes - 2) >> 3;
      return true;
    case KIND_MAXIMUM_SEGMENT_SIZE:
      if (bytes !== 4) return false;
      if (syn) seg.mss = get16(buf, at + 2);
      return true;
    case KIND_WINDOW_SCALE:
      if (bytes !== 3) return false;
      if (syn) seg.wndScale = buf[at + 2]! > WND_SCALE_MAX ? WND_SCALE_MAX : buf[at + 2]!;
      return true;
    case KIND_SACK_PERMITTED:
      if (bytes !== 2) return false;
      if (syn) seg.sackPermitted = 1;
      return true;
    default:
      noteForeign(buf, at, kind, bytes, seg);
      return true;
  }
}

function setTimestamps(buf: Uint8Array, at: number, seg: Segment): void {
  seg.tsOff = at;
  seg.tsVal = get32(buf, at);
  seg.tsEcr = get32(buf, at + 4);
}

/**
 * Options that make a flow one to pass untouched. Any other unknown option is none of our concern.
 */
function noteForeign(buf: Uint8Array, at: number, kind: number, bytes: number, seg: Segment): void {
  if (kind === MD5) seg.foreign |= FOREIGN_MD5;
  else if (kind === AUTHENTICATION) seg.foreign |= FOREIGN_AO;
  else if (kind === MULTIPATH) seg.foreign |= FOREIGN_MPTCP;
  else if (kind === FAST_OPEN) seg.foreign |= FOREIGN_FAST_OPEN;
  else if (kind === EXPERIMENT && bytes >= 4 && get16(buf, at + 2) === FAST_OPEN_MAGIC) {
    // RFC 7413 appendix A
    seg.foreign |= FOREIGN_FAST_OPEN;
  }
}

/** Where an option of a parsed segment stands, or -1. */
export function optionAt(buf: Uint8Array, seg: Segment, kind: number): number {
  const end = seg.tcpOff + seg.tcpHeaderBytes;
  for (let at = seg.tcpOff + TCP_HEADER_BYTES; at < end && buf[at]! !== END_OF_LIST; ) {
    if (buf[at]! === kind) return at;
    at += buf[at]! === NO_OPERATION ? 1 : buf[at + 1]!;
  }
  return -1;
}

/** NOPs in the place of the option at `at`: nothing else moves. */
export function overwriteOption(buf: Uint8Array, at: number): void {
  for (let end = at + buf[at + 1]!, i = at; i < end; i++) buf[i] = NO_OPERATION;
}

/** The most NOPs that follow each other in a parsed segment. */
export function longestNopRun(buf: Uint8Array, seg: Segment): number {
  const end = seg.tcpOff + seg.tcpHeaderBytes;
  let longest = 0;
  let run = 0;
  for (let at = seg.tcpOff + TCP_HEADER_BYTES; at < end && buf[at]! !== END_OF_LIST; ) {
    const isNop = buf[at]! === NO_OPERATION;
    run = isNop ? run + 1 : 0;
    if (run > longest) longest = run;
    at += isNop ? 1 : buf[at + 1]!;
  }
  return longest;
}
