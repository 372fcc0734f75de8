/**
 * The numbers of every code and counter; names, kinds, arguments and explanations stand in
 * `telemetry/registry.ts`, and a test holds the two together. A number is also the index of its
 * counter. Released numbers and names never change. A leaf.
 */

// Findings: what the network did.
export const SYNACK_CONFLICT = 1;
export const RST_AFTER_CONFLICT = 2;
export const RST_REFUTED = 3;
export const RST_FOREIGN = 4;
export const RST_INEXACT = 5;
export const SYNACK_WRONG_ACK = 6;
export const STALE_ACK = 7;
export const PHANTOM_SYNACK = 8;
export const ANCHOR_CONTRADICTED = 9;
export const FAR_END_SILENT = 10;
export const CHECKSUM_PARTIAL = 11;
export const CHECKSUM_BAD = 12;
// Given by `diagnose` alone: they need a finished trace.
export const RST_NO_CONNECTION = 13;
export const RST_BY_OWNER = 14;
export const CONNECTION_REFUSED = 15;
export const SYN_UNANSWERED = 16;
export const CHECKSUM_OFFLOAD = 17;
export const SACK_OUT_OF_WINDOW = 18;
export const SEQUENCE_JUMP = 19;
export const DUPLICATE_ADDRESS = 20;
export const TIMESTAMPS_STRIPPED = 21;
export const WINDOW_SCALE_STRIPPED = 22;
export const SACK_PERMITTED_STRIPPED = 23;
export const IDLE_DROP = 24;
export const KEEPALIVE_UNANSWERED = 25;
// Given by `diagnose` alone, as 13 to 17.
export const HALF_OPEN = 26;
export const SPLIT_HANDSHAKE = 27;
export const SYN_DATA = 28;
export const RETRANSMISSION_STORM = 29;
export const ZERO_WINDOW_STALL = 30;
export const MSS_LOWERED = 31;

// Actions: what seqshim did.
export const SYNACK_DROPPED = 64;
export const ACK_SWALLOWED = 65;
export const RST_HELD = 66;
export const RST_DROPPED = 67;
export const RST_RELEASED = 68;
export const PROBE_SENT = 69;
export const REANCHORED = 70;
export const FIRST_DATA_RESENT = 71;
export const SEGMENT_TRANSLATED = 72;
export const CHECKSUM_FILLED = 73;
export const FLOW_ENDED = 74;
export const OLD_NUMBERS_DROPPED = 75;
export const SACK_REPAIRED = 76;
export const SACK_STRIPPED = 77;
export const SACK_CALIBRATED = 78;
export const RESYNCED = 79;
export const OPTIONS_ALIGNED = 80;
export const MSS_CLAMPED = 81;
export const ICMP_TRANSLATED = 82;
export const TRANSLATED_BY_KERNEL = 83;
export const KEPT_IN_USERSPACE = 84;
export const SACK_WITHHELD = 85;
export const KEEPALIVE_SENT = 86;

// Counters without events.
export const STAT_PACKETS = 128;
export const STAT_OCTETS = 129;
export const STAT_FLOW_CREATED = 130;
export const STAT_FLOW_PICKED_UP = 131;
export const STAT_TABLE_FULL = 132;
export const STAT_REPAIR_FULL = 133;
export const STAT_PASSED_NOT_TCP = 134;
export const STAT_PASSED_FRAGMENT = 135;
export const STAT_PASSED_TRUNCATED = 136;
export const STAT_PASSED_BAD_LENGTH = 137;
export const STAT_PASSED_BAD_OPTION = 138;
export const STAT_PASSED_MD5_AO = 139;
export const STAT_PASSED_MPTCP = 140;
export const STAT_PASSED_FAST_OPEN = 141;
export const STAT_RST_PASSED = 142;
export const STAT_CHECK_LIMIT = 143;
export const STAT_WINDOW_RESCALED = 144;
export const STAT_RETRANSMISSION = 146;
export const STAT_FLOW_EXPIRED = 147;
export const STAT_OUTBOX_FULL = 148;
export const STAT_SHED = 149;
/** Counted by the kernel's rules, written by the main thread. */
export const STAT_BYPASSED_PACKETS = 150;
export const STAT_BYPASSED_OCTETS = 151;
/** Repair of a flow’s SACK blocks was given up. */
export const STAT_SACK_CONTRADICTED = 152;
export const STAT_RESYNC_CANCELLED = 154;
export const STAT_PASSED_BRIDGED = 157;
/** Written by the main thread. */
export const STAT_KERNEL_RETRIED = 158;
export const STAT_MOVING_DROPPED = 159;

/** Behind this many: what would have been done in observe mode, at index code + WOULD. */
export const WOULD = 160;
