/**
 * What it is not: the usual suspects of a failing ssh, each with what these packets say about it.
 * Ruled out only by a packet or number that is named. Owns the words.
 *
 * RFC 4253 §4.2 and §7: before anything else each side sends one identification line of at most 255
 * octets, then KEXINIT, then the keys, then the user's name. RFC 7323 §5.3: a segment with an old
 * timestamp is dropped and acknowledged, never reset.
 */
import { RST } from '../engine/wire/segment.ts';
import { type Conflict, findConflict } from './conflict.ts';
import type { Finding, Hypothesis, Verdict } from './finding.ts';
import { CLIENT, type Flow, SERVER, type Seen } from './flow.ts';
import { hasFlags, UNKNOWN } from './packet-record.ts';
import { captureCommand, formatDuration, plural, seqText, type Wording } from './wording.ts';

const IDENTIFICATION_OCTETS_MAX = 255;
/** No path is narrower: RFC 791's 576 octets less 40 of headers and 40 of options. */
const ALWAYS_FITS_OCTETS = 496;
/** `Exceeded MaxStartups`, and `Not allowed at this time` of newer ones (drop_connection). */
const REFUSAL_OCTETS = [22, 26];
const PAUSE_US = 1_000_000;

interface Case {
  readonly flow: Flow;
  readonly conflict: Conflict | undefined;
  readonly reset: Seen | undefined;
  readonly findings: readonly Finding[];
  readonly wording: Wording;
}

type Judgement = readonly [
  verdict: Verdict,
  because: string,
  frames?: readonly number[],
  decide?: string,
];

const JUDGES: readonly (readonly [id: string, judge: (about: Case) => Judgement])[] = [
  ['mtu', judgeMtu],
  ['ssh-auth', judgeAuth],
  ['ssh-kex', judgeKex],
  ['usedns', judgeDns],
  ['maxstartups', judgeMaxStartups],
  ['tcp-timestamps', judgeTimestamps],
  ['offload', judgeOffload],
  ['duplicate-ip', judgeDuplicateIp],
  ['isn-randomization', judgeRandomization],
  ['xlate', judgeTranslations],
];

/** `findings` are those of the flow. */
export function judgeHypotheses(
  flow: Flow,
  findings: readonly Finding[],
  wording: Wording,
): Hypothesis[] {
  const conflict = findConflict(flow);
  const reset = flow.kept.find((packet) => hasFlags(packet, RST));
  const about: Case = { flow, conflict, reset, findings, wording };
  return JUDGES.map(([id, judge]) => {
    const [verdict, because, frames = [], decide = ''] = judge(about);
    return { id, flow: flow.id, verdict, because, frames, decide };
  });
}

function judgeMtu({ flow, reset, wording }: Case): Judgement {
  const octets = Math.max(flow.halves[CLIENT].largestPayload, flow.halves[SERVER].largestPayload);
  // Here a packet that got lost elsewhere is not seen: then there is a pause before the end.
  if (reset === undefined || octets > ALWAYS_FITS_OCTETS || !isQuickEnd(flow, reset)) {
    return [
      'undecided',
      'packets that are too long get lost silently; only a capture of both ends shows it',
      [],
      'ping -M do -s 1472 SERVER',
    ];
  }
  const largest =
    octets === 0
      ? 'no packet carried any data'
      : `the longest packet carried ${plural(octets, 'octet')}`;
  return [
    'ruled-out',
    `${largest} before the reset in ${wording.frame} ${reset.frame}: every path lets that ` +
      'through, and a longer one that got lost would be a pause, not a quick reset',
    [reset.frame],
  ];
}

/** Seen from its SYN on: only then does what was not seen not exist. */
function isFromStart(flow: Flow): boolean {
  return flow.halves[CLIENT].offers.length > 0;
}

/** The reset came sooner after the first packet than any program or timer gives up. */
function isQuickEnd(flow: Flow, reset: Seen): boolean {
  if (!isFromStart(flow) || reset.timeUs === UNKNOWN || flow.firstUs === UNKNOWN) return false;
  return reset.timeUs - flow.firstUs <= PAUSE_US;
}

/** All that the client said fits into its identification line: it never got further. */
function saidNothing(flow: Flow): string | undefined {
  if (!isFromStart(flow)) return undefined;
  const sent = flow.halves[CLIENT].dataOctets;
  if (sent > IDENTIFICATION_OCTETS_MAX) return undefined;
  return sent === 0
    ? 'the client never sent an octet'
    : `the client sent ${sent} octets, no more than its ssh identification line`;
}

function judgeAuth({ flow, reset }: Case): Judgement {
  const nothing = saidNothing(flow);
  if (reset === undefined || nothing === undefined) {
    return ['undecided', 'what is encrypted cannot be read here', [], 'ssh -vvv SERVER'];
  }
  return [
    'ruled-out',
    `${nothing}: user, key and password were never asked for`,
    frames(flow, reset),
  ];
}

function judgeKex({ flow, reset }: Case): Judgement {
  const nothing = saidNothing(flow);
  if (reset === undefined || nothing === undefined) {
    return ['undecided', 'the key exchange may have been under way', [], 'ssh -vvv SERVER'];
  }
  return ['ruled-out', `${nothing}: no algorithm was ever proposed`, frames(flow, reset)];
}

function judgeDns({ flow, reset, wording }: Case): Judgement {
  if (reset === undefined || reset.timeUs === UNKNOWN || flow.firstUs === UNKNOWN) {
    return ['undecided', 'a slow name lookup is a pause, and there are no times to see it'];
  }
  if (!isFromStart(flow)) return ['undecided', 'the beginning of the connection is not here'];
  const afterUs = reset.timeUs - flow.firstUs;
  if (!isQuickEnd(flow, reset)) {
    return ['undecided', `${formatDuration(afterUs)} passed before the reset`];
  }
  return [
    'ruled-out',
    `a slow lookup is a pause, and it was all over ${formatDuration(afterUs)} after the first packet ` +
      `(${wording.frame} ${reset.frame})`,
    [reset.frame],
  ];
}

function judgeMaxStartups({ flow, wording }: Case): Judgement {
  const greeting = isFromStart(flow) ? flow.halves[SERVER].firstData : undefined;
  if (greeting !== undefined && !REFUSAL_OCTETS.includes(greeting.payloadOctets)) {
    return [
      'ruled-out',
      `the server took the connection and greeted with ${greeting.payloadOctets} octets ` +
        `(${wording.frame} ${greeting.frame}); a refusal for MaxStartups has 0, 22 or 26`,
      [greeting.frame],
    ];
  }
  return [
    'undecided',
    'the server said nothing that tells',
    [],
    'journalctl -u ssh | grep -i MaxStartups',
  ];
}

function judgeTimestamps({ flow, reset, wording }: Case): Judgement {
  const synAck = flow.halves[SERVER].offers[0]?.first;
  if (synAck !== undefined && synAck.options.layout !== '' && synAck.options.tsVal === null) {
    return [
      'ruled-out',
      `the SYN-ACK in ${wording.frame} ${synAck.frame} has none, so this connection uses none`,
      [synAck.frame],
    ];
  }
  if (reset !== undefined && flow.halves[SERVER].offers.length > 0) {
    return [
      'ruled-out',
      `the SYN was answered, and a bad timestamp makes a packet be dropped, never a reset ` +
        `(${wording.frame} ${reset.frame})`,
      [reset.frame],
    ];
  }
  return ['undecided', 'no SYN-ACK or no reset was seen'];
}

function judgeOffload({ conflict, findings, wording }: Case): Judgement {
  if (conflict !== undefined) {
    return [
      'ruled-out',
      'a wrong checksum makes a packet disappear; it cannot make a second sequence number ' +
        `(${wording.frame} ${conflict.other.first.frame})`,
      [conflict.other.first.frame],
    ];
  }
  const harmless = findings.find((finding) => finding.code === 'checksum-offload');
  if (harmless !== undefined) {
    return [
      'ruled-out',
      'the “incorrect” checksums are unfinished ones of the capturing machine',
      harmless.frames,
    ];
  }
  return ['undecided', 'no checksums in this input', [], 'tcpdump -vvv shows them'];
}

function judgeDuplicateIp({ flow, conflict, wording }: Case): Judgement {
  const decide = captureCommand(flow, wording);
  if (conflict === undefined) {
    return ['undecided', 'one capture without MAC addresses does not show it', [], decide];
  }
  const a = conflict.chosen.first;
  const b = conflict.other.first;
  const both = [a.frame, b.frame];
  if (a.srcMac !== '' && b.srcMac !== '' && a.srcMac !== b.srcMac) {
    return ['supported', `two MAC addresses answered: ${a.srcMac} and ${b.srcMac}`, both, decide];
  }
  if (a.srcMac !== '') {
    return ['possible', `one MAC address (${a.srcMac}), which may be a router’s`, both, decide];
  }
  return [
    'possible',
    'two answers to one SYN could be two hosts; compare their MACs',
    both,
    decide,
  ];
}

function judgeRandomization({ flow, conflict, wording }: Case): Judgement {
  const decide =
    'capture the same connection on both sides of the firewall (-S) and compare the SYN’s number';
  if (conflict === undefined) {
    return ['undecided', 'whether numbers are rewritten shows only on both sides', [], decide];
  }
  return [
    'possible',
    `a firewall that rewrites numbers, and does so twice, gives ${seqText(conflict.chosen.isn)} ` +
      `and ${seqText(conflict.other.isn)}`,
    [conflict.chosen.first.frame, conflict.other.first.frame],
    `${decide}; here: ${captureCommand(flow, wording)}`,
  ];
}

function judgeTranslations({ flow, conflict, findings }: Case): Judgement {
  const decide =
    'list the firewall’s translations of this connection while it fails (show xlate, show conn)';
  if (conflict !== undefined) {
    const alive = conflict.chosenSpoke;
    return [
      alive === undefined ? 'possible' : 'supported',
      'two entries for one connection explain two numbers' +
        (alive === undefined ? '' : ' and one live server behind them; so do the other causes'),
      [conflict.chosen.first.frame, conflict.other.first.frame],
      decide,
    ];
  }
  // A refusal is an answer: it says nothing about what lies between.
  const refused = findings.some(({ code }) => code === 'connection-refused');
  const lost = refused ? undefined : flow.kept.find((packet) => hasFlags(packet, RST));
  return [
    lost === undefined ? 'undecided' : 'possible',
    lost === undefined
      ? 'nothing here speaks for or against it'
      : 'a lost or doubled entry in between ends a connection on one side only',
    lost === undefined ? [] : [lost.frame],
    decide,
  ];
}

function frames(flow: Flow, reset: Seen): number[] {
  const said = flow.halves[CLIENT].firstData;
  return said === undefined ? [reset.frame] : [said.frame, reset.frame];
}
