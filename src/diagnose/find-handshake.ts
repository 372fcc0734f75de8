/**
 * Handshakes that are unusual or never finished: `half-open`, `split-handshake`, `syn-data`,
 * `synack-wrong-ack`. Owns the words. RFC 9293 §3.5, RFC 7413.
 */
import { RST } from '../engine/wire/segment.ts';
import { formatSeq, seqAdd } from '../engine/wire/seq.ts';
import { type Finding, makeFinding } from './finding.ts';
import { CLIENT, type Flow, type Offer, SERVER } from './flow.ts';
import { hasFlags } from './packet-record.ts';
import {
  captureCommand,
  formatDuration,
  framesText,
  plural,
  seqText,
  type Wording,
} from './wording.ts';

/** A SYN-ACK is repeated after a second at the earliest. */
const REPEATS_US = 900_000;

export function handshakeFindings(flow: Flow, wording: Wording): Finding[] {
  const [syn] = flow.halves[CLIENT].offers;
  const answers = flow.halves[SERVER].offers;
  const found: Finding[] = [];
  const answered = answers.filter((offer) => offer.segAck !== null);
  const [answer] = answered;
  if (answer !== undefined && isHalfOpen(flow, answer)) found.push(halfOpen(flow, answer, wording));
  const split = answers.find((offer) => offer.segAck === null);
  if (syn !== undefined && split !== undefined) found.push(splitHandshake(flow, split, wording));
  if (syn === undefined || syn.segAck !== null) return found;
  if (syn.first.payloadOctets > 0) found.push(synData(flow, syn, answer, wording));
  const wrong = answered.filter((offer) => !acknowledges(offer, syn));
  const [stray] = wrong;
  if (stray !== undefined) found.push(wrongAck(flow, syn, stray, wrong, wording));
  return found;
}

function acknowledges(offer: Offer, syn: Offer): boolean {
  if (offer.segAck === seqAdd(syn.isn, 1)) return true;
  return offer.segAck === seqAdd(syn.isn, 1 + syn.first.payloadOctets);
}

/** The server asks more than once, and the client never goes on. */
function isHalfOpen(flow: Flow, answer: Offer): boolean {
  const client = flow.halves[CLIENT];
  if (client.firstAck !== undefined || client.dataOctets > 0 || client.finSeen) return false;
  if (flow.kept.some((packet) => packet.dir === CLIENT && hasFlags(packet, RST))) return false;
  const over = (answer.timesUs.at(-1) ?? 0) - (answer.timesUs[0] ?? 0);
  return answer.count >= 2 && over >= REPEATS_US;
}

function halfOpen(flow: Flow, answer: Offer, wording: Wording): Finding {
  const syns = flow.halves[CLIENT].offers[0];
  const again = (syns?.count ?? 0) > 1;
  const over = (answer.timesUs.at(-1) ?? 0) - (answer.timesUs[0] ?? 0);
  return makeFinding({
    code: 'half-open',
    flow: flow.id,
    frames: [...(syns?.frames ?? []), ...answer.frames].sort((a, b) => a - b),
    summary:
      `The handshake is never finished: ${plural(answer.count, 'SYN-ACK')} in ` +
      `${formatDuration(over)}, and no ACK of the client`,
    explanation:
      'The server answers the request to connect and repeats its answer; the client’s ' +
      'acknowledgement, which would open the connection, is not seen. ' +
      (again
        ? 'The client goes on asking, so it does not get the answer or does not accept it.'
        : 'Either the client does not get the answer, or its acknowledgement is lost before this ' +
          'point.'),
    certainty: 'proven',
    looksTheSame: [
      'A capture point that only one direction passes (asymmetric routing).',
      'A SYN flood or a scan with a false sender’s address.',
      'SYN-ACKs that arrive with a checksum the client throws away.',
    ],
    remedy: 'Capture on the client’s machine at the same time: does the SYN-ACK arrive, and how?',
    decide: captureCommand(flow, wording),
    numbers: { synackCount: answer.count, synCount: syns?.count ?? 0 },
  });
}

function splitHandshake(flow: Flow, split: Offer, wording: Wording): Finding {
  const syn = flow.halves[CLIENT].offers[0];
  return makeFinding({
    code: 'split-handshake',
    flow: flow.id,
    frames: [...(syn?.frames.slice(0, 1) ?? []), ...split.frames],
    summary:
      `The SYN is answered by a SYN of the server (${wording.frame} ${split.first.frame}), not by ` +
      'a SYN-ACK: a split handshake',
    explanation:
      'TCP allows it (two sides that open at once, RFC 9293 §3.5), ordinary servers never do it. ' +
      'It is known as a way past firewalls and intrusion detection, which then take the server ' +
      'for the client; many drop such connections.',
    certainty: 'proven',
    looksTheSame: [
      'Two programs that really connect to each other at the same time from fixed ports.',
      'A capture that lost the SYN-ACK, and a connection in the other direction on the same ports.',
    ],
    remedy:
      'Find out what listens there; a firewall on the way must know this handshake or drop it.',
    decide: captureCommand(flow, wording),
    numbers: { isn: formatSeq(split.isn) },
  });
}

function synData(flow: Flow, syn: Offer, answer: Offer | undefined, wording: Wording): Finding {
  const octets = syn.first.payloadOctets;
  const taken = answer !== undefined && answer.segAck === seqAdd(syn.isn, 1 + octets);
  const refused = answer !== undefined && answer.segAck === seqAdd(syn.isn, 1);
  return makeFinding({
    code: 'syn-data',
    flow: flow.id,
    frames: [syn.first.frame, ...(answer === undefined ? [] : [answer.first.frame])],
    summary: `The SYN carries ${plural(octets, 'octet')} of data (${wording.frame} ${syn.first.frame})`,
    explanation:
      'TCP Fast Open sends its first data with the SYN (RFC 7413); so do a few scanners and attack ' +
      'tools. Firewalls that do not expect it drop the SYN or its data. ' +
      (taken
        ? 'Here the server takes the data with its SYN-ACK.'
        : refused
          ? 'Here the server’s SYN-ACK acknowledges the SYN alone: the data is sent again.'
          : 'Here no SYN-ACK is seen to answer it.'),
    certainty: 'proven',
    remedy: 'Nothing while it works; otherwise `sysctl net.ipv4.tcp_fastopen=0` on the client.',
    numbers: { octets, taken: taken ? 1 : 0 },
  });
}

function wrongAck(
  flow: Flow,
  syn: Offer,
  stray: Offer,
  all: readonly Offer[],
  wording: Wording,
): Finding {
  const frames = all.flatMap((offer) => offer.frames);
  return makeFinding({
    code: 'synack-wrong-ack',
    flow: flow.id,
    frames,
    summary:
      `A SYN-ACK acknowledges ${seqText(stray.segAck)} and not this SYN ` +
      `(${framesText(wording.frame, frames)})`,
    explanation:
      'It answers an older request on the same ports that was under way for long, or a device ' +
      'renumbers one direction only. The client answers it with a reset, and asks on.',
    certainty: 'likely',
    looksTheSame: ['A capture that begins between two attempts on the same ports.'],
    numbers: {
      ack: formatSeq(stray.segAck ?? 0),
      expectedAck: formatSeq(seqAdd(syn.isn, 1)),
      isn: formatSeq(stray.isn),
    },
  });
}
