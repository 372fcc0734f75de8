/**
 * What the engine asks the outside to do: packets to inject and rules to change.
 *
 * Owns the layout of an outbox slot: OUTBOX_HEADER_WORDS int32 words, then the packet's bytes.
 * The producer is the engine (packet thread), the consumer whoever owns sockets and rules. Answers
 * come back through the inbox (INBOX_* words).
 */
import { OUTBOX_HEADER_WORDS } from './limits.ts';

/** Word offsets in an outbox slot. */
export const OUT_KIND = 0;
/** INJECT_FAR | INJECT_FAR_HOOKED | INJECT_NEAR (verdict.ts). */
export const OUT_PATH = 1;
/** Packet size in bytes. */
export const OUT_BYTES = 2;
/** Row of the flow, and its generation: both go back in the answer. */
export const OUT_FLOW = 3;
export const OUT_GENERATION = 4;
/** 4 or 6. */
export const OUT_FAMILY = 5;
/** Near address, far address: four words each, network order bytes; IPv4 uses the first. */
export const OUT_NEAR_ADDR = 6;
export const OUT_FAR_ADDR = 10;
/** near port << 16 | far port. */
export const OUT_PORTS = 14;
/** OUT_KIND_KERNEL_ADD: far numbering minus near numbering (B - A), octets. */
export const OUT_DELTA = 15;
/** Engine time, and events ever committed, when it was asked. */
export const OUT_NOW_MS = 16;
export const OUT_EVENTS = 17;
/** OUT_KIND_SOCKET: 1 where the flow was settled when it was asked. */
export const OUT_SETTLED = 18;
/** Word offset, in the slot, of the packet's bytes. */
export const OUT_PACKET = OUTBOX_HEADER_WORDS;

export const OUT_KIND_INJECT = 1;
/** Select this flow before conntrack (raw PREROUTING) and without bypass; answer when in place. */
export const OUT_KIND_RULE_ADD = 2;
export const OUT_KIND_RULE_DEL = 3;
/** Ask the near end's socket for its numbers; answer with IN_KIND_SOCKET. OUT_PATH: who began. */
export const OUT_KIND_SOCKET = 9;
export const NEAR_INITIATES = 1;
/** Let conntrack translate this flow by OUT_DELTA; answer with IN_KIND_KERNEL. */
export const OUT_KIND_KERNEL_ADD = 12;
/** The engine has let go of the flow. OUT_ENDED: 1 where both ends, or a reset, have ended it. */
export const OUT_KIND_KERNEL_DEL = 13;
export const OUT_ENDED = 15;

/** Word offsets in an inbox slot. */
export const IN_KIND = 0;
export const IN_FLOW = 1;
export const IN_GENERATION = 2;
/** IN_KIND_RULE_DONE: 1 in place, 0 could not be installed. IN_KIND_SOCKET: SOCKET_*. */
export const IN_OK = 3;
/** IN_KIND_SOCKET: octets that the far end has acknowledged, that were sent, that were received. */
export const IN_ACKED = 4;
export const IN_SENT = 5;
export const IN_RECEIVED = 6;
/** Likewise: retransmissions in a row; segments with data that came, whatever became of them. */
export const IN_RETRANSMITS = 7;
export const IN_DATA_SEGMENTS = 8;
/**
 * Likewise, ms: how long in all something was in flight, -1 where TSvals are no milliseconds; and
 * since data was last received.
 */
export const IN_BUSY_MS = 9;
export const IN_DATA_MS = 10;
/**
 * Likewise: OUT_NOW_MS and OUT_SETTLED of the question. The engine compares the first with times of
 * its own, and whoever answers may have another clock.
 */
export const IN_ASKED_MS = 11;
export const IN_SETTLED = 13;
/** Likewise, ms: since anything was last sent or received. */
export const IN_QUIET_MS = 12;

export const IN_KIND_RULE_DONE = 1;
/** Stop for good: take no new flow, end the translated ones towards the near end. */
export const IN_KIND_END_ALL = 2;
export const IN_KIND_SOCKET = 9;
/** Forget what is known of a destination: family, address, port (0: all of its ports). */
export const IN_KIND_FORGET = 10;
export const IN_PORT = 1;
export const IN_FAMILY = 2;
export const IN_ADDR = 4;
/** The kernel translates the flow, or does not, and why: REFUSED_* in IN_REFUSED. */
export const IN_KIND_KERNEL = 12;
export const IN_REFUSED = 4;
/** The flow's own rules are gone, as it asked. */
export const IN_KIND_RULE_GONE = 14;
/**
 * An older run, or another machine, has left this flow to the kernel: leave it alone. IN_MARKED: 1
 * where its connection carries our mark, which stays.
 */
export const IN_KIND_ADOPT = 13;
export const IN_MARKED = 12;
export const IN_PORTS = 1;
export const IN_DELTA = 3;
export const IN_NEAR_ADDR = 4;
export const IN_FAR_ADDR = 8;

/** There is no such socket, or it has no numbers any more (TIME-WAIT). */
export const SOCKET_GONE = 0;
export const SOCKET_LIVES = 1;
/** The kernel did not say. */
export const SOCKET_UNKNOWN = 2;

/** Begins the answer to the request at `at` of `asked`; the last two words a socket's alone has. */
export function beginAnswer(
  inbox: Int32Array,
  to: number,
  kind: number,
  asked: Int32Array,
  at: number,
): void {
  inbox[to + IN_KIND] = kind;
  inbox[to + IN_FLOW] = asked[at + OUT_FLOW]!;
  inbox[to + IN_GENERATION] = asked[at + OUT_GENERATION]!;
  if (kind !== IN_KIND_SOCKET) return;
  inbox[to + IN_ASKED_MS] = asked[at + OUT_NOW_MS]!;
  inbox[to + IN_SETTLED] = asked[at + OUT_SETTLED]!;
}
