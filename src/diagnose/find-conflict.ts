/**
 * The findings about a connection that two end points answered: `synack-conflict`,
 * `rst-after-conflict`, `phantom-synack`. Owns their words. RFC 9293 §3.5, §3.10.7.
 */
import { ACK, RST } from '../engine/wire/segment.ts';
import { formatSeq, seqAdd } from '../engine/wire/seq.ts';
import { answerCandidates } from './answers.ts';
import type { Conflict } from './conflict.ts';
import { rankCauses } from './conflict-causes.ts';
import { type Finding, makeFinding } from './finding.ts';
import { ASK_TRANSLATIONS, STOP_RENUMBERING } from './firewall-advice.ts';
import { CLIENT, type Flow, type Seen } from './flow.ts';
import { originSentence, undecidedWithOrigins } from './origin.ts';
import { hasFlags, UNKNOWN } from './packet-record.ts';
import {
  captureCommand,
  formatDuration,
  framesText,
  observeAdvice,
  plural,
  seqText,
  type Wording,
} from './wording.ts';

const FOR_GOOD =
  'For good: whoever runs the firewall looks for two translations of this connection (address ' +
  'and port above), for TCP intercept or SYN proxy, and for sequence randomization on both units ' +
  `of a pair. ${ASK_TRANSLATIONS} ${STOP_RENUMBERING}`;

export function conflictFindings(flow: Flow, conflict: Conflict, wording: Wording): Finding[] {
  const found = [synackConflict(flow, conflict, wording)];
  const resets = conflictResets(flow, conflict);
  const [first] = resets;
  if (first !== undefined) found.push(rstAfterConflict(flow, conflict, first, resets, wording));
  if (conflict.chosenSpoke === undefined && conflict.otherSpoke !== undefined) {
    found.push(phantom(flow, conflict, conflict.otherSpoke, wording));
  }
  return found;
}

function synackConflict(flow: Flow, conflict: Conflict, wording: Wording): Finding {
  const { chosen, other, offers, synCount } = conflict;
  const syn = flow.halves[CLIENT].offers[0];
  const frames = [
    ...(syn?.frames ?? []),
    ...offers.flatMap((offer) => offer.frames),
    ...(conflict.choice === undefined ? [] : [conflict.choice.frame]),
  ].sort((a, b) => a - b);
  const [one, two] = inOrder(conflict);
  const afterUs = between(one.first, two.first);
  const once = synCount <= 1;
  const lived = !once && conflictResets(flow, conflict).length === 0;
  const who = once
    ? 'Two TCP end points answered one SYN'
    : 'The same SYN got two different answers';
  return makeFinding({
    code: 'synack-conflict',
    flow: flow.id,
    frames,
    summary:
      `${who}: initial sequence numbers ${seqText(one.isn)} (${wording.frame} ` +
      `${one.first.frame}) and ${seqText(two.isn)} (${wording.frame} ${two.first.frame}` +
      `${afterUs === UNKNOWN ? '' : `, ${formatDuration(afterUs)} later`})`,
    explanation: [
      'A TCP end point picks one starting number for a connection and keeps it. Two different ' +
        'starting numbers for one request mean that two parties believe they are the server ' +
        'of this connection.',
      choiceSentence(conflict, wording),
      realitySentence(conflict, wording),
      repeatSentence(conflict, wording),
      aftermathSentence(flow, conflict, wording),
    ]
      .filter((sentence) => sentence !== '')
      .join(' '),
    ...(lived ? { severity: 'warning' as const } : {}),
    certainty: !once ? 'possible' : other.count > 1 ? 'proven' : 'likely',
    looksTheSame: once
      ? cookieLookalike(conflict)
      : [
          `The client sent its SYN ${synCount} times: a server that had forgotten the first one, ` +
            'or uses SYN cookies, answers each with a number of its own.',
        ],
    causes: rankCauses(flow, conflict, wording),
    undecided: undecidedSentence(flow, conflict),
    remedy: `${observeAdvice(flow)} ${FOR_GOOD}`,
    decide: captureCommand(flow, wording),
    numbers: {
      isn: formatSeq(chosen.isn),
      otherIsn: formatSeq(other.isn),
      ...(afterUs === UNKNOWN ? {} : { afterUs }),
      synCount,
      otherSynackCount: other.count,
    },
  });
}

function choiceSentence({ choice, chosen }: Conflict, wording: Wording): string {
  if (choice === undefined) return 'The client is not seen to acknowledge either.';
  return (
    `The client took the one from ${wording.frame} ${chosen.first.frame}: ` +
    `in ${wording.frame} ${choice.frame} it acknowledges ${seqText(seqAdd(chosen.isn, 1))}.`
  );
}

function realitySentence(conflict: Conflict, wording: Wording): string {
  const { chosenSpoke, otherSpoke } = conflict;
  if (chosenSpoke !== undefined) {
    return (
      `That end point is a real one: ${wording.frame} ${chosenSpoke.frame} ` +
      `${chosenSpoke.payloadOctets > 0 ? `brings ${plural(chosenSpoke.payloadOctets, 'octet')}` : 'goes on'} ` +
      `in its numbers (${seqText(chosenSpoke.segSeq)}).`
    );
  }
  if (otherSpoke !== undefined) {
    return (
      'Nothing ever came in those numbers; what came later is in the other ones ' +
      `(${wording.frame} ${otherSpoke.frame}).`
    );
  }
  return 'Neither of the two is seen to say anything more, so it stays open which one is real.';
}

function repeatSentence({ other }: Conflict, wording: Wording): string {
  if (other.count < 2) return '';
  const gaps: string[] = [];
  for (let index = 1; index < other.timesUs.length; index++) {
    const from = other.timesUs[index - 1] ?? UNKNOWN;
    const to = other.timesUs[index] ?? UNKNOWN;
    if (from !== UNKNOWN && to !== UNKNOWN) gaps.push(formatDuration(to - from));
  }
  const after = gaps.length > 0 && gaps.length <= 6 ? `, after ${gaps.join(', ')}` : '';
  return (
    `The other one repeats its SYN-ACK ${plural(other.count - 1, 'time')} ` +
    `(${framesText(wording.frame, other.frames.slice(1))}${after}): it never got an ` +
    'acknowledgement that it could accept.'
  );
}

/** The client's own resets at the end are a consequence; people take them for the cause. */
function aftermathSentence(flow: Flow, conflict: Conflict, wording: Wording): string {
  const [, two] = inOrder(conflict);
  const resets = flow.kept.filter(
    (packet) => packet.dir === CLIENT && hasFlags(packet, RST) && packet.frame > two.first.frame,
  );
  if (resets.length === 0) return '';
  const frames = framesText(
    wording.frame,
    resets.map((packet) => packet.frame),
  );
  return `The client’s own resets (${frames}) are only the consequence: its connection is gone by then.`;
}

/** A server with SYN cookies keeps nothing, so it cannot repeat a SYN-ACK by itself. */
function cookieLookalike({ other }: Conflict): string[] {
  if (other.count > 1) return [];
  return ['A server that uses SYN cookies and got the SYN twice (duplicated on the way).'];
}

function undecidedSentence(flow: Flow, conflict: Conflict): string {
  const a = conflict.chosen.first;
  const missing = [a.srcMac === '' ? 'MAC addresses' : '', a.ttl === UNKNOWN ? 'TTLs' : '']
    .filter((what) => what !== '')
    .join(' and ');
  const where = 'which box the second answer comes from';
  if (missing === '') return undecidedWithOrigins(conflict, conflictResets(flow, conflict));
  return (
    `Without ${missing} these packets cannot show ${where}: two translations, a proxy and a ` +
    'duplicate address look the same here. Compare both SYN-ACKs and the reset in the output of ' +
    'the command below.'
  );
}

/** Resets from the server's side that carry exactly the number the client has to accept. */
function conflictResets(flow: Flow, { chosen }: Conflict): Seen[] {
  const accepted = new Set([seqAdd(chosen.isn, 1)]);
  const exact: Seen[] = [];
  for (const packet of flow.kept) {
    if (packet.dir === CLIENT) {
      if (packet.segAck !== null) accepted.add(packet.segAck);
      continue;
    }
    if (!hasFlags(packet, RST) || packet.segSeq === null) continue;
    if (accepted.has(packet.segSeq)) exact.push(packet);
  }
  return exact;
}

function rstAfterConflict(
  flow: Flow,
  conflict: Conflict,
  reset: Seen,
  resets: readonly Seen[],
  wording: Wording,
): Finding {
  const [, two] = inOrder(conflict);
  const sinceUs = between(two.first, reset);
  const first = reset.frame < two.first.frame;
  const bare = !hasFlags(reset, ACK);
  return makeFinding({
    code: 'rst-after-conflict',
    flow: flow.id,
    frames: resets.map((packet) => packet.frame),
    summary:
      `A reset with exactly the number the client must accept, ${seqText(reset.segSeq)} ` +
      `(${wording.frame} ${reset.frame}), on a connection that two end points answered`,
    explanation: [
      `${seqText(reset.segSeq)} is what the client acknowledged of ` +
        `${seqText(conflict.chosen.isn)}: checking sequence numbers (RFC 5961) cannot tell this ` +
        'reset from a genuine one. The client closes the connection and the program reports ' +
        '“Connection reset by peer”.',
      bare
        ? 'It is what a TCP sends that got an acknowledgement for a number it never used: it takes ' +
          'the number from that acknowledgement (RFC 9293 §3.10.7).'
        : 'It has the ACK flag, so it refuses no acknowledgement: a program that aborts, or a ' +
          'device, sends such a reset. It may be genuine.',
      first ? 'It came before the second SYN-ACK, which is another order of the same events.' : '',
      bare ? answerSentence(flow, reset, wording) : '',
      originSentence(reset, conflict, wording),
    ]
      .filter((sentence) => sentence !== '')
      .join(' '),
    certainty: 'proven',
    looksTheSame: [
      'That it arrived and had to be accepted is proven; who sent it is not in these packets.',
    ],
    remedy: `${observeAdvice(flow)} ${FOR_GOOD}`,
    decide: captureCommand(flow, wording),
    numbers: {
      seq: formatSeq(reset.segSeq ?? 0),
      isn: formatSeq(conflict.chosen.isn),
      otherIsn: formatSeq(conflict.other.isn),
      ...(sinceUs === UNKNOWN ? {} : { sinceConflictUs: sinceUs }),
    },
  });
}

/** Which of the client's packets the reset answers, as far as the speed of the path tells. */
export function answerSentence(flow: Flow, reset: Seen, wording: Wording): string {
  const { possible, tooRecent, shortestUs } = answerCandidates(flow, reset);
  const parts: string[] = [];
  if (possible.length === 1) {
    parts.push(
      `It can only be the answer to ${wording.frame} ${possible[0]?.frame}, the only packet ` +
        'with that number that left early enough.',
    );
  } else if (possible.length > 1) {
    const frames = framesText(
      wording.frame,
      possible.map((packet) => packet.frame),
    );
    const age = shortestUs === UNKNOWN ? '' : ' and left early enough';
    parts.push(`It can be the answer to any of ${frames}, which all carry that number${age}.`);
  }
  for (const packet of tooRecent) {
    parts.push(
      `It is not the answer to ${wording.frame} ${packet.frame}: that left only ` +
        `${formatDuration(reset.timeUs - packet.timeUs)} before, and the shortest round trip on ` +
        `this path is ${formatDuration(shortestUs)}.`,
    );
  }
  if (shortestUs === UNKNOWN && possible.length > 1) {
    parts.push('Without times or a round trip in the input it stays open which one.');
  }
  return parts.join(' ');
}

function phantom(flow: Flow, conflict: Conflict, spoke: Seen, wording: Wording): Finding {
  const { chosen, other } = conflict;
  return makeFinding({
    code: 'phantom-synack',
    flow: flow.id,
    frames: [chosen.first.frame, other.first.frame, spoke.frame],
    summary:
      `The end point the client took (${seqText(chosen.isn)}, ${wording.frame} ` +
      `${chosen.first.frame}) never says anything; the server talks in the numbers of ` +
      `${seqText(other.isn)} (${wording.frame} ${spoke.frame})`,
    explanation:
      'The first SYN-ACK did not come from the server that serves the connection: something on ' +
      'the way answered in its name and did not translate what the server sent afterwards. The ' +
      'client throws away everything in numbers it does not know, and the connection hangs.',
    certainty: 'likely',
    looksTheSame: ['A capture that lost the packets of the first end point.'],
    remedy: `${observeAdvice(flow)} ${FOR_GOOD}`,
    decide: captureCommand(flow, wording),
    numbers: { isn: formatSeq(chosen.isn), otherIsn: formatSeq(other.isn) },
  });
}

function inOrder({ chosen, other }: Conflict): readonly [Conflict['chosen'], Conflict['chosen']] {
  return chosen.first.frame < other.first.frame ? [chosen, other] : [other, chosen];
}

function between(from: Seen, to: Seen): number {
  if (from.timeUs === UNKNOWN || to.timeUs === UNKNOWN) return UNKNOWN;
  return Math.max(0, to.timeUs - from.timeUs);
}
