/** The findings of the registry: what the network did. Numbers stand in `engine/codes.ts`. */
import * as code from '../engine/codes.ts';
import { type CodeEntry, finding } from './code-entry.ts';

export const FINDINGS: readonly CodeEntry[] = [
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
  finding(
    code.RST_NO_CONNECTION,
    'rst-no-connection',
    'warning',
    [],
    'Whoever answered data of the connection with this reset knows no such connection.',
  ),
  finding(
    code.RST_BY_OWNER,
    'rst-by-owner',
    'note',
    [],
    'The end point that the connection belongs to ended it by a reset.',
  ),
  finding(
    code.CONNECTION_REFUSED,
    'connection-refused',
    'warning',
    [],
    'A SYN was answered by a reset: nothing listens there, or something on the way says so.',
  ),
  finding(
    code.SYN_UNANSWERED,
    'syn-unanswered',
    'warning',
    [],
    'No SYN of the connection was answered.',
  ),
  finding(
    code.CHECKSUM_OFFLOAD,
    'checksum-offload',
    'note',
    [],
    'Packets were captured before the network card filled their checksums: harmless.',
  ),
];
