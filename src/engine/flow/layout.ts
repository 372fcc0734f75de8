/**
 * The layout of a flow: one row for the connection, two halves for its ends. Typed arrays only, so
 * that the table can be a mapped file. int32 words; Seq are canonical int32, times engine ms.
 *
 * Dir 0 is the half sent by the initiator, dir 1 by the responder; `half = flow * 2 + dir`, the
 * peer is `half ^ 1`. Every variable belongs to the half that SENDS. The peer's RCV.NXT is this
 * half's SND.UNA and is not stored twice.
 */

/** One half-connection: 16 words, 64 bytes. */
export const HALF_WORDS = 16;
/** Seq: oldest octet the peer has not acknowledged. */
export const SND_UNA = 0;
/** Seq: highest SEG.SEQ + SEG.LEN seen from this side. */
export const SND_NXT = 1;
/** Octets, scaled: what the peer last offered this side. */
export const SND_WND = 2;
/** Seq: end of what this side has sent without a gap, as seen here. */
export const SND_CONT = 3;
/** Seq: initial sequence number (RFC 9293 ISS). */
export const ISS = 4;
/** Seq: SEG.SEQ of the last segment that was no RST. */
export const LAST_SEQ = 5;
/** Raw SEG.WND of that segment. */
export const LAST_WND = 6;
/** Newest TSval sent, and the TSecr beside it. */
export const TS_VAL = 7;
export const TS_ECR = 8;
/** Window scale shift offered by this side, -1: none (RFC 7323 §2). */
export const WND_SCALE = 9;
/** HALF_* bits. */
export const HALF_FLAGS = 10;
/** Up to four different TTLs seen from this side, one byte each, 0: none. */
export const TTL_SET = 11;
/** RFC 9293 §3.3.2 state of this end, ST_*. */
export const STATE = 12;
/** Far half: hash of the link-layer source address, 0: unknown. Near half: IPv6 flow label. */
export const MAC_HASH = 13;
/** Segments seen, saturating; since it was last settled, or last spoke before it was proven. */
export const SEGMENT_COUNT = 14;
/** MSS offered, -1: none. */
export const MSS = 15;

export const HALF_SYN_SEEN = 1;
export const HALF_FIN_SEEN = 2;
export const HALF_SACK_OFFERED = 4;
export const HALF_TS_OFFERED = 8;
/** Timestamps are in use: both SYNs carried the option, or a later segment did. */
export const HALF_TS_ON = 16;
export const HALF_RST_SEEN = 32;
/** A reset went by while the numbers were old: whether it ended the flow is not known. */
export const HALF_RST_PASSED = 64;
/** Near half: that this option was stripped from the SYN-ACK has been reported. */
export const HALF_TS_TOLD = 128;
export const HALF_SCALE_TOLD = 256;
export const HALF_SACK_TOLD = 512;
/** Near half: this option was taken out of its SYN. */
export const HALF_TS_TAKEN = 1024;
export const HALF_SCALE_TAKEN = 2048;
export const HALF_SACK_TAKEN = 4096;
/** Far half: DF of its first segment behind the handshake, and above all flags its IP ID. */
export const HALF_HEADER = 8192;
export const HALF_DF = 16_384;
export const HALF_IP_ID_SHIFT = 16;

export const ST_CLOSED = 0;
export const ST_LISTEN = 1;
export const ST_SYN_SENT = 2;
export const ST_SYN_RECEIVED = 3;
export const ST_ESTABLISHED = 4;
export const ST_FIN_WAIT_1 = 5;
export const ST_FIN_WAIT_2 = 6;
export const ST_CLOSE_WAIT = 7;
export const ST_CLOSING = 8;
export const ST_LAST_ACK = 9;
export const ST_TIME_WAIT = 10;

/** One flow: 32 words, 128 bytes; with its halves 256 bytes. */
export const FLOW_ROW_WORDS = 32;
/** Near address (this machine's side) and far address, four words each; IPv4 uses the first. */
export const NEAR_ADDR = 0;
export const FAR_ADDR = 4;
/** near port << 16 | far port. */
export const PORTS = 8;
/** FLOW_* bits; 0: the row is free. */
export const FLOW_FLAGS = 9;
/** Grows each time the row is used again. */
export const GENERATION = 10;
export const BORN_MS = 11;
export const LAST_MS = 12;
/** When the row may be taken back. */
export const EXPIRES_MS = 13;
/** Row of the repair table + 1, 0: none. */
export const REPAIR = 14;
/** SYN to SYN-ACK, ms, at least 1; 0: not measured. */
export const RTT_MS = 15;
/** When a conflict was last seen (valid while FLOW_TAINTED). */
export const TAINT_AT_MS = 16;
/** First SYN-ACK candidate: ISN, TSval, packed options (candidate.ts), times seen. */
export const CAND_ISN = 17;
export const CAND_TS_VAL = 18;
export const CAND_OPTIONS = 19;
export const CAND_COUNT = 20;
/** near numbers on the path minus near numbers here, octets; valid while FLOW_RESYNCED. */
export const NEAR_DELTA = CAND_ISN;
/** Once proven, in its place: ms, when the near end's newest TSval was seen, or earlier. */
export const NEAR_TS_MS = CAND_TS_VAL;
/** ms: when the near end acknowledged its candidate; once proven, when its bypass last changed. */
export const ANCHORED_MS = 21;
/** far numbering minus near numbering (B - A), octets; of FLOW_TRANSLATED and FLOW_KERNEL. */
export const DELTA = 22;
/** far TSval minus near TSval. */
export const TS_DELTA = 23;
/** Shifts: far wrote, near reads, near wrote, far reads; one byte each. */
export const SCALE_FIX = 24;
/** Resets checked within the minute that began at CHECK_AT_MS. */
export const CHECK_COUNT = 25;
export const CHECK_AT_MS = 26;
/** When the far end last answered a probe, and when the last probe left. */
export const ANSWERED_MS = 27;
export const PROBED_MS = 28;
/** Word of its row in the path table + 1 while it counts as open there, 0: it does not. */
export const PATH = 29;
/** Challenge ACKs of the near end still to swallow. */
export const SWALLOW_COUNT = 30;
/** Next row + 1 in the chain of its hash slot, or of the free list; 0: end. */
export const NEXT = 31;

export const FLOW_USED = 1;
export const FLOW_IPV6 = 2;
/** The near end (this machine) is the responder. */
export const FLOW_NEAR_RESPONDS = 4;
/** Never touched: MD5, AO, MPTCP, Fast Open, data on the SYN. */
export const FLOW_UNTOUCHED = 8;
/** Older than the shim: no SYN was seen. */
export const FLOW_PICKED_UP = 16;
/** The near end has acknowledged a SYN-ACK: the far half's ISS is decided. */
export const FLOW_ANCHORED = 32;
/** The acknowledged end point has shown a life beyond its SYN-ACK. */
export const FLOW_PROVEN = 64;
export const FLOW_TAINTED = 128;
/** Translated in userspace by DELTA. */
export const FLOW_TRANSLATED = 256;
/** Both FINs, or the near end's RST, were seen: checks are over. */
export const FLOW_OVER = 512;
/** Its own rules are in place (raw PREROUTING and egress, no bypass). */
export const FLOW_RULE = 1024;
/** Its own rules were asked for. */
export const FLOW_RULE_WANTED = 2048;
/** A re-anchor was confirmed by the other end point's own segments. */
export const FLOW_CONFIRMED = 4096;
/** The conflict of this flow was reported. */
export const FLOW_CONFLICT = 8192;
/** A reset on it has been refuted. */
export const FLOW_REFUTED = 16384;
/** A reset came right behind the last probe: a second one answers it no more. */
export const FLOW_PROVOKED = 1 << 29;
/** Translated because its numbers jumped in mid-flow: by DELTA and NEAR_DELTA (`jump.ts`). */
export const FLOW_RESYNCED = 1 << 20;
/** A jump on it is not looked for any more: it could not be told from something else. */
export const FLOW_NO_JUMP = 1 << 21;
/** Another connection had these ports before, or may have had (RFC 9293 §3.6.1). */
export const FLOW_REUSED = 1 << 22;
/** Translated by conntrack (`kernel.ts`), and never at the same time in userspace. */
export const FLOW_KERNEL = 1 << 23;
/** The kernel was asked to translate it: until it answers, nothing of it passes. */
export const FLOW_MOVING = 1 << 24;
/** The far end scales windows, the near end does not know: SCALE_FIX (`unscaled.ts`). */
export const FLOW_UNSCALED = 1 << 25;
/** Packets of it may have gone by while no shim ran (`unseen.ts`). */
export const FLOW_UNSEEN = 1 << 28;
/** Was settled where it is forwarded: no socket here knows its numbers (`forwarded.ts`). */
export const FLOW_FORWARDED = 1 << 27;

/** Its plain packets stay in the kernel: nothing but SYN, FIN, RST and SACK is seen. */
export const FLOW_SETTLED = 1 << 15;
/** Seen again, but its numbers are those from before the bypass until the socket has told them. */
export const FLOW_OLD = 1 << 16;
/** Has been settled at some time. */
export const FLOW_BYPASSED = 1 << 17;
/** Its connection still has the mark: a packet of ours is to take it away. */
export const FLOW_WAKE = 1 << 18;
/** Goes without what is known of its path, to see whether it still holds. */
export const FLOW_CANARY = 1 << 19;
/** With FLOW_OLD: its halves are from before the bypass; the socket's answer takes their place. */
export const FLOW_UNHEARD = 1 << 26;
/**
 * While one of these is set, SND.UNA, SND.NXT and SND.CONT may be gigabytes old: judge nothing.
 */
export const FLOW_NUMBERS_OLD = FLOW_SETTLED | FLOW_OLD;

/** Control words at the head of the index. */
export const INDEX_FREE = 0; // first free row + 1
export const INDEX_HIGH = 1; // rows ever used
export const INDEX_COUNT = 2; // flows now
export const INDEX_PEAK = 3; // most flows at one time
export const INDEX_TRANSLATED = 4; // flows translated in userspace now
export const INDEX_SETTLED = 5; // flows settled now
/** Where the scans for expired rows, and for rows to take back, ended. */
export const INDEX_EXPIRY_AT = 6;
export const INDEX_EVICT_AT = 7;
/** Looks at settled flows (`looks.ts`): the last turn, ms, and the row that it ended at. */
export const INDEX_LOOKED_MS = 8;
export const INDEX_LOOKED_AT = 9;
/** Likewise, of the search for idle flows (`normalize/idle.ts`). */
export const INDEX_SWEPT_MS = 10;
export const INDEX_SWEPT_AT = 11;
export const INDEX_EVICTED = 15; // embryonic flows that gave way in a full table, wraps
export const INDEX_CONTROL_WORDS = 16;

/** Words of the hash index: control words, then a power of two of chain heads (row + 1). */
export function indexWords(flowCountMax: number): number {
  let slotCount = 1;
  while (slotCount < flowCountMax * 2) slotCount *= 2;
  return slotCount + INDEX_CONTROL_WORDS;
}
