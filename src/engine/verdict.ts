/**
 * What the engine may say about a packet, where it was seen, and what the queue knows of it.
 * Owns the numbers only; a leaf. The datapath turns verdicts into the kernel's.
 */

/** Bytes are untouched: let it go on. */
export const VERDICT_ACCEPT = 0;
/** Not to be delivered. Whatever must still be delivered was copied before. */
export const VERDICT_DROP = 1;
/** Bytes at [off, off + len) were changed in place, length the same, checksums complete. */
export const VERDICT_REWRITTEN = 2;

/** Direction, seen from the machine that the shim runs on (or in front of). */
export const TO_FAR = 0;
export const TO_NEAR = 1;

/** Netfilter hook numbers (linux/netfilter.h). */
export const HOOK_PREROUTING = 0;
export const HOOK_INPUT = 1;
export const HOOK_FORWARD = 2;
export const HOOK_POSTROUTING = 4;

/** Packet information bits. The first three are the kernel's NFQA_SKB_INFO values. */
export const INFO_CSUM_NOT_READY = 1;
export const INFO_GSO = 2;
export const INFO_CSUM_NOT_VERIFIED = 4;
/**
 * Ours: the queue could not copy the whole packet (NFQA_CAP_LEN), so it must never be rewritten.
 */
export const INFO_TRUNCATED = 8;
/** Ours: a bridge passes this frame on; it is not routed here (NFQA_IFINDEX_PHYSOUTDEV). */
export const INFO_BRIDGED = 16;

/** Which way an injected packet leaves (word OUT_PATH of an outbox record). */
/** To the far end, on the socket whose mark our own rules return first. Wire numbers. */
export const INJECT_FAR = 1;
/** To the far end through our own egress hook, which translates it. Near-end numbers. */
export const INJECT_FAR_HOOKED = 2;
/** To the near end, on the marked socket. Near-end numbers. */
export const INJECT_NEAR = 3;
/** To the far end, as a packet just judged: it ends the bypass of its connection on the way. */
export const INJECT_FAR_WAKE = 9;

/** The engine's word on the connection of the packet in hand. */
export const WORD_UNSETTLED = 0;
/** Its plain packets may stay in the kernel. */
export const WORD_SETTLED = 1;
/** It was settled, and is no more: its mark must go. */
export const WORD_WAKES = 2;
/** `Engine.settle` may be called if no other packet is waiting: what waited would be overtaken. */
export const WORD_READY = 3;
