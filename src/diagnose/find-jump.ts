/**
 * `sequence-jump`: in mid-connection the numbers that one side’s packets arrive with leave for
 * others, and the receiver does not follow. Owns the words. DESIGN §4.4.
 */
import { formatSeq } from '../engine/wire/seq.ts';
import { type Finding, makeFinding } from './finding.ts';
import { ASK_TRANSLATIONS } from './firewall-advice.ts';
import { CLIENT, type Direction, type Flow, SERVER } from './flow.ts';
import { UNKNOWN } from './packet-record.ts';
import type { NumbersTrack } from './track-numbers.ts';
import {
  captureCommand,
  formatDuration,
  observeAdvice,
  plural,
  seqText,
  sideName,
  type Wording,
} from './wording.ts';

/** Fewer can be strays of an older connection. */
const OFF_COUNT_MIN = 3;
const ECHO_COUNT_MIN = 2;

export function jumpFindings(flow: Flow, wording: Wording): Finding[] {
  const sides = [CLIENT, SERVER] as const;
  const jumped = sides.filter((dir) => isJump(flow.tracks.halves[dir].numbers));
  jumped.sort((a, b) => offFrame(flow, a) - offFrame(flow, b));
  // The other side’s numbers seen off behind it are the same event.
  const [first] = jumped;
  return first === undefined ? [] : [jumpFinding(flow, first, wording)];
}

function offFrame(flow: Flow, dir: Direction): number {
  return flow.tracks.halves[dir].numbers.offFrame;
}

/** Whoever accepts the new numbers makes it a gap in the capture (track-numbers.ts). */
function isJump({ offCount, offEchoes, refusals }: NumbersTrack): boolean {
  return offCount >= OFF_COUNT_MIN && (refusals > 0 || offEchoes >= ECHO_COUNT_MIN);
}

function jumpFinding(flow: Flow, dir: Direction, wording: Wording): Finding {
  const numbers = flow.tracks.halves[dir].numbers;
  const side = sideName(dir);
  const { offSeqBy, offAckBy, offEchoes, refusals } = numbers;
  const echoed = offEchoes >= ECHO_COUNT_MIN;
  const afterUs =
    numbers.offUs === UNKNOWN || flow.firstUs === UNKNOWN ? UNKNOWN : numbers.offUs - flow.firstUs;
  const what = [
    offSeqBy === 0 ? '' : `SEQ by about ${formatSeq(offSeqBy)}`,
    offAckBy === 0 ? '' : `ACK by about ${formatSeq(offAckBy)}`,
  ].filter((part) => part !== '');
  return makeFinding({
    code: 'sequence-jump',
    flow: flow.id,
    frames: [numbers.offFrame, numbers.offLastFrame],
    summary:
      `The numbers of the ${side}’s packets jump in mid-connection` +
      `${afterUs === UNKNOWN ? '' : ` after ${formatDuration(afterUs)}`}: ${what.join(', ')} ` +
      `(${wording.frame} ${numbers.offFrame})`,
    explanation: [
      `Up to there the ${side}’s next octet was ${seqText(numbers.offFrom)}; ` +
        `${wording.frame} ${numbers.offFrame} has ${seqText(numbers.offSeq)}, and ` +
        `${plural(numbers.offCount, 'packet')} in those numbers and none in the old ones follow.`,
      refusals > 0
        ? 'The receiver goes on acknowledging the old numbers: it throws the new ones away, and ' +
          'the connection hangs.'
        : '',
      echoed
        ? 'The packets echo timestamps that the other side has just sent: they belong to this ' +
          'connection, and no end point changes its numbers. Something between the ends does, ' +
          'as a firewall that makes its translation anew.'
        : '',
    ]
      .filter((part) => part !== '')
      .join(' '),
    certainty: echoed && refusals > 0 ? 'proven' : 'likely',
    looksTheSame: echoed ? [] : ['Packets of another connection on the same addresses and ports.'],
    remedy: `${observeAdvice(flow)} ${ASK_TRANSLATIONS}`,
    decide: captureCommand(flow, wording),
    numbers: {
      seq: formatSeq(numbers.offSeq),
      rcvNxt: formatSeq(numbers.offFrom),
      seqBy: formatSeq(offSeqBy),
      ackBy: formatSeq(offAckBy),
      packetCount: numbers.offCount,
      ...(afterUs === UNKNOWN ? {} : { afterUs }),
    },
  });
}
