/**
 * `idle-drop`: a connection that was alive before a pause is dead behind it. Owns the words and
 * what counts as dead: several tries, a timer apart, without any answer, or a reset as the answer.
 */
import { ACK, FIN, RST } from '../engine/wire/segment.ts';
import { type Finding, makeFinding } from './finding.ts';
import { IDLE_TIMEOUT } from './firewall-advice.ts';
import { CLIENT, type Flow, SERVER, type Seen } from './flow.ts';
import { hasFlags, UNKNOWN } from './packet-record.ts';
import {
  captureCommand,
  formatDuration,
  observeAdvice,
  plural,
  sideName,
  type Wording,
} from './wording.ts';

const TRY_COUNT_MIN = 3;
/** Shorter than this no device is known to forget; it can be any outage. */
const USUAL_US = 30_000_000;
const UNANSWERED_US = 1_000_000;

function isDead(flow: Flow): boolean {
  const { idle } = flow.tracks;
  if (idle.tries === 0 || !wasAlive(flow) || hadClosed(flow)) return false;
  // It lived through a longer pause before: then it is not the pause.
  if (idle.survivedUs >= idle.pauseUs) return false;
  if (idle.byReset) return true;
  const reply = Math.max(...flow.halves.map((half) => half.shortestReplyUs));
  const waitedUs = idle.lastTryUs - idle.firstTryUs;
  return idle.tries >= TRY_COUNT_MIN && waitedUs >= Math.max(UNANSWERED_US, 4 * reply);
}

function wasAlive(flow: Flow): boolean {
  return flow.halves[CLIENT].firstAck !== undefined && flow.halves[SERVER].packets > 0;
}

/** By a FIN or a reset, from either side, before the first try. */
function hadClosed(flow: Flow): boolean {
  const first = flow.tracks.idle.frames[0] ?? 0;
  return flow.kept.some(
    (packet) => packet.frame <= first && (hasFlags(packet, FIN) || hasFlags(packet, RST)),
  );
}

/** The reset that this explains, so that nothing else is said about it. */
export function idleReset(flow: Flow): Seen | undefined {
  const { idle } = flow.tracks;
  if (!idle.byReset || !isDead(flow)) return undefined;
  const reset = flow.kept.find((packet) => packet.frame === idle.resetFrame);
  return reset === undefined || hasFlags(reset, ACK) ? undefined : reset;
}

export function idleFindings(flow: Flow, wording: Wording): Finding[] {
  const { idle } = flow.tracks;
  if (!isDead(flow) || (idle.byReset && idleReset(flow) === undefined)) return [];
  const side = sideName(idle.wakes);
  const other = idle.wakes === CLIENT ? 'server' : 'client';
  const pause = formatDuration(idle.pauseUs);
  const short = idle.pauseUs < USUAL_US;
  const triedUs = idle.firstTryUs === UNKNOWN ? 0 : idle.lastTryUs - idle.firstTryUs;
  return [
    makeFinding({
      code: 'idle-drop',
      flow: flow.id,
      frames: idle.byReset ? [...idle.frames, idle.resetFrame] : idle.frames,
      summary: idle.byReset
        ? `After ${pause} in which nothing was said the ${side}’s next packet is answered by ` +
          `“I have no such connection” (${wording.frame} ${idle.resetFrame})`
        : `After ${pause} in which nothing was said the connection is dead: ` +
          `${plural(idle.tries, 'try', 'tries')} of the ${side} in ${formatDuration(triedUs)}, no answer`,
      explanation: [
        'Everything that was sent before the pause had been acknowledged, and neither side had ' +
          'closed.',
        idle.survivedUs > 0
          ? `A pause of ${formatDuration(idle.survivedUs)} was survived before.`
          : '',
        'A device on the way that keeps a table of connections (firewall, NAT, load balancer) ' +
          'forgets those that say nothing for a while; it then drops what comes, or answers for ' +
          `the ${other}.`,
      ]
        .filter((part) => part !== '')
        .join(' '),
      certainty: short ? 'possible' : 'likely',
      looksTheSame: [
        `The ${other}’s machine crashed, slept, lost its address or was restarted in the pause.`,
        'A route that broke in the pause.',
      ],
      remedy:
        `Let the ends speak more often than the device forgets: \`ServerAliveInterval 30\` in ` +
        `ssh’s configuration, or \`seqshim run --idle-action keepalive\`. ${IDLE_TIMEOUT} ` +
        observeAdvice(flow),
      decide: captureCommand(flow, wording),
      numbers: {
        pauseUs: Math.round(idle.pauseUs),
        tries: idle.tries,
        byReset: idle.byReset ? 1 : 0,
        ...(idle.survivedUs > 0 ? { survivedUs: Math.round(idle.survivedUs) } : {}),
      },
    }),
  ];
}
