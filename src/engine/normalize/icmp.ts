// @pathology error-in-other-numbers | RFC 1191 §6, RFC 8201 §4, RFC 5927 §4.1 | translates the SEQ that an ICMP error quotes | on translated flows
/**
 * A router that cannot forward a segment says so to its sender, and quotes it as it saw it (path
 * MTU discovery). The sender believes that only of a number that it has in flight. On a translated
 * flow the two ends number differently: what comes to the near end from beyond us quotes wire
 * numbers, what goes to the far end from this side of us (on a gateway) quotes near numbers.
 *
 * Reads the table of the flow, with several queues also those of other threads: errors come from
 * routers, whose addresses tell nothing of the flow's. Writes the quoted SEQ and the ICMP checksum.
 */
import { ICMP_TRANSLATED } from '../codes.ts';
import { type Core, enforce } from '../core.ts';
import { event } from '../emit.ts';
import type { FlowTable } from '../flow/flow-table.ts';
import {
  DELTA,
  FLOW_FLAGS,
  FLOW_NEAR_RESPONDS,
  FLOW_RESYNCED,
  FLOW_ROW_WORDS,
  FLOW_TRANSLATED,
  HALF_WORDS,
  NEAR_DELTA,
  SND_NXT,
  SND_UNA,
} from '../flow/layout.ts';
import { INFO_TRUNCATED, VERDICT_ACCEPT, VERDICT_REWRITTEN } from '../verdict.ts';
import { get16, get32 } from '../wire/bytes.ts';
import { rewrite32 } from '../wire/checksum.ts';
import { seqAdd, seqLeq } from '../wire/seq.ts';

const ICMP_HEADER_BYTES = 8;
const IP4_HEADER_BYTES = 20;
const IP6_HEADER_BYTES = 40;
/** What a quote holds of the segment at least (RFC 792): ports and SEQ. */
const QUOTED_BYTES = 8;
const PROTOCOL_ICMP = 1;
const PROTOCOL_TCP = 6;
const PROTOCOL_ICMP6 = 58;
/** Destination unreachable, fragmentation needed; packet too big. Type and code in one. */
const FRAGMENTATION_NEEDED = 0x0304;
const PACKET_TOO_BIG = 0x0200;

/** A packet that is no TCP; it goes on as it is unless it quotes a translated flow. */
export function normalizeIcmp(core: Core, toFar: boolean): number {
  const buf = core.buf;
  const quote = quoteAt(core);
  if (quote < 0 || (core.info & INFO_TRUNCATED) !== 0) return VERDICT_ACCEPT;
  const tcp = segmentAt(core, quote);
  if (tcp < 0) return VERDICT_ACCEPT;
  const seg = core.seg;
  seg.ipOff = quote;
  seg.srcPort = get16(buf, tcp);
  seg.dstPort = get16(buf, tcp + 2);
  core.flows.setKey(buf, seg, !toFar); // the segment went the other way
  const seq = get32(buf, tcp + 4);
  for (let i = -1; i < core.others.length; i++) {
    const flows = i < 0 ? core.flows : core.others[i]!;
    if (i >= 0) for (let k = 0; k < flows.key.length; k++) flows.key[k] = core.flows.key[k]!;
    const flow = flows.find();
    if (flow < 0) continue;
    const by = shiftOf(flows, flow, toFar);
    if (by === 0 || !isInFlight(flows, flow, toFar, toFar ? seq : seqAdd(seq, by))) break;
    if (!enforce(core, ICMP_TRANSLATED)) break;
    rewrite32(buf, quote - ICMP_HEADER_BYTES + 2, tcp + 4, seqAdd(seq, by));
    if (i < 0) event(core, flow, ICMP_TRANSLATED, 0, seq, seqAdd(seq, by), 0, 0, 0);
    return VERDICT_REWRITTEN;
  }
  return VERDICT_ACCEPT;
}

/** Where the quoted packet begins; -1: this is no error that says "too big". Writes seg.family. */
function quoteAt(core: Core): number {
  const { buf, off, len } = core;
  const version = len < IP4_HEADER_BYTES ? 0 : buf[off]! >> 4;
  let at = -1;
  let meant = 0;
  if (version === 4 && buf[off + 9] === PROTOCOL_ICMP && (get16(buf, off + 6) & 0x3fff) === 0) {
    at = off + ((buf[off]! & 15) << 2) + ICMP_HEADER_BYTES;
    meant = FRAGMENTATION_NEEDED;
  } else if (version === 6 && len >= IP6_HEADER_BYTES && buf[off + 6] === PROTOCOL_ICMP6) {
    at = off + IP6_HEADER_BYTES + ICMP_HEADER_BYTES;
    meant = PACKET_TOO_BIG;
  }
  if (at < 0 || at > off + len || get16(buf, at - ICMP_HEADER_BYTES) !== meant) return -1;
  core.seg.family = version;
  return at;
}

/** Where the quoted segment begins; -1: it is none of TCP, or cut too short. */
function segmentAt(core: Core, quote: number): number {
  const { buf, off, len } = core;
  const end = off + len - QUOTED_BYTES;
  if (core.seg.family === 6) {
    const at = quote + IP6_HEADER_BYTES;
    return at <= end && buf[quote]! >> 4 === 6 && buf[quote + 6] === PROTOCOL_TCP ? at : -1;
  }
  if (quote + IP4_HEADER_BYTES > end || buf[quote]! >> 4 !== 4) return -1;
  const at = quote + ((buf[quote]! & 15) << 2);
  const isFirst = (get16(buf, quote + 6) & 0x1fff) === 0;
  return isFirst && at <= end && buf[quote + 9] === PROTOCOL_TCP ? at : -1;
}

/** Octets from the numbers of the quote to those of the segment's sender; 0: the same. */
function shiftOf(flows: FlowTable, flow: number, toFar: boolean): number {
  const row = flow * FLOW_ROW_WORDS;
  const flags = flows.rows[row + FLOW_FLAGS]!;
  if ((flags & FLOW_TRANSLATED) === 0) return 0;
  if (toFar) return flows.rows[row + DELTA]!;
  return (flags & FLOW_RESYNCED) === 0 ? 0 : -flows.rows[row + NEAR_DELTA]! | 0;
}

/** Is this, in near numbers, a segment that its sender still waits for? */
function isInFlight(flows: FlowTable, flow: number, ofFar: boolean, seq: number): boolean {
  const responds = flows.rows[flow * FLOW_ROW_WORDS + FLOW_FLAGS]! & FLOW_NEAR_RESPONDS;
  const half = (flow * 2 + (ofFar === (responds === 0) ? 1 : 0)) * HALF_WORDS;
  const halves = flows.halves;
  return seqLeq(halves[half + SND_UNA]!, seq) && seqLeq(seq, halves[half + SND_NXT]!);
}
