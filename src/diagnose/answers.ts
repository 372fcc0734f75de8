/**
 * Which packet may a reset be the answer to? Only one that acknowledged the number the reset
 * carries (RFC 9293 §3.10.7.1), and that left at least the path's shortest round trip before: a
 * packet cannot be answered before it has arrived. Owns nothing. Times in microseconds.
 */
import { ACK, RST } from '../engine/wire/segment.ts';
import type { Flow, Seen } from './flow.ts';
import { hasFlags, UNKNOWN } from './packet-record.ts';

export interface AnswerCandidates {
  /** Old enough, oldest first. All that match, where the input has no times. */
  readonly possible: readonly Seen[];
  /** Would match, but left too recently. */
  readonly tooRecent: readonly Seen[];
  /** UNKNOWN: no round trip was seen, or the input has no times. */
  readonly shortestUs: number;
}

export function answerCandidates(flow: Flow, reset: Seen): AnswerCandidates {
  const shortestUs = reset.timeUs === UNKNOWN ? UNKNOWN : flow.halves[reset.dir].shortestReplyUs;
  const possible: Seen[] = [];
  const tooRecent: Seen[] = [];
  for (const packet of flow.kept) {
    if (packet === reset) break;
    if (packet.dir === reset.dir || hasFlags(packet, RST) || !hasFlags(packet, ACK)) continue;
    if (packet.segAck === null || packet.segAck !== reset.segSeq) continue;
    const age = reset.timeUs - packet.timeUs;
    const tooYoung = shortestUs !== UNKNOWN && packet.timeUs !== UNKNOWN && age < shortestUs;
    (tooYoung ? tooRecent : possible).push(packet);
  }
  return { possible, tooRecent, shortestUs };
}
