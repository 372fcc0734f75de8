/**
 * The registry of every code: its public name, kind, severity, what its five event arguments are,
 * and one sentence for a person. Logs, counters, metrics, `diagnose`, documentation and tests read
 * this table and nothing else. Names are API: never renamed, never re-used.
 */
import * as code from '../engine/codes.ts';

export type CodeKind = 'finding' | 'intervention' | 'adjustment';
export type Severity = 'note' | 'warning' | 'error';
/** How an event argument is written: seq unsigned, others as numbers. */
export type ArgumentKind = 'seq' | 'ms' | 'octets' | 'count' | 'ttl' | 'shift' | 'code';

export interface CodeEntry {
  readonly code: number;
  readonly name: string;
  readonly kind: CodeKind;
  readonly severity: Severity;
  /** JSON and log keys of the event's arguments, in order. */
  readonly args: readonly (readonly [key: string, kind: ArgumentKind])[];
  /** One sentence, present tense for findings, past for actions. */
  readonly summary: string;
}

const finding = (
  number: number,
  name: string,
  severity: Severity,
  args: CodeEntry['args'],
  summary: string,
): CodeEntry => ({ code: number, name, kind: 'finding', severity, args, summary });

const action = (
  number: number,
  name: string,
  kind: CodeKind,
  args: CodeEntry['args'],
  summary: string,
): CodeEntry => ({ code: number, name, kind, severity: 'note', args, summary });

export const CODES: readonly CodeEntry[] = [
  finding(
    code.SYNACK_CONFLICT,
    'synack-conflict',
    'error',
    [
      ['isn', 'seq'],
      ['otherIsn', 'seq'],
      ['afterMs', 'ms'],
      ['ttl', 'ttl'],
      ['otherTtl', 'ttl'],
    ],
    'Two TCP end points answered one SYN: SYN-ACKs with different initial sequence numbers.',
  ),
  finding(
    code.RST_AFTER_CONFLICT,
    'rst-after-conflict',
    'error',
    [
      ['seq', 'seq'],
      ['isn', 'seq'],
      ['sinceConflictMs', 'ms'],
    ],
    'An exactly acceptable reset arrived on a connection that two end points had answered.',
  ),
  finding(
    code.RST_REFUTED,
    'rst-refuted',
    'error',
    [
      ['seq', 'seq'],
      ['bySeq', 'seq'],
      ['afterMs', 'ms'],
      ['probes', 'count'],
    ],
    'The connection that a reset declared dead went on: the reset was false.',
  ),
  finding(
    code.RST_FOREIGN,
    'rst-foreign',
    'warning',
    [
      ['seq', 'seq'],
      ['ttl', 'ttl'],
      ['flowTtl', 'ttl'],
    ],
    'A reset came from somewhere else than the rest of the connection (TTL or MAC address differ).',
  ),
  finding(
    code.RST_INEXACT,
    'rst-inexact',
    'note',
    [
      ['seq', 'seq'],
      ['rcvNxt', 'seq'],
    ],
    'A reset does not carry the exact number; the receiving host decides (RFC 5961), we pass it.',
  ),
  finding(
    code.SYNACK_WRONG_ACK,
    'synack-wrong-ack',
    'note',
    [
      ['ack', 'seq'],
      ['expectedAck', 'seq'],
      ['isn', 'seq'],
    ],
    'A SYN-ACK acknowledges another SYN than the one that was sent.',
  ),
  finding(
    code.STALE_ACK,
    'stale-ack',
    'note',
    [
      ['ack', 'seq'],
      ['iss', 'seq'],
    ],
    'A SYN is answered by an ACK of an older connection on the same ports (legal, RFC 5961 §4.2).',
  ),
  finding(
    code.PHANTOM_SYNACK,
    'phantom-synack',
    'error',
    [
      ['isn', 'seq'],
      ['otherIsn', 'seq'],
      ['probes', 'count'],
      ['resets', 'count'],
      ['afterMs', 'ms'],
    ],
    'The end point whose SYN-ACK was acknowledged does not exist; the other one is the server.',
  ),
  finding(
    code.ANCHOR_CONTRADICTED,
    'anchor-contradicted',
    'error',
    [
      ['seq', 'seq'],
      ['isn', 'seq'],
      ['otherIsn', 'seq'],
    ],
    'After a re-anchor the end point that was given up spoke after all.',
  ),
  finding(
    code.FAR_END_SILENT,
    'far-end-silent',
    'warning',
    [
      ['silentMs', 'ms'],
      ['probes', 'count'],
    ],
    'The far end answered no probe after a reset had been refuted: it is dead after all.',
  ),
  finding(
    code.CHECKSUM_PARTIAL,
    'checksum-partial',
    'warning',
    [['segSeq', 'seq']],
    'An arriving segment carries only the pseudo-header sum: an unfinished checksum offload.',
  ),
  finding(
    code.CHECKSUM_BAD,
    'checksum-bad',
    'warning',
    [['segSeq', 'seq']],
    'An arriving segment has a bad TCP checksum; it is passed unchanged and proves nothing.',
  ),
  action(
    code.SYNACK_DROPPED,
    'synack-dropped',
    'intervention',
    [
      ['isn', 'seq'],
      ['otherIsn', 'seq'],
      ['count', 'count'],
    ],
    'A SYN-ACK of the losing end point was not delivered.',
  ),
  action(
    code.ACK_SWALLOWED,
    'ack-swallowed',
    'intervention',
    [
      ['seq', 'seq'],
      ['ack', 'seq'],
    ],
    'The duplicate ACK that a losing SYN-ACK had provoked was not sent on.',
  ),
  action(
    code.RST_HELD,
    'rst-held',
    'adjustment',
    [
      ['seq', 'seq'],
      ['waitMs', 'ms'],
      ['ttl', 'ttl'],
    ],
    'A reset was held back while the far end is asked whether it is true.',
  ),
  action(
    code.RST_DROPPED,
    'rst-dropped',
    'intervention',
    [
      ['seq', 'seq'],
      ['afterMs', 'ms'],
    ],
    'A false reset was not delivered.',
  ),
  action(
    code.RST_RELEASED,
    'rst-released',
    'adjustment',
    [
      ['seq', 'seq'],
      ['heldMs', 'ms'],
      ['probes', 'count'],
    ],
    'A held reset was delivered: nothing spoke against it.',
  ),
  action(
    code.PROBE_SENT,
    'probe-sent',
    'adjustment',
    [
      ['seq', 'seq'],
      ['ack', 'seq'],
      ['number', 'count'],
    ],
    'One keep-alive was sent to the far end in the near end’s name.',
  ),
  action(
    code.REANCHORED,
    'reanchored',
    'intervention',
    [
      ['isn', 'seq'],
      ['otherIsn', 'seq'],
      ['delta', 'seq'],
      ['afterMs', 'ms'],
      ['scaleShift', 'shift'],
    ],
    'The connection was moved onto the real server’s numbers; seqshim translates between the two.',
  ),
  action(
    code.FIRST_DATA_RESENT,
    'first-data-resent',
    'intervention',
    [['bytes', 'octets']],
    'The near end’s first data, which the phantom had swallowed, was sent again at once.',
  ),
  action(
    code.SEGMENT_TRANSLATED,
    'segment-translated',
    'intervention',
    [],
    'A segment was translated between the near end’s and the far end’s numbers.',
  ),
  action(
    code.CHECKSUM_FILLED,
    'checksum-filled',
    'intervention',
    [['segSeq', 'seq']],
    'An unfinished checksum was completed.',
  ),
  action(
    code.FLOW_ENDED,
    'flow-ended',
    'intervention',
    [['seq', 'seq']],
    'A connection was ended towards the near end by an exact reset.',
  ),
  action(
    code.OLD_NUMBERS_DROPPED,
    'old-numbers-dropped',
    'intervention',
    [
      ['seq', 'seq'],
      ['isn', 'seq'],
    ],
    'A segment in numbers that no longer mean anything to the near end was not delivered.',
  ),
];

/** Counters that are no codes: number, public name, what is counted. */
export const STATS: readonly (readonly [number: number, name: string, what: string])[] = [
  [code.STAT_PACKETS, 'packets', 'packets inspected'],
  [code.STAT_OCTETS, 'octets', 'IP octets inspected'],
  [code.STAT_FLOW_CREATED, 'flowsCreated', 'flows whose SYN was seen'],
  [code.STAT_FLOW_PICKED_UP, 'flowsPickedUp', 'flows older than the shim'],
  [code.STAT_TABLE_FULL, 'tableFull', 'packets passed because the flow table was full'],
  [code.STAT_REPAIR_FULL, 'repairFull', 'faults not repaired: too many flows under repair'],
  [code.STAT_PASSED_NOT_TCP, 'passedNotTcp', 'packets that are no TCP'],
  [code.STAT_PASSED_FRAGMENT, 'passedFragment', 'IP fragments'],
  [code.STAT_PASSED_TRUNCATED, 'passedTruncated', 'headers cut short'],
  [code.STAT_PASSED_BAD_LENGTH, 'passedBadLength', 'IP or TCP lengths that contradict'],
  [code.STAT_PASSED_BAD_OPTION, 'passedBadOption', 'option lists that do not parse'],
  [code.STAT_PASSED_MD5_AO, 'passedMd5Ao', 'segments with TCP-MD5 or TCP-AO'],
  [code.STAT_PASSED_MPTCP, 'passedMptcp', 'segments with Multipath TCP'],
  [code.STAT_PASSED_FAST_OPEN, 'passedFastOpen', 'segments with TCP Fast Open'],
  [code.STAT_RST_PASSED, 'rstPassed', 'resets passed at once'],
  [code.STAT_CHECK_LIMIT, 'checkLimit', 'checks beyond eight a minute and flow: probes spaced out'],
  [code.STAT_WINDOW_RESCALED, 'windowRescaled', 'segments whose window was rescaled'],
  [code.STAT_RETRANSMISSION, 'retransmissions', 'segments seen before'],
  [code.STAT_FLOW_EXPIRED, 'flowsExpired', 'idle flows forgotten'],
  [code.STAT_OUTBOX_FULL, 'outboxFull', 'injections not possible: too many under way'],
  [code.STAT_SHED, 'shed', 'packets accepted uninspected: latency budget used up'],
];

const byNumber: ReadonlyMap<number, CodeEntry> = new Map(CODES.map((entry) => [entry.code, entry]));
const byName: ReadonlyMap<string, CodeEntry> = new Map(CODES.map((entry) => [entry.name, entry]));

export function codeEntry(number: number): CodeEntry | undefined {
  return byNumber.get(number);
}

export function codeByName(name: string): CodeEntry | undefined {
  return byName.get(name);
}
