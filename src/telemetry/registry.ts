/**
 * The registry of every code: its public name, kind, severity, what its five event arguments are,
 * and one sentence for a person. Logs, counters, metrics, `diagnose`, documentation and tests read
 * this table and nothing else. Names are API: never renamed, never re-used.
 */
import * as code from '../engine/codes.ts';
import { ACTIONS } from './actions.ts';
import type { CodeEntry } from './code-entry.ts';
import { FINDINGS } from './findings.ts';

export const CODES: readonly CodeEntry[] = [...FINDINGS, ...ACTIONS];

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
  [code.STAT_BYPASSED_PACKETS, 'bypassedPackets', 'packets that settled flows kept in the kernel'],
  [code.STAT_BYPASSED_OCTETS, 'bypassedOctets', 'their IP octets'],
  [code.STAT_SACK_CONTRADICTED, 'sackContradicted', 'repairs of SACK blocks that were given up'],
  [
    code.STAT_RESYNC_CANCELLED,
    'resyncCancelled',
    'translations behind a jump taken back: the old numbers came again',
  ],
  [code.STAT_PASSED_BRIDGED, 'passedBridged', 'frames that a bridge passes on (br_netfilter)'],
  [
    code.STAT_KERNEL_RETRIED,
    'kernelRetried',
    'conntrack entries exchanged once more: a packet had come between',
  ],
  [
    code.STAT_MOVING_DROPPED,
    'movingDropped',
    'packets dropped while the kernel took a connection over',
  ],
];

const byNumber: ReadonlyMap<number, CodeEntry> = new Map(CODES.map((entry) => [entry.code, entry]));
const byName: ReadonlyMap<string, CodeEntry> = new Map(CODES.map((entry) => [entry.name, entry]));

export function codeEntry(number: number): CodeEntry | undefined {
  return byNumber.get(number);
}

export function codeByName(name: string): CodeEntry | undefined {
  return byName.get(name);
}
