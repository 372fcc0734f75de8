/** The actions of the registry: what seqshim did. Numbers stand in `engine/codes.ts`. */
import * as code from '../engine/codes.ts';
import { action, type CodeEntry } from './code-entry.ts';

export const ACTIONS: readonly CodeEntry[] = [
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
      ['support', 'support'],
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
  action(
    code.SACK_REPAIRED,
    'sack-repaired',
    'intervention',
    [],
    'The SACK blocks of an acknowledgement were moved into the near end’s numbers.',
  ),
  action(
    code.SACK_STRIPPED,
    'sack-stripped',
    'adjustment',
    [],
    'A SYN went on without SACK-permitted: on this path the blocks of one side mean nothing.',
  ),
  action(
    code.SACK_CALIBRATED,
    'sack-calibrated',
    'adjustment',
    [
      ['delta', 'seq'],
      ['probes', 'count'],
    ],
    'How far the SACK blocks of the connection are off is known; two acknowledgements agree.',
  ),
  action(
    code.RESYNCED,
    'resynced',
    'intervention',
    [
      ['seqBy', 'seq'],
      ['ackBy', 'seq'],
      ['afterMs', 'ms'],
    ],
    'The connection goes on behind a jump; seqshim translates between old and new numbers.',
  ),
  action(
    code.OPTIONS_ALIGNED,
    'options-aligned',
    'intervention',
    [['shift', 'shift']],
    'An option that one end only would use was taken out of a SYN, or made up for.',
  ),
  action(
    code.MSS_CLAMPED,
    'mss-clamped',
    'intervention',
    [
      ['offeredMss', 'octets'],
      ['mss', 'octets'],
    ],
    'The segment size that a SYN or SYN-ACK offers was lowered, as `--mss-clamp` asks.',
  ),
  action(
    code.ICMP_TRANSLATED,
    'icmp-translated',
    'intervention',
    [
      ['seq', 'seq'],
      ['toSeq', 'seq'],
    ],
    'An ICMP error about a translated segment was told in the numbers of that segment’s sender.',
  ),
  action(
    code.TRANSLATED_BY_KERNEL,
    'translated-by-kernel',
    'intervention',
    [['delta', 'seq']],
    'From here on conntrack translates the connection, and seqshim does not (`--translate kernel`).',
  ),
  action(
    code.KEPT_IN_USERSPACE,
    'kept-in-userspace',
    'adjustment',
    [
      ['tsBy', 'seq'],
      ['scales', 'count'],
      ['refused', 'count'],
    ],
    'The kernel cannot translate this connection (timestamps, window scale, conntrack): seqshim does.',
  ),
  action(
    code.KEEPALIVE_SENT,
    'keepalive-sent',
    'adjustment',
    [
      ['seq', 'seq'],
      ['ack', 'seq'],
      ['number', 'count'],
    ],
    'An idle connection got a keep-alive to the far end in the near end’s name.',
  ),
];
