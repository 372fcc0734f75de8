/**
 * `stale-ack`: a SYN on ports that the server still remembers from an older connection. It answers
 * with an ACK of that one, the client resets it and asks again. Legal: RFC 5961 §4.2, RFC 9293
 * §3.5.2. Owns its words.
 */
import { ACK, RST, SYN } from '../engine/wire/segment.ts';
import { formatSeq, type Seq, seqAdd } from '../engine/wire/seq.ts';
import { type Finding, makeFinding } from './finding.ts';
import { CLIENT, type Flow, SERVER, type Seen } from './flow.ts';
import { hasFlags } from './packet-record.ts';
import { seqText, type Wording } from './wording.ts';

interface StaleAck {
  readonly syn: Seen;
  readonly ack: Seen;
  readonly reset: Seen;
  readonly segAck: Seq;
}

/** The three packets, when the flow begins so. */
function findStaleAck(flow: Flow): StaleAck | undefined {
  if (!flow.packets.hasReset) return undefined;
  const syn = flow.halves[CLIENT].offers[0]?.first;
  if (syn?.segSeq === null || syn === undefined) return undefined;
  const expected = seqAdd(syn.segSeq, 1);
  let ack: Seen | undefined;
  for (const packet of flow.kept) {
    if (packet.dir === SERVER) {
      const plain = hasFlags(packet, ACK) && !hasFlags(packet, SYN) && !hasFlags(packet, RST);
      if (packet.segAck === expected) return undefined;
      if (plain && packet.segAck !== null) ack = packet;
      continue;
    }
    const bare = hasFlags(packet, RST) && !hasFlags(packet, ACK);
    const segAck = ack?.segAck ?? null;
    if (bare && ack !== undefined && segAck !== null && packet.segSeq === segAck) {
      return { syn, ack, reset: packet, segAck };
    }
  }
  return undefined;
}

/** The client's reset that this explains, so that nothing else is said about it. */
export function staleAckReset(flow: Flow): Seen | undefined {
  return findStaleAck(flow)?.reset;
}

export function staleAckFindings(flow: Flow, wording: Wording): Finding[] {
  const found = findStaleAck(flow);
  if (found === undefined) return [];
  const { syn, ack, reset, segAck } = found;
  const again = flow.kept.filter(
    (packet) => packet.dir === SERVER && packet.segAck === segAck && !hasFlags(packet, SYN),
  );
  const later = flow.halves[SERVER].offers.find(({ first }) => first.frame > reset.frame);
  return [
    makeFinding({
      code: 'stale-ack',
      flow: flow.id,
      frames: [syn.frame, ack.frame, reset.frame],
      summary:
        `The server still remembers an older connection on these ports and answers the SYN with ` +
        `its ACK (${wording.frame} ${ack.frame})`,
      explanation:
        `The client says with the reset in ${wording.frame} ${reset.frame} that the old one is ` +
        'gone, and asks again. So TCP clears up ports that are used again (RFC 5961 §4.2). ' +
        (later === undefined
          ? 'Here the second attempt is not seen to be answered: a firewall that drops the reset ' +
            'or the repeated SYN makes this hang.'
          : `It worked: ${wording.frame} ${later.first.frame} is the SYN-ACK.`),
      ...(later === undefined && again.length > 1 ? { severity: 'warning' as const } : {}),
      certainty: 'likely',
      looksTheSame: ['A firewall that sends packets of one connection into another.'],
      remedy:
        later === undefined && again.length > 1
          ? 'The reset has to reach the server: look for a firewall that drops what belongs to no ' +
            'connection it knows. A client that takes other ports gets in at once.'
          : '',
      numbers: { ack: formatSeq(segAck), iss: formatSeq(syn.segSeq ?? 0) },
      undecided: `What the connection was that used ${seqText(segAck)}.`,
    }),
  ];
}
