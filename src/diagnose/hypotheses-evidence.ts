/**
 * What the packets of one connection say for or against a suspect: facts with the packets that show
 * them, no judgement. Owns the names of the evidence and the words of each fact.
 *
 * RFC 4253 §4.2: before anything else each side sends one line of at most 255 octets. Times in
 * microseconds, lengths in octets.
 */
import { ACK, FIN, RST } from '../engine/wire/segment.ts';
import { type Conflict, findConflict } from './conflict.ts';
import type { Finding } from './finding.ts';
import { CLIENT, type Flow, SERVER, type Seen } from './flow.ts';
import { checksumEvidence } from './hypotheses-checksums.ts';
import { hasFlags, UNKNOWN } from './packet-record.ts';
import { formatDuration, framesText, plural, seqText, type Wording } from './wording.ts';

const IDENTIFICATION_OCTETS_MAX = 255;
/** No path is narrower: RFC 791's 576 octets less 40 of headers and 40 of options. */
const ALWAYS_FITS_OCTETS = 496;
/** Longer than a path can be made to carry by a tunnel or two. */
const LONG_OCTETS = 1200;
const SENT_IN_VAIN_COUNT = 3;
/** `Exceeded MaxStartups`, and `Not allowed at this time` of newer ones, with CR and LF. */
const REFUSAL_OCTETS: readonly number[] = [22, 26];
/** No lookup gives up sooner, no keep-alive can be set to less. */
const PAUSE_US = 1_000_000;
const LOOKUP_US = 3_000_000;
const IDLE_US = 60_000_000;

export interface Case {
  readonly flow: Flow;
  readonly findings: readonly Finding[];
  readonly wording: Wording;
  readonly conflict: Conflict | undefined;
  readonly reset: Seen | undefined;
  readonly isSsh: boolean;
}

export interface Proof {
  readonly says: string;
  readonly frames: readonly number[];
}

export type Evidence = (about: Case) => Proof | undefined;

export function caseOf(
  flow: Flow,
  findings: readonly Finding[],
  wording: Wording,
  isSsh: boolean,
): Case {
  const conflict = findConflict(flow);
  const reset = flow.kept.find((packet) => hasFlags(packet, RST));
  return { flow, findings, wording, conflict, reset, isSsh };
}

const finding =
  (...codes: readonly string[]): Evidence =>
  ({ findings }) => {
    const found = findings.find(({ code }) => codes.includes(code));
    return found && { says: `${found.code} was found`, frames: found.frames };
  };

export const EVIDENCE = {
  'no-ssh': ({ flow, isSsh }) =>
    isSsh ? undefined : { says: `port ${flow.serverPort}, and no ssh banner was seen`, frames: [] },
  refused: finding('connection-refused'),
  unanswered: finding('syn-unanswered'),
  conflict: ({ conflict }) =>
    conflict && {
      says: `the SYN got two numbers, ${seqText(conflict.chosen.isn)} and ${seqText(conflict.other.isn)}`,
      frames: [conflict.chosen.first.frame, conflict.other.first.frame],
    },
  'conflict-two-macs': conflictWithMacs(true),
  'conflict-one-mac': conflictWithMacs(false),
  'macs-absent': ({ flow }) =>
    flow.halves[SERVER].macs.length === 0 ? { says: 'no MAC addresses', frames: [] } : undefined,
  'two-macs': ({ flow }) => {
    const { macs } = flow.halves[SERVER];
    return macs.length < 2
      ? undefined
      : { says: `packets of the server came from ${macs.join(' and ')}`, frames: [] };
  },
  'small-quick-end': smallQuickEnd,
  'long-in-vain': longInVain,
  'quick-end': quickEnd,
  'before-kex': beforeKex,
  'server-pause': serverPause,
  'idle-found': finding('idle-drop'),
  'idle-end': ({ flow, reset, wording }) =>
    reset === undefined || flow.longestPauseUs < IDLE_US
      ? undefined
      : {
          says:
            `a pause of ${formatDuration(flow.longestPauseUs)} in a connection that ended with the ` +
            `reset in ${wording.frame} ${reset.frame}`,
          frames: [reset.frame],
        },
  greeted,
  'turned-away': turnedAway,
  'closed-unsaid': closedUnsaid,
  'timestamps-stripped': finding('timestamps-stripped'),
  'timestamps-absent': timestampsAbsent,
  'syn-in-vain': ({ flow, findings }) =>
    findings.some(({ code }) => code === 'syn-unanswered')
      ? {
          says: 'a SYN with timestamps got no answer',
          frames: flow.halves[CLIENT].offers[0]?.frames ?? [],
        }
      : undefined,
  'answered-then-reset': ({ flow, reset, wording }) => {
    const synAck = flow.halves[SERVER].offers[0]?.first;
    return reset === undefined || synAck === undefined
      ? undefined
      : {
          says: `the SYN was answered, and the end is a reset (${wording.frame} ${reset.frame})`,
          frames: [synAck.frame, reset.frame],
        };
  },
  'sack-shifted': finding('sack-out-of-window'),
  jumped: finding('sequence-jump'),
  'stale-ack': finding('stale-ack'),
  'answered-at-once': ({ flow, wording }) => {
    const synAck = flow.halves[SERVER].offers[0]?.first;
    return (
      synAck && { says: `${wording.frame} ${synAck.frame} is a SYN-ACK`, frames: [synAck.frame] }
    );
  },
  reset: ({ reset, wording }) =>
    reset && { says: `the reset in ${wording.frame} ${reset.frame}`, frames: [reset.frame] },
  ...checksumEvidence(finding),
  other: () => ({ says: '', frames: [] }),
} as const satisfies Record<string, Evidence>;

export type EvidenceId = keyof typeof EVIDENCE;

function conflictWithMacs(differ: boolean): Evidence {
  return ({ conflict }) => {
    if (conflict === undefined) return undefined;
    const a = conflict.chosen.first;
    const b = conflict.other.first;
    if (a.srcMac === '' || b.srcMac === '' || (a.srcMac !== b.srcMac) !== differ) return undefined;
    const says = differ
      ? `two MAC addresses answered: ${a.srcMac} and ${b.srcMac}`
      : `both answers came from ${a.srcMac}`;
    return { says, frames: [a.frame, b.frame] };
  };
}

/** Seen from its SYN on: only then does what was not seen not exist. */
function isFromStart(flow: Flow): boolean {
  return flow.halves[CLIENT].offers.length > 0;
}

function quickEnd({ flow, reset, wording }: Case): Proof | undefined {
  if (reset === undefined || !isFromStart(flow)) return undefined;
  if (reset.timeUs === UNKNOWN || flow.firstUs === UNKNOWN) return undefined;
  const afterUs = reset.timeUs - flow.firstUs;
  if (afterUs > PAUSE_US) return undefined;
  return {
    says:
      `it was all over ${formatDuration(afterUs)} after the first packet ` +
      `(${wording.frame} ${reset.frame})`,
    frames: [flow.firstFrame, reset.frame],
  };
}

/** Here a packet that got lost elsewhere is not seen: then there is a pause before the end. */
function smallQuickEnd(about: Case): Proof | undefined {
  const { flow, reset, wording } = about;
  const [client, server] = flow.halves;
  const octets = Math.max(client.largestPayload, server.largestPayload);
  if (reset === undefined || octets > ALWAYS_FITS_OCTETS) return undefined;
  if (quickEnd(about) === undefined) return undefined;
  const largest = client.largestPayload > server.largestPayload ? client : server;
  const says =
    octets === 0
      ? `no packet carried any data before the reset in ${wording.frame} ${reset.frame}`
      : `the longest packet carried ${plural(octets, 'octet')} (${wording.frame} ` +
        `${largest.largestFrame}), and the reset in ${wording.frame} ${reset.frame} came at once`;
  return { says, frames: octets === 0 ? [reset.frame] : [largest.largestFrame, reset.frame] };
}

/** One long packet sent again and again, and never acknowledged. */
function longInVain({ flow, wording }: Case): Proof | undefined {
  const sent = new Map<string, Seen[]>();
  for (const packet of flow.kept) {
    if (packet.payloadOctets < LONG_OCTETS || packet.segSeq === null) continue;
    const key = `${packet.dir} ${packet.segSeq}`;
    sent.set(key, [...(sent.get(key) ?? []), packet]);
  }
  for (const copies of sent.values()) {
    const [first] = copies;
    if (first === undefined || copies.length < SENT_IN_VAIN_COUNT) continue;
    const last = copies.at(-1) ?? first;
    const answered = flow.kept.some(
      ({ dir, frame, segAck }) =>
        dir !== first.dir &&
        frame > first.frame &&
        segAck !== null &&
        first.segSeq !== null &&
        ((segAck - first.segSeq) | 0) > 0,
    );
    if (answered) continue;
    const frames = copies.map(({ frame }) => frame);
    return {
      says:
        `a packet of ${first.payloadOctets} octets was sent ${copies.length} times and never ` +
        `acknowledged (${framesText(wording.frame, [first.frame, last.frame])})`,
      frames,
    };
  }
  return undefined;
}

/** All that the client said fits into its identification line, and then it was over. */
function beforeKex({ flow, reset, wording }: Case): Proof | undefined {
  const syn = flow.halves[CLIENT].offers[0]?.first;
  const end = reset ?? flow.kept.find((packet) => hasFlags(packet, FIN));
  if (syn === undefined || end === undefined) return undefined;
  const { dataOctets, firstData } = flow.halves[CLIENT];
  if (dataOctets > IDENTIFICATION_OCTETS_MAX) return undefined;
  const how = hasFlags(end, RST) ? 'reset' : 'end';
  const until = `before the ${how} in ${wording.frame} ${end.frame}`;
  const said = firstData !== undefined && firstData.frame < end.frame ? [firstData.frame] : [];
  return {
    says:
      dataOctets === 0
        ? `the client sent no octet ${until}`
        : `the client sent ${dataOctets} octets, no more than its identification line, ${until}`,
    frames: [syn.frame, ...said, end.frame],
  };
}

/** The client waited, and it was the server that went on. */
function serverPause({ flow, wording }: Case): Proof | undefined {
  let before: Seen | undefined;
  for (const packet of flow.kept) {
    const late =
      before !== undefined &&
      packet.dir === SERVER &&
      packet.payloadOctets > 0 &&
      packet.timeUs !== UNKNOWN &&
      before.timeUs !== UNKNOWN &&
      packet.timeUs - before.timeUs >= LOOKUP_US;
    if (late && before !== undefined) {
      return {
        says:
          `the server went on only after ${formatDuration(packet.timeUs - before.timeUs)} ` +
          `(${wording.frame} ${packet.frame})`,
        frames: [before.frame, packet.frame],
      };
    }
    before = packet;
  }
  return undefined;
}

function greeted({ flow, wording }: Case): Proof | undefined {
  const greeting = isFromStart(flow) ? flow.halves[SERVER].firstData : undefined;
  if (greeting === undefined || REFUSAL_OCTETS.includes(greeting.payloadOctets)) return undefined;
  return {
    says:
      `the server took the connection and greeted with ${greeting.payloadOctets} octets ` +
      `(${wording.frame} ${greeting.frame})`,
    frames: [greeting.frame],
  };
}

/** The server’s own end: FIN, or a reset with ACK, which is what a program that closes leaves. */
function serverEnd(flow: Flow): Seen | undefined {
  return flow.kept.find(
    (packet) => packet.dir === SERVER && (hasFlags(packet, FIN) || hasFlags(packet, RST | ACK)),
  );
}

function turnedAway({ flow, wording }: Case): Proof | undefined {
  const { firstData, dataOctets } = flow.halves[SERVER];
  const end = serverEnd(flow);
  if (!isFromStart(flow) || firstData === undefined || end === undefined) return undefined;
  if (!REFUSAL_OCTETS.includes(dataOctets)) return undefined;
  return {
    says:
      `the server sent ${dataOctets} octets (${wording.frame} ${firstData.frame}) and ended the ` +
      `connection (${wording.frame} ${end.frame})`,
    frames: [firstData.frame, end.frame],
  };
}

function closedUnsaid({ flow, wording }: Case): Proof | undefined {
  const synAck = flow.halves[SERVER].offers[0]?.first;
  const end = serverEnd(flow);
  if (!isFromStart(flow) || synAck === undefined || end === undefined) return undefined;
  if (flow.halves[SERVER].dataOctets > 0) return undefined;
  return {
    says: `the server took the connection and ended it without a word (${wording.frame} ${end.frame})`,
    frames: [synAck.frame, end.frame],
  };
}

function timestampsAbsent({ flow, wording }: Case): Proof | undefined {
  const without = [flow.halves[SERVER].offers[0], flow.halves[CLIENT].offers[0]]
    .map((offer) => offer?.first)
    .find(
      (seen) => seen !== undefined && seen.options.layout !== '' && seen.options.tsVal === null,
    );
  return (
    without && {
      says: `the ${without.dir === SERVER ? 'SYN-ACK' : 'SYN'} in ${wording.frame} ${without.frame} has none`,
      frames: [without.frame],
    }
  );
}
