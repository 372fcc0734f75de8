/**
 * Where the model end points are not this kernel's sockets, and why that is of no matter to the
 * simulator. Everything else has to agree. Owns the table.
 */
import type { Cell } from '../../src/testbed/packet-script/reset-matrix.ts';

export interface ScriptDifference {
  readonly name: string;
  /** Of the script: the first that does not hold. */
  readonly line: number;
  readonly reason: string;
}

const NO_DESCRIPTOR =
  'The model has no descriptor that is closed: its applications end the sending side, or abort.';

export const SCRIPT_DIFFERENCES: readonly ScriptDifference[] = [
  { name: 'close/close-with-unread-data', line: 9, reason: NO_DESCRIPTOR },
  { name: 'close/data-after-close', line: 11, reason: NO_DESCRIPTOR },
  {
    name: 'handshake/syn-pace',
    line: 5,
    reason:
      'Linux sends four SYNs a second apart since 6.5 (tcp_syn_linear_timeouts); the model doubles ' +
      'from the first on (RFC 6298 §5.5), as older ones do.',
  },
  {
    name: 'sack/sender-skips',
    line: 17,
    reason:
      'The model’s sender repeats what an ACK points at (RFC 6582), and judges the blocks that it ' +
      'is told: what a shim does to them matters, not how much of a window is sent again.',
  },
  {
    name: 'window/receiver-closes',
    line: 14,
    reason:
      'The model’s application reads at a pace of its own, or at once; a script’s reads by call. ' +
      'Windows that close are tested in test/sim.',
  },
];

/** Of the matrix of resets and SYNs. */
export const CELL_DIFFERENCES: readonly {
  readonly where: (cell: Cell) => boolean;
  readonly reason: string;
}[] = [
  {
    where: ({ state, segment, place }) =>
      state === 'FIN-WAIT-2, closed' &&
      !(segment.startsWith('RST') ? place === 'left' : /^(left-1|right|right\+1)$/.test(place)),
    reason:
      `${NO_DESCRIPTOR} The kernel keeps of a closed socket a smaller one (tcp_timewait_state_process) ` +
      'that any reset or SYN in its window ends.',
  },
];
