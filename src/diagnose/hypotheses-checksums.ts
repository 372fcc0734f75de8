/**
 * What the checksums of a connection say about the suspects that are made of them. Owns the names
 * and words of this evidence. Bad ones that somebody answered arrived good.
 */
import { seqAdd } from '../engine/wire/seq.ts';
import { type Flow, type Seen, sequenceOctets } from './flow.ts';
import type { Evidence } from './hypotheses-evidence.ts';

export function checksumEvidence(finding: (...codes: string[]) => Evidence) {
  return {
    'checksums-partial': finding('checksum-partial'),
    'checksums-bad': finding('checksum-bad'),
    /** One side gets no answer: its packets may arrive there otherwise than they left here. */
    unheard: finding('half-open', 'retransmission-storm'),
    'checksums-answered': ({ flow, findings, wording }) => {
      const harmless = findings.find(({ code }) => code === 'checksum-offload');
      if (harmless === undefined) return undefined;
      for (const packet of flow.kept) {
        if (!harmless.frames.includes(packet.frame)) continue;
        const answer = answerTo(flow, packet);
        if (answer === undefined) continue;
        return {
          says:
            `${wording.frame} ${packet.frame} has an “incorrect” checksum and was answered ` +
            `(${wording.frame} ${answer.frame})`,
          frames: [packet.frame, answer.frame],
        };
      }
      return undefined;
    },
    'checksums-unfinished': finding('checksum-offload'),
    'checksums-good': ({ flow }) => {
      const known = flow.kept.filter(({ checksum }) => checksum !== 'unknown');
      const [first] = known;
      const both = known.find(({ dir }) => dir !== first?.dir);
      if (first === undefined || both === undefined) return undefined;
      if (known.some(({ checksum }) => checksum === 'bad')) return undefined;
      return {
        says: `the checksums of all ${known.length} packets that were looked at are right`,
        frames: [first.frame, both.frame],
      };
    },
  } as const satisfies Record<string, Evidence>;
}

/** What acknowledges exactly this packet. */
function answerTo(flow: Flow, packet: Seen): Seen | undefined {
  const octets = sequenceOctets(packet);
  if (packet.segSeq === null || octets === 0) return undefined;
  const end = seqAdd(packet.segSeq, octets);
  return flow.kept.find(
    ({ dir, frame, segAck }) => dir !== packet.dir && frame > packet.frame && segAck === end,
  );
}
