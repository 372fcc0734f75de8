/**
 * The findings about resets: refuted, from elsewhere, of a side that knows no such connection, by
 * the owner, inexact, refused. One finding a kind and flow. Owns their words.
 * RFC 9293 §3.10.7, RFC 5961 §3.
 */
import { ACK, FIN, RST, SYN } from '../engine/wire/segment.ts';
import { formatSeq, type Seq, seqAdd, seqDiff, seqLt } from '../engine/wire/seq.ts';
import { answerCandidates } from './answers.ts';
import type { Conflict } from './conflict.ts';
import { answerSentence } from './find-conflict.ts';
import { idleReset } from './find-idle.ts';
import { refusesSyn, refutedBy, refutedFinding } from './find-refuted.ts';
import { staleAckReset } from './find-stale-ack.ts';
import { type Finding, makeFinding } from './finding.ts';
import { CLIENT, type Flow, SERVER, type Seen, sequenceOctets } from './flow.ts';
import { hasFlags, UNKNOWN } from './packet-record.ts';
import {
  captureCommand,
  observeAdvice,
  sentence,
  seqText,
  sideName,
  type Wording,
} from './wording.ts';

export function resetFindings(
  flow: Flow,
  conflict: Conflict | undefined,
  wording: Wording,
): Finding[] {
  const found: Finding[] = [];
  if (!flow.packets.hasReset) return found;
  const resets = flow.kept.filter((packet) => hasFlags(packet, RST));
  const taken = new Set<Seen>();
  const take = (code: string, make: (reset: Seen, all: Seen[]) => Finding, which: Seen[]) => {
    const open = which.filter((reset) => !taken.has(reset));
    const [first] = open;
    if (first === undefined || found.some((finding) => finding.code === code)) return;
    for (const reset of open) taken.add(reset);
    found.push(make(first, open));
  };
  const refuted = resets.filter((reset) => refutedBy(flow, reset) !== undefined);
  take('rst-refuted', (reset, all) => refutedFinding(flow, reset, all, wording), refuted);
  // Where a reset came from is said of false ones too: it is what points at their sender.
  const foreign = resets.filter((reset) => isForeign(flow, reset));
  const [stranger] = foreign;
  if (stranger !== undefined) found.push(foreignFinding(flow, stranger, foreign, wording));
  for (const reset of foreign) taken.add(reset);
  // What a conflict explains is explained there, the client's resets after it too.
  if (conflict !== undefined) return found;
  const legal = staleAckReset(flow);
  if (legal !== undefined) taken.add(legal);
  const forgotten = idleReset(flow);
  if (forgotten !== undefined) taken.add(forgotten);
  for (const reset of resets) if (followsReset(flow, reset)) taken.add(reset);
  const refusals = resets.filter((reset) => isRefusal(flow, reset));
  take('connection-refused', (reset, all) => refusedFinding(flow, reset, all, wording), refusals);
  const nobody = resets.filter((reset) => knowsNoConnection(flow, reset));
  take('rst-no-connection', (reset) => noConnectionFinding(flow, reset, wording), nobody);
  const inexact = resets.filter((reset) => isInexact(flow, reset));
  take('rst-inexact', (reset, all) => inexactFinding(flow, reset, all, wording), inexact);
  const owner = resets.filter((reset) => hasFlags(reset, ACK) && !hadEnded(flow, reset));
  take('rst-by-owner', (reset) => ownerFinding(flow, reset, wording), owner);
  return found;
}

function peerOf(flow: Flow, reset: Seen) {
  return flow.halves[reset.dir === CLIENT ? SERVER : CLIENT];
}

/** RST,ACK of the SYN: nobody listens, or a firewall rejects. */
function isRefusal(flow: Flow, reset: Seen): boolean {
  return refusesSyn(flow, reset) && refutedBy(flow, reset) === undefined;
}

function refusedFinding(flow: Flow, reset: Seen, all: readonly Seen[], wording: Wording): Finding {
  const syn = flow.halves[CLIENT].offers[0];
  return makeFinding({
    code: 'connection-refused',
    flow: flow.id,
    frames: [...(syn?.frames ?? []), ...all.map((packet) => packet.frame)],
    summary: `The connection was refused (${wording.frame} ${reset.frame})`,
    explanation:
      'The request to connect was answered by a reset at once: on that address and port nothing ' +
      'listens, or a firewall rejects. This is an answer, not a fault of the path.',
    certainty: 'proven',
    looksTheSame: ['A firewall that rejects with a reset in the server’s name.'],
    remedy: 'Check that the service runs and listens there: `ss -ltn` on the server.',
    numbers: { seq: formatSeq(reset.segSeq ?? 0) },
  });
}

/** Another distance or another sender than everything else from that side. */
function isForeign(flow: Flow, reset: Seen): boolean {
  const half = flow.halves[reset.dir];
  const otherTtl = reset.ttl !== UNKNOWN && half.ttls.length > 0 && !half.ttls.includes(reset.ttl);
  const otherMac = reset.srcMac !== '' && half.macs.length > 0 && !half.macs.includes(reset.srcMac);
  return otherTtl || otherMac;
}

function foreignFinding(flow: Flow, reset: Seen, all: readonly Seen[], wording: Wording): Finding {
  const half = flow.halves[reset.dir];
  const differs: string[] = [];
  if (reset.ttl !== UNKNOWN && !half.ttls.includes(reset.ttl)) {
    differs.push(`TTL ${reset.ttl} instead of ${half.ttls.join(' or ')}`);
  }
  if (reset.srcMac !== '' && !half.macs.includes(reset.srcMac)) {
    differs.push(`MAC address ${reset.srcMac} instead of ${half.macs.join(' or ')}`);
  }
  return makeFinding({
    code: 'rst-foreign',
    flow: flow.id,
    frames: all.map((packet) => packet.frame),
    summary: `A reset in the ${sideName(reset.dir)}’s name from somewhere else: ${differs.join(', ')}`,
    explanation:
      `All other packets of the ${sideName(reset.dir)} have another origin. Resets from elsewhere are ` +
      'made by firewalls, intrusion prevention and load balancers. ' +
      answerSentence(flow, reset, wording),
    certainty: 'likely',
    looksTheSame: [
      'A system that sends resets with another initial TTL than its connections.',
      'A route that changed in the middle of the connection.',
    ],
    remedy: `Look for a device on the path that may reset connections. ${observeAdvice(flow)}`,
    decide: captureCommand(flow, wording),
    numbers: {
      seq: formatSeq(reset.segSeq ?? 0),
      ttl: reset.ttl,
      flowTtl: half.ttls[0] ?? UNKNOWN,
    },
  });
}

/** With FIN, or with a reset that has an ACK: what follows is for those who had not heard yet. */
function hadEnded(flow: Flow, reset: Seen): boolean {
  return flow.kept.some(
    (packet) =>
      packet.frame < reset.frame &&
      packet.dir === reset.dir &&
      (hasFlags(packet, FIN) || hasFlags(packet, RST | ACK)),
  );
}

/** The other side’s reset ended the connection here: what still comes is answered by resets. */
function followsReset(flow: Flow, reset: Seen): boolean {
  return (
    !hasFlags(reset, ACK) &&
    flow.kept.some(
      (packet) =>
        packet.frame < reset.frame &&
        packet.dir !== reset.dir &&
        hasFlags(packet, RST) &&
        !isInexact(flow, packet),
    )
  );
}

/** No ACK flag, and the number that the peer acknowledged last (RFC 9293 §3.10.7.1). */
function knowsNoConnection(flow: Flow, reset: Seen): boolean {
  if (hasFlags(reset, ACK) || hadEnded(flow, reset)) return false;
  const { possible, tooRecent } = answerCandidates(flow, reset);
  return possible.length + tooRecent.length > 0;
}

function noConnectionFinding(flow: Flow, reset: Seen, wording: Wording): Finding {
  const side = sideName(reset.dir);
  const other = reset.dir === CLIENT ? 'server' : 'client';
  const half = flow.halves[reset.dir];
  const acted = half.packets > 1 || half.dataOctets > 0;
  const stamped = flow.kept.some(
    (packet) => packet.dir === reset.dir && packet.options.tsVal !== null && !hasFlags(packet, SYN),
  );
  const { possible, tooRecent } = answerCandidates(flow, reset);
  const about = possible.at(-1) ?? tooRecent.at(-1);
  const closing = about !== undefined && hasFlags(about, FIN);
  return makeFinding({
    code: 'rst-no-connection',
    flow: flow.id,
    frames: about === undefined ? [reset.frame] : [about.frame, reset.frame],
    summary:
      `The ${side}’s side answers the ${other} with “I have no such connection” ` +
      `(${wording.frame} ${reset.frame}, reset with ${seqText(reset.segSeq)})`,
    explanation: [
      `A reset without an ACK flag that repeats the acknowledged number ${seqText(reset.segSeq)} ` +
        'is what a TCP sends for a packet of a connection it does not know ' +
        '(RFC 9293 §3.10.7.1). A program that gives up sends another kind, with ACK.',
      stamped && reset.options.tsVal === null
        ? 'It carries no timestamps although this connection uses them, which fits: there is no ' +
          'connection left that they could belong to.'
        : '',
      acted
        ? `Shortly before, the ${side} did know it: it took part${
            half.dataOctets > 0 ? ` and sent ${half.dataOctets} octets` : ''
          }. So the connection ended on the ${side}’s side without the ${other} being told; that ` +
          `is what the ${other} sees when the ${side} was sent a reset in the ${other}’s name.`
        : '',
      answerSentence(flow, reset, wording),
      closing
        ? `${sentence(wording.frame)} ${about.frame} is the ${other}’s last one (FIN): it was ` +
          'closing the connection anyway.'
        : '',
    ]
      .filter((part) => part !== '')
      .join(' '),
    ...(closing ? { severity: 'note' as const } : {}),
    certainty: 'likely',
    looksTheSame: [
      `The ${side}’s machine crashed, restarted or was taken over by another one (cluster, NAT).`,
      `A firewall on the ${side}’s side forgot the connection and answers for it.`,
    ],
    undecided: `Whether the ${side} had been reset before, and by whom, is not in a capture from this side.`,
    remedy:
      `Capture on the ${side}’s machine while it fails; if it shows two SYN-ACKs or a reset that ` +
      `the ${other} never sent, a device in between is at fault. ${observeAdvice(flow)}`,
    decide: captureCommand(flow, wording),
    numbers: {
      seq: formatSeq(reset.segSeq ?? 0),
      ...(half.dataOctets > 0 ? { sentOctets: half.dataOctets } : {}),
    },
  });
}

/** What the receiver of the reset expects next, as far as the kept packets tell. */
function acceptable(flow: Flow, reset: Seen): Set<Seq> {
  const numbers = new Set<Seq>();
  let end: Seq | null = null;
  for (const packet of flow.kept) {
    if (packet === reset) break;
    if (packet.dir !== reset.dir) {
      if (packet.segAck !== null) numbers.add(packet.segAck);
      continue;
    }
    if (packet.segSeq === null || hasFlags(packet, RST)) continue;
    const next = seqAdd(packet.segSeq, sequenceOctets(packet));
    if (end === null || seqLt(end, next)) end = next;
  }
  if (end !== null) numbers.add(end);
  return numbers;
}

function isInexact(flow: Flow, reset: Seen): boolean {
  const { segSeq } = reset;
  if (segSeq === null) return false;
  const numbers = acceptable(flow, reset);
  if (numbers.size === 0 || numbers.has(segSeq)) return false;
  // FIN already taken: RCV.NXT − 1 is accepted too.
  return ![...numbers].some((number) => seqDiff(number, segSeq) === 1);
}

function inexactFinding(flow: Flow, reset: Seen, all: readonly Seen[], wording: Wording): Finding {
  const numbers = [...acceptable(flow, reset)];
  const nearest = numbers.at(-1) ?? 0;
  return makeFinding({
    code: 'rst-inexact',
    flow: flow.id,
    frames: all.map((packet) => packet.frame),
    summary:
      `A reset whose number does not fit: ${seqText(reset.segSeq)} instead of ` +
      `${seqText(nearest)} (${wording.frame} ${reset.frame})`,
    explanation:
      'A modern system does not accept it; it answers with an ACK and goes on (RFC 5961 §3.2). ' +
      'Such resets come from devices that guess, or from a sender whose numbers a firewall rewrites.',
    certainty: 'likely',
    looksTheSame: ['A capture that lost packets.'],
    remedy: 'Nothing, as long as the connection lives on.',
    decide: captureCommand(flow, wording),
    numbers: { seq: formatSeq(reset.segSeq ?? 0), rcvNxt: formatSeq(nearest) },
  });
}

function ownerFinding(flow: Flow, reset: Seen, wording: Wording): Finding {
  const side = sideName(reset.dir);
  const after = peerOf(flow, reset).dataOctets > 0 ? ' (for example with data unread)' : '';
  return makeFinding({
    code: 'rst-by-owner',
    flow: flow.id,
    frames: [reset.frame],
    summary: `The ${side} aborts the connection (${wording.frame} ${reset.frame})`,
    explanation:
      `A reset with ACK and fitting numbers is what a system sends when a program on the ${side} ` +
      `closes abruptly${after}, or is killed. Nothing in the packets speaks for somebody else.`,
    certainty: 'likely',
    looksTheSame: [`A device that writes resets in the ${side}’s name with both numbers right.`],
    remedy: `Look into the log of the program on the ${side} at this time.`,
    decide: captureCommand(flow, wording),
    numbers: { seq: formatSeq(reset.segSeq ?? 0) },
  });
}
