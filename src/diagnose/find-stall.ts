/**
 * `retransmission-storm` and `zero-window-stall`: octets that are sent again and again, and a
 * receiver that has no room. Said only where nothing else explains the connection. Owns the words.
 */
import { formatSeq } from '../engine/wire/seq.ts';
import { type Finding, makeFinding } from './finding.ts';
import { CLIENT, type Direction, type Flow, SERVER } from './flow.ts';
import type { StallTrack } from './track-stall.ts';
import {
  captureCommand,
  formatDuration,
  plural,
  seqText,
  sideName,
  type Wording,
} from './wording.ts';

/** Five timers in a row on a path that loses one in twenty: once in three million. */
const REPEAT_COUNT_MIN = 5;
const CLOSED_US = 2_000_000;

export function stallFindings(flow: Flow, wording: Wording): Finding[] {
  const found: Finding[] = [];
  for (const dir of [CLIENT, SERVER] as const) {
    const { stall } = flow.tracks.halves[dir];
    if (stall.count >= REPEAT_COUNT_MIN) found.push(storm(flow, dir, stall, wording));
    if (stall.closedUs >= CLOSED_US) found.push(closed(flow, dir, stall, wording));
  }
  return found;
}

function storm(flow: Flow, dir: Direction, stall: StallTrack, wording: Wording): Finding {
  const side = sideName(dir);
  const other = dir === CLIENT ? 'server' : 'client';
  const overUs = stall.lastUs - stall.firstUs;
  return makeFinding({
    code: 'retransmission-storm',
    flow: flow.id,
    frames: [stall.frame, stall.lastFrame],
    summary:
      `The ${side} sends the same octets again ${plural(stall.count, 'time')} in ` +
      `${formatDuration(overUs)}` +
      (stall.answered ? '' : ', and they are never acknowledged'),
    explanation:
      `From ${wording.frame} ${stall.frame} on it repeats the segment at ${seqText(stall.seq)} ` +
      `(${plural(stall.octets, 'octet')}), each time its timer ran out. Losing one packet in twenty ` +
      `does not do that. Either the ${other} does not get it, or does not accept it, or its ` +
      'acknowledgements get lost.',
    certainty: 'proven',
    looksTheSame: [
      `A ${other} that is switched off or cut off.`,
      'Packets that are too long for a link on the way, when only long ones are repeated.',
      `A device on the way that forgot the connection, or damages its packets.`,
    ],
    remedy:
      `Capture on the ${other}’s machine at the same time: what arrives there tells loss from ` +
      'refusal. For long packets try `ping -M do -s 1472` along the path.',
    decide: captureCommand(flow, wording),
    numbers: {
      seq: formatSeq(stall.seq),
      count: stall.count,
      overUs: Math.round(overUs),
      octets: stall.octets,
    },
  });
}

/** `dir` is the side that has to wait. */
function closed(flow: Flow, dir: Direction, stall: StallTrack, wording: Wording): Finding {
  const side = sideName(dir);
  const other = dir === CLIENT ? 'server' : 'client';
  const opened = stall.openedFrame !== 0;
  const until = wording.isLive === true ? ', until now' : ', until the end of the capture';
  return makeFinding({
    code: 'zero-window-stall',
    flow: flow.id,
    frames: opened ? [stall.closedFrame, stall.openedFrame] : [stall.closedFrame],
    summary:
      `The ${other} takes nothing more for ${formatDuration(stall.closedUs)}` +
      `${opened ? '' : until}: its window is zero ` +
      `(${wording.frame} ${stall.closedFrame})`,
    explanation:
      `A receiver whose program does not read fills up and says so; the ${side} must wait ` +
      '(RFC 9293 §3.8.6.1). The network is not the reason: the two ends hear each other.',
    // A pause, not a fault, when it goes on.
    ...(opened ? { severity: 'note' as const } : {}),
    certainty: 'likely',
    looksTheSame: ['A device on the way that answers with a window of zero to slow a sender down.'],
    remedy: `Find out what the ${other}’s program waits for: disk, terminal, another process.`,
    decide: captureCommand(flow, wording),
    numbers: { closedUs: Math.round(stall.closedUs), probes: stall.closedProbes },
  });
}
