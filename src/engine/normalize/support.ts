/**
 * What else about a reset in doubt does not look like its connection: another series of IP
 * identifications, another DF bit, no timestamps where the far end uses them. Told in support only,
 * and decides nothing: a genuine reset that the far end sends without a socket has another IP ID
 * (Linux: 0) and no timestamps either, and some stacks choose each IP ID at random.
 *
 * One segment of the far end is remembered, its first behind the handshake: nothing is done a
 * packet. Linux counts IDs by connection (`inet_id`), one a packet: a reset of the same series is
 * no further than packets can have followed. Where that is not known, or too many, only 0 is told
 * from the rest. IPv6 has neither.
 *
 * Owns HALF_HEADER, HALF_DF and the upper half of HALF_FLAGS of the far half. RFC 6864 §4,
 * RFC 7323 §3.2, DESIGN §4.2.
 */
import { type Core, farHalf, flagsOf } from '../core.ts';
import {
  FLOW_BYPASSED,
  HALF_DF,
  HALF_FLAGS,
  HALF_HEADER,
  HALF_IP_ID_SHIFT,
  HALF_TS_ON,
  ISS,
  SEGMENT_COUNT,
  SND_NXT,
} from '../flow/layout.ts';
import { SUPPORT_DF, SUPPORT_IP_ID, SUPPORT_NO_TIMESTAMPS } from '../support-bits.ts';
import { get16 } from '../wire/bytes.ts';
import { seqDiff } from '../wire/seq.ts';

const DF = 0x40;
/** Of the 2^16: so far a series may have gone, or it is not known any more. */
const SERIES_MAX = 0x4000;
/** No packet but the last of a write is shorter, or there are about as many segments. */
const OCTETS_A_PACKET = 512;
/** What was not seen here: retransmissions, packets that were lost before us. */
const UNSEEN_PACKETS = 256;

/** The segment in hand is the far end's first behind the handshake. */
export function noteHeader(core: Core, flow: number): void {
  if (core.seg.family !== 4) return;
  const { buf, seg } = core;
  const { halves } = core.flows;
  const at = farHalf(core, flow) + HALF_FLAGS;
  const df = (buf[seg.ipOff + 6]! & DF) !== 0 ? HALF_DF : 0;
  const id = get16(buf, seg.ipOff + 4) << HALF_IP_ID_SHIFT;
  halves[at] = (halves[at]! & 0xffff) | HALF_HEADER | df | id;
}

/** SUPPORT_* of the reset in hand. */
export function supportOf(core: Core, flow: number): number {
  const { buf, seg } = core;
  const { halves } = core.flows;
  const far = farHalf(core, flow);
  const flags = halves[far + HALF_FLAGS]!;
  let support = 0;
  if ((flags & HALF_TS_ON) !== 0 && seg.tsOff === 0) support = SUPPORT_NO_TIMESTAMPS;
  if (seg.family !== 4 || (flags & HALF_HEADER) === 0) return support;
  const df = (buf[seg.ipOff + 6]! & DF) !== 0;
  if (df !== ((flags & HALF_DF) !== 0)) support |= SUPPORT_DF;
  const other = isOtherSeries(core, flow, get16(buf, seg.ipOff + 4), flags >>> HALF_IP_ID_SHIFT);
  return other ? support | SUPPORT_IP_ID : support;
}

function isOtherSeries(core: Core, flow: number, id: number, first: number): boolean {
  if ((id === 0) !== (first === 0)) return true;
  if ((flagsOf(core, flow) & FLOW_BYPASSED) !== 0) return false; // nobody has counted
  const { halves } = core.flows;
  const far = farHalf(core, flow);
  const octets = seqDiff(halves[far + SND_NXT]!, halves[far + ISS]!);
  const packets = ((octets / OCTETS_A_PACKET) | 0) + halves[far + SEGMENT_COUNT]!;
  if (octets < 0 || packets > SERIES_MAX) return false;
  return ((id - first) & 0xffff) > packets + UNSEEN_PACKETS;
}
