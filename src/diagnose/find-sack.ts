/**
 * `sack-out-of-window`: one side names octets that the other never sent, off by a constant: a
 * device renumbers SEQ and ACK and leaves the SACK blocks alone. Owns the words.
 */
import { formatSeq } from '../engine/wire/seq.ts';
import { type Finding, makeFinding } from './finding.ts';
import { STOP_RENUMBERING } from './firewall-advice.ts';
import { CLIENT, type Direction, type Flow, SERVER } from './flow.ts';
import type { SackTrack } from './track-sack.ts';
import { captureCommand, plural, seqText, sideName, type Wording } from './wording.ts';

/** So often must a block be far outside, or the same offset be found: once can be damage. */
const FAR_COUNT_MIN = 2;
const OFFSET_COUNT_MIN = 2;

export function sackFindings(flow: Flow, wording: Wording): Finding[] {
  const found: Finding[] = [];
  for (const dir of [CLIENT, SERVER] as const) {
    const { sack } = flow.tracks.halves[dir];
    const repeated = sack.bestOffset().count >= OFFSET_COUNT_MIN;
    if (sack.farCount < FAR_COUNT_MIN && !repeated) continue;
    found.push(sackFinding(flow, dir, sack, wording));
  }
  return found;
}

function sackFinding(flow: Flow, dir: Direction, sack: SackTrack, wording: Wording): Finding {
  const side = sideName(dir);
  const other = dir === CLIENT ? 'server' : 'client';
  const { offset, count } = sack.bestOffset();
  const constant = count >= OFFSET_COUNT_MIN;
  return makeFinding({
    code: 'sack-out-of-window',
    flow: flow.id,
    frames: [...new Set([sack.outFrame, sack.outLastFrame])],
    summary:
      `The ${side}’s SACK blocks name octets that the ${other} never sent, in ` +
      `${plural(sack.outCount, 'packet')}` +
      (constant ? `, always off by ${formatSeq(offset)}` : ''),
    explanation:
      'With SACK blocks a receiver says which octets arrived behind a hole. In ' +
      `${wording.frame} ${sack.outFrame} it names ${seqText(sack.outLeft)} to ` +
      `${seqText(sack.outRight)} and acknowledges ${seqText(sack.outAck)}, while the highest octet ` +
      `sent is ${seqText(sack.outSndNxt)}. The sender throws such blocks away and has to guess ` +
      'what is missing: large transfers crawl whenever a packet is lost. ' +
      (constant
        ? `When holes are filled, the acknowledgement stands ${plural(count, 'time')} at exactly ` +
          `the block’s edge less ${formatSeq(offset)}: the blocks are in another numbering, so a ` +
          'device between the ends renumbers the connection and forgets them.'
        : 'A device that renumbers the connection and forgets the blocks looks like this.'),
    certainty: constant ? 'proven' : 'likely',
    looksTheSame: constant ? [] : ['An end point with a broken TCP.'],
    remedy:
      `${STOP_RENUMBERING} Until then \`seqshim run --sack auto\` on the ${other}’s machine ` +
      'mends the blocks; `sysctl net.ipv4.tcp_sack=0` there is the crude way.',
    decide: captureCommand(flow, wording),
    numbers: {
      left: formatSeq(sack.outLeft),
      right: formatSeq(sack.outRight),
      segAck: formatSeq(sack.outAck),
      sndNxt: formatSeq(sack.outSndNxt),
      packetCount: sack.outCount,
      ...(count > 0 ? { offset: formatSeq(offset), offsetCount: count } : {}),
    },
  });
}
