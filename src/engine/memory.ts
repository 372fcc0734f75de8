/**
 * The memory an engine works in, laid out once, so that it can be an array in a test, shared
 * between threads, or a mapped file. Sizes in bytes.
 */
import { FirstData } from './flow/first-data.ts';
import { FLOW_ROW_WORDS, HALF_WORDS, indexWords } from './flow/layout.ts';
import { OriginTable } from './flow/origin-table.ts';
import { PATH_WORDS } from './flow/path-table.ts';
import { RepairTable } from './flow/repair-table.ts';
import { SackTable } from './flow/sack-table.ts';
import { SocketTable } from './flow/socket-table.ts';
import { Spoken } from './flow/spoken.ts';
import {
  COUNTER_COUNT,
  EVENT_SLOT_COUNT,
  EVENT_WORDS,
  EVIDENCE_SLOT_BYTES,
  EVIDENCE_SLOT_COUNT,
  INBOX_SLOT_BYTES,
  INBOX_SLOT_COUNT,
  OUTBOX_SLOT_BYTES,
  OUTBOX_SLOT_COUNT,
  PATH_COUNT,
} from './limits.ts';
import { Ring } from './ring.ts';

/** Words of the policy page: written by the main thread, read by the engine. */
export const POLICY_OBSERVE = 0;
/** CHECKSUM_FILL_* */
export const POLICY_CHECKSUM_FILL = 1;
/** 128 bits: code c is switched off when bit c is set. */
export const POLICY_OFF = 2;
/** Octets of one end behind which a flow may be settled (or a pace of segments); 0: none is. */
export const POLICY_BYPASS = 8;
/** The most that a SYN or SYN-ACK may offer as MSS, octets; 0: as it is. */
export const POLICY_MSS_CLAMP = 9;
/** 1: connections that are forwarded are looked after too. */
export const POLICY_GATEWAY = 10;
/** SACK_* */
export const POLICY_SACK = 11;
/** 1: the kernel is asked to translate what it can. */
export const POLICY_KERNEL = 12;
/** IDLE_* */
export const POLICY_IDLE = 13;
/** Silence behind which a flow is idle, ms; 0: where its path has a limit, by that. */
export const POLICY_IDLE_AFTER_MS = 14;
/** 0: no evidence is recorded; else one more than the octets of payload that are asked for. */
export const POLICY_EVIDENCE = 15;
export const POLICY_WORDS = 16;

/** Values of POLICY_SACK (`--sack`). */
export const SACK_AUTO = 0;
export const SACK_REPAIR = 1;
export const SACK_STRIP = 2;
export const SACK_OFF = 3;

/** Values of POLICY_IDLE (`--idle-action`). */
export const IDLE_FORGET = 0;
export const IDLE_KEEPALIVE = 1;
export const IDLE_RESET = 2;

export const CHECKSUM_FILL_OFF = 0;
export const CHECKSUM_FILL_AUTO = 1;
export const CHECKSUM_FILL_ALWAYS = 2;

/** What an engine needs to go on where another one ended: in a file it outlives the program. */
export interface LastingMemory {
  /** FLOW_ROW_WORDS and two halves per flow (`flow/layout.ts`). */
  readonly flows: ArrayBufferLike;
  /** Hash index over the flow rows. */
  readonly index: ArrayBufferLike;
  /** A commit word per flow (`flow/commit-word.ts`). */
  readonly commits: ArrayBufferLike;
  readonly repairs: ArrayBufferLike;
  readonly sacks: ArrayBufferLike;
  readonly firstData: ArrayBufferLike;
  readonly spoken: ArrayBufferLike;
  readonly sockets: ArrayBufferLike;
  readonly origins: ArrayBufferLike;
}

export interface EngineMemory extends LastingMemory {
  readonly flowCountMax: number;
  readonly outbox: ArrayBufferLike;
  readonly inbox: ArrayBufferLike;
  readonly events: ArrayBufferLike;
  /** For the evidence recorder (`evidence.ts`). */
  readonly evidence: ArrayBufferLike;
  /** Float64 per code (`codes.ts`). */
  readonly counters: ArrayBufferLike;
  readonly policy: ArrayBufferLike;
  /** PATH_WORDS per destination (`flow/path-table.ts`). */
  readonly paths: ArrayBufferLike;
}

/** Parts of LastingMemory in the order in which they lie in a file, with their sizes. */
export function lastingParts(flowCountMax: number): readonly [keyof LastingMemory, number][] {
  return [
    ['flows', flowCountMax * (FLOW_ROW_WORDS + 2 * HALF_WORDS) * 4],
    ['index', indexWords(flowCountMax) * 4],
    ['commits', flowCountMax * 4],
    ['repairs', RepairTable.BYTES],
    ['sacks', SackTable.BYTES],
    ['firstData', FirstData.BYTES],
    ['spoken', Spoken.BYTES],
    ['sockets', SocketTable.BYTES],
    ['origins', OriginTable.BYTES],
  ];
}

export function createLastingMemory(
  flowCountMax: number,
  allocate: (bytes: number) => ArrayBufferLike,
): LastingMemory {
  const parts = lastingParts(flowCountMax).map(([name, bytes]) => [name, allocate(bytes)]);
  return Object.fromEntries(parts) as unknown as LastingMemory;
}

/**
 * Lays the memory out with `allocate` (bytes to buffer, zero-filled: `new SharedArrayBuffer`);
 * what lasts may lie elsewhere.
 */
export function createEngineMemory(
  flowCountMax: number,
  allocate: (bytes: number) => ArrayBufferLike,
  lasting: LastingMemory = createLastingMemory(flowCountMax, allocate),
): EngineMemory {
  return {
    ...lasting,
    flowCountMax,
    outbox: allocate(Ring.byteLength(OUTBOX_SLOT_COUNT, OUTBOX_SLOT_BYTES)),
    inbox: allocate(Ring.byteLength(INBOX_SLOT_COUNT, INBOX_SLOT_BYTES)),
    events: allocate(Ring.byteLength(EVENT_SLOT_COUNT, EVENT_WORDS * 4)),
    evidence: allocate(Ring.byteLength(EVIDENCE_SLOT_COUNT, EVIDENCE_SLOT_BYTES)),
    counters: allocate(COUNTER_COUNT * 8),
    policy: allocate(POLICY_WORDS * 4),
    paths: allocate(PATH_COUNT * PATH_WORDS * 4),
  };
}
