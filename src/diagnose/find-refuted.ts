/**
 * `rst-refuted`: the side that a reset declared dead goes on. Owns its words and what counts as a
 * refutation: only what could not have been sent before the reset. RFC 9293 §3.10.7.
 */
import { ACK, RST, SYN } from '../engine/wire/segment.ts';
import { formatSeq, seqAdd } from '../engine/wire/seq.ts';
import { answerCandidates } from './answers.ts';
import { type Certainty, type Finding, makeFinding } from './finding.ts';
import { CLIENT, type Flow, inSpace, SERVER, type Seen, sequenceOctets } from './flow.ts';
import { hasFlags, UNKNOWN } from './packet-record.ts';
import {
  captureCommand,
  formatDuration,
  observeAdvice,
  sentence,
  seqText,
  sideName,
  type Wording,
} from './wording.ts';

/** What came from the same side afterwards, at or behind the number of the reset. */
export function refutedBy(flow: Flow, reset: Seen): Seen | undefined {
  const { segSeq } = reset;
  if (segSeq === null) return undefined;
  if (refusesSyn(flow, reset)) return acceptedAfter(flow, reset);
  return flow.kept.find(
    (packet) =>
      packet.frame > reset.frame &&
      packet.dir === reset.dir &&
      !hasFlags(packet, RST) &&
      !hasFlags(packet, SYN) &&
      sequenceOctets(packet) > 0 &&
      packet.segSeq !== null &&
      inSpace(packet.segSeq, segSeq),
  );
}

export function refutedFinding(
  flow: Flow,
  reset: Seen,
  all: readonly Seen[],
  wording: Wording,
): Finding {
  const by = refutedBy(flow, reset);
  if (by === undefined) throw new Error('rst-refuted without the packet that refutes');
  const afterUs =
    reset.timeUs === UNKNOWN || by.timeUs === UNKNOWN ? UNKNOWN : by.timeUs - reset.timeUs;
  const [certainty, why] = refutedCertainty(flow, reset, by, wording);
  const accepts = hasFlags(by, SYN);
  const sameSide = all.filter((packet) => packet.dir === reset.dir);
  const data = by.payloadOctets > 0 ? `${by.payloadOctets} octets of data` : 'the end (FIN)';
  const what = accepts ? 'a SYN-ACK with initial number' : `${data} at`;
  return makeFinding({
    code: 'rst-refuted',
    flow: flow.id,
    frames: [...sameSide.map((packet) => packet.frame), by.frame].sort((a, b) => a - b),
    summary:
      `The reset was false: ${afterUs === UNKNOWN ? 'behind it' : `${formatDuration(afterUs)} later`} ` +
      `the same side sends ${what} ${seqText(by.segSeq)} (${wording.frame} ${by.frame})`,
    explanation: accepts
      ? 'One packet refuses the connection and the next one accepts it: they come from two ' +
        'different senders.'
      : 'A side that resets a connection has forgotten it and sends nothing more in its numbers. ' +
        `${sentence(wording.frame)} ${by.frame} continues exactly where the reset in ` +
        `${wording.frame} ${reset.frame} (${seqText(reset.segSeq)}) says that there is nothing. ` +
        why,
    certainty,
    looksTheSame:
      certainty === 'proven'
        ? []
        : [
            accepts
              ? 'A SYN that the network doubled, and a service that began to listen in between.'
              : `The ${sideName(reset.dir)}’s program died right after it wrote, and the network ` +
                'swapped the two packets.',
          ],
    remedy: observeAdvice(flow),
    decide: captureCommand(flow, wording),
    numbers: {
      seq: formatSeq(reset.segSeq ?? 0),
      bySeq: formatSeq(by.segSeq ?? 0),
      ...(afterUs === UNKNOWN ? {} : { afterUs }),
    },
  });
}

/**
 * A packet that refuses an ACK and one that only a finished handshake allows cannot come from one
 * end point when both follow from the same ACK. Otherwise life for longer than a round trip proves
 * it: reordering does not last that long.
 */
function refutedCertainty(
  flow: Flow,
  reset: Seen,
  by: Seen,
  wording: Wording,
): readonly [Certainty, string] {
  const { possible, shortestUs } = answerCandidates(flow, reset);
  const [only] = possible;
  const firstAck = flow.halves[CLIENT].firstAck;
  const bare = !hasFlags(reset, ACK) && reset.dir === SERVER && by.payloadOctets > 0;
  if (bare && shortestUs !== UNKNOWN && possible.length === 1 && only === firstAck) {
    return [
      'proven',
      `Both follow from ${wording.frame} ${only?.frame}: the reset refuses that acknowledgement, ` +
        'and a server sends data only after it has accepted it. One end point cannot do both.',
    ];
  }
  const last = flow.kept.findLast(
    (packet) => packet.dir === reset.dir && !hasFlags(packet, RST) && !hasFlags(packet, SYN),
  );
  const lived = last === undefined || reset.timeUs === UNKNOWN ? 0 : last.timeUs - reset.timeUs;
  if (shortestUs !== UNKNOWN && lived > 2 * shortestUs) {
    return ['proven', `The connection goes on for at least ${formatDuration(lived)}.`];
  }
  return ['likely', ''];
}

/** The SYN-ACK to the refused SYN. To a repeated SYN another answer is no contradiction. */
function acceptedAfter(flow: Flow, refusal: Seen): Seen | undefined {
  const accepted = flow.halves[SERVER].offers.find(
    (offer) => offer.segAck === refusal.segAck && offer.first.frame > refusal.frame,
  )?.first;
  if (accepted === undefined) return undefined;
  const [syn] = flow.halves[CLIENT].offers;
  const again = syn?.frames.some((frame) => frame > refusal.frame && frame < accepted.frame);
  return again === true ? undefined : accepted;
}

/** RST,ACK in answer to the SYN, before any SYN-ACK. */
export function refusesSyn(flow: Flow, reset: Seen): boolean {
  const syn = flow.halves[CLIENT].offers[0];
  if (syn === undefined || reset.dir !== SERVER) return false;
  const answered = flow.halves[SERVER].offers.some((offer) => offer.first.frame < reset.frame);
  return !answered && hasFlags(reset, ACK) && reset.segAck === seqAdd(syn.isn, 1);
}
