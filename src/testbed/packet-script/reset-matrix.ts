/**
 * The matrix of resets and SYNs: every state of RFC 9293 §3.3.2, each kind of segment that could
 * end a connection, each place in the window. Owns the table; each cell is a packet script, at
 * whose end one looks what the near end answers and which state it is in.
 */

export interface Cell {
  readonly state: string;
  /** Who opened, and whether the far end has said anything behind its SYN. */
  readonly role: 'active' | 'active, server silent' | 'passive';
  readonly segment: Kind;
  /** Of its sequence number in the window; in SYN-SENT, of its ACK. */
  readonly place: string;
  readonly text: string;
}

export type Kind = 'RST' | 'RST with ACK' | 'SYN' | 'SYN-ACK';

/** Behind the segment nothing comes for so long that is not its answer. */
export const OBSERVE_MS = 700;

const PLACES = ['left-1', 'left', 'left+1', 'middle', 'right', 'right+1'] as const;
/** How the ACK of a segment in SYN-SENT lies to the one that is right. */
const ACKS = [
  ['ack-1', 0],
  ['ack', 1],
  ['ack+1', 2],
] as const;
const SYN_OPTIONS = 'win 65535 <mss 1460>';
const KINDS: readonly (readonly [Kind, string, boolean, string])[] = [
  ['RST', 'R', false, ''],
  ['RST with ACK', 'R.', true, ''],
  ['SYN', 'S', false, SYN_OPTIONS],
  ['SYN-ACK', 'S.', true, SYN_OPTIONS],
];

const OPEN: Readonly<Record<Cell['role'], readonly string[]>> = {
  active: [
    'connect',
    '> S 0',
    '< S. 0 ack 1 win 65535 <mss 1460>',
    '> . 1 ack 1',
    '< P. 1:11 ack 1',
    '> . 1 ack 11',
    'read 10',
  ],
  'active, server silent': ['connect', '> S 0', '< S. 0 ack 1 win 65535 <mss 1460>', '> . 1 ack 1'],
  passive: [
    'listen',
    '< S 0 win 65535 <mss 1460>',
    '> S. 0 ack 1',
    '< . 1 ack 1',
    'accept',
    '< P. 1:11 ack 1',
    '> . 1 ack 11',
    'read 10',
  ],
};

/** From ESTABLISHED on; N is the far end's next number. What is acknowledged of the near end: 1. */
const WAYS: readonly (readonly [state: string, nearAcked: number, lines: readonly string[]])[] = [
  ['ESTABLISHED', 1, []],
  ['FIN-WAIT-1', 1, ['shutdown', '> F. 1 ack N']],
  ['FIN-WAIT-2', 2, ['shutdown', '> F. 1 ack N', '< . N ack 2']],
  ['FIN-WAIT-2, closed', 2, ['close', '> F. 1 ack N', '< . N ack 2']],
  ['CLOSING', 2, ['shutdown', '> F. 1 ack N', '< F. N ack 1', '> . 2 ack M']],
  ['TIME-WAIT', 2, ['shutdown', '> F. 1 ack N', '< F. N ack 2', '> . 2 ack M']],
  ['CLOSE-WAIT', 1, ['< F. N ack 1', '> . 1 ack M']],
  ['LAST-ACK', 1, ['< F. N ack 1', '> . 1 ack M', 'shutdown', '> F. 1 ack M']],
];

export function resetMatrix(): Cell[] {
  return [...synSent(), ...synReceived(), ...synchronized()];
}

function synSent(): Cell[] {
  const lines = ['connect', '> S 0'];
  const cells: Cell[] = [];
  for (const [segment, flags, withAck, rest] of KINDS) {
    const acks = withAck ? ACKS : ([['any', 0]] as const);
    for (const [place, ack] of acks) {
      const line = `< ${flags} 0${withAck ? ` ack ${ack}` : ''} ${rest}`.trimEnd();
      cells.push(cell('SYN-SENT', 'active', segment, place, [...lines, 'state SYN-SENT', line]));
    }
  }
  return cells;
}

function synReceived(): Cell[] {
  const lines = ['listen', '< S 0 win 65535 <mss 1460>', '> S. 0 ack 1', 'state SYN-RECEIVED'];
  return each((segment, place, line) =>
    cell('SYN-RECEIVED', 'passive', segment, place, [...lines, line(1)]),
  );
}

function synchronized(): Cell[] {
  return Object.entries(OPEN).flatMap(([role, open]) =>
    WAYS.flatMap(([state, nearAcked, way]) => {
      const next = role === 'active, server silent' ? 1 : 11;
      const lines = way.map((line) =>
        line.replace(/\bN\b/g, String(next)).replace(/\bM\b/g, String(next + 1)),
      );
      const reached = `state ${state.split(',')[0]}`;
      return each((segment, place, line) =>
        cell(state, role as Cell['role'], segment, place, [
          ...open,
          ...lines,
          reached,
          line(nearAcked),
        ]),
      );
    }),
  );
}

function each(make: (segment: Kind, place: string, line: (ack: number) => string) => Cell): Cell[] {
  return KINDS.flatMap(([segment, flags, withAck, rest]) =>
    PLACES.map((place) =>
      make(segment, place, (ack) =>
        `< ${flags} ${place}${withAck ? ` ack ${ack}` : ''} ${rest}`.trimEnd(),
      ),
    ),
  );
}

function cell(
  state: string,
  role: Cell['role'],
  segment: Kind,
  place: string,
  lines: readonly string[],
): Cell {
  const title = `# ${state} (${role}): a ${segment} at ${place}`;
  return { state, role, segment, place, text: [title, ...lines].join('\n') };
}

export function cellName({ state, role, segment, place }: Cell): string {
  return `${state} (${role}): ${segment} at ${place}`;
}
