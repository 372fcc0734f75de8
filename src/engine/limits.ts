/**
 * Every limit of the engine, and the relations between them, asserted at start-up. A leaf.
 * Times are in milliseconds, sizes in bytes, the rest are counts.
 */
import { assert } from './assert.ts';

export const FLOW_COUNT_DEFAULT = 65_536;
/** Flows under repair (conflict, check, translation) at one time. */
export const REPAIR_COUNT = 1024;
/** Flows whose near end's latest words are remembered (`flow/spoken.ts`). */
export const SPOKEN_COUNT = 4096;
/** Flows whose SACK blocks are repaired (`flow/sack-table.ts`). */
export const SACK_COUNT = 4096;
/** Destinations whose faults are remembered. */
export const PATH_COUNT = 1024;
/** Destinations of which it is remembered who was heard last; a power of two. */
export const DESTINATION_COUNT = 1024;
/** Far addresses whose origins are remembered; a power of two. */
export const ORIGIN_COUNT = 1024;

/** Room for one held copy: a reset, or the near end's first data segment. */
export const HELD_BYTES = 1600;

export const OUTBOX_SLOT_COUNT = 512;
export const OUTBOX_HEADER_WORDS = 24;
export const OUTBOX_SLOT_BYTES = OUTBOX_HEADER_WORDS * 4 + HELD_BYTES;
export const INBOX_SLOT_COUNT = 256;
export const INBOX_SLOT_BYTES = 64;
export const EVENT_SLOT_COUNT = 1024;
export const EVENT_WORDS = 24;
/** Told to the evidence recorder: a header of twelve words, then at most so much of a packet. */
export const EVIDENCE_SLOT_COUNT = 2048;
export const EVIDENCE_SLOT_BYTES = 48 + 256;
export const COUNTER_COUNT = 256;

/** Idle limits per state class (RFC 5382 REQ-5: established >= 7440 s, transitory >= 240 s). */
export const IDLE_ESTABLISHED_MS = 7_500_000;
export const IDLE_TRANSITORY_MS = 260_000;
/** A closed flow stays this long so that late segments are not taken for new ones (2 MSL). */
export const IDLE_CLOSED_MS = 240_000;
/**
 * A closed translated flow holds rules: it goes as soon as the near end's TIME-WAIT (60 s) is over.
 */
export const IDLE_ENDED_TRANSLATED_MS = 65_000;

/** A connection that has carried so many octets either way may be settled. */
export const LOAD_OCTETS = 1 << 18;
/** A settled flow is not seen: its socket is asked this often whether it still lives. */
export const IDLE_SETTLED_MS = 600_000;
/** Likewise, behind a reset that may have ended it. */
export const IDLE_ASK_SOON_MS = 5000;
/** Until the answer comes. */
export const IDLE_ASKED_MS = 60_000;

/** A flow that says nothing for longer is idle in any case: before the table forgets it. */
export const IDLE_AFTER_MAX_MS = 7_200_000;
export const IDLE_AFTER_MIN_MS = 1000;

/** What an older connection of the same ports may still have on its way is gone (2 MSL). */
export const TWO_MSL_MS = 240_000;

/** A conflict taints its flow this long (DESIGN §4.2). */
export const TAINT_MS = 60_000;
/** What was learned about a path is believed this long. */
export const PATH_FACT_MS = 7 * 86_400_000;
/**
 * Linux answers out-of-window segments at most once per this and socket (tcp_invalid_ratelimit).
 */
export const CHALLENGE_INTERVAL_MS = 500;

export function assertLimits(): void {
  assert(OUTBOX_SLOT_BYTES % 4 === 0, 'limits: an outbox slot must be whole words');
  assert(EVIDENCE_SLOT_BYTES % 4 === 0, 'limits: an evidence slot must be whole words');
  assert(HELD_BYTES % 4 === 0, 'limits: a held copy must be whole words');
  assert(IDLE_ESTABLISHED_MS >= 7_440_000, 'limits: established idle below RFC 5382 REQ-5');
  assert(IDLE_TRANSITORY_MS >= 240_000, 'limits: transitory idle below RFC 5382 REQ-5');
  assert(IDLE_AFTER_MAX_MS < IDLE_ESTABLISHED_MS, 'limits: forgotten before it is idle');
  assert(PATH_FACT_MS < 0x7fffffff, 'limits: a fact must expire before int32 time wraps');
}
