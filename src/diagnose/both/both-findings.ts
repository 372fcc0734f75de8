/**
 * What two captures prove to be wrong, in the codes of the registry. Rewriting alone is none of it:
 * a firewall may renumber, lower the MSS or translate addresses, and harms nobody by that alone.
 *
 * Owns the words. `frames` are those of the client's capture, `serverFrames` of the server's.
 */
import { ACK, RST, SYN } from '../../engine/wire/segment.ts';
import { formatSeq, type Seq, seqAdd } from '../../engine/wire/seq.ts';
import { type Finding, makeFinding } from '../finding.ts';
import { CLIENT, type Direction, SERVER } from '../flow.ts';
import { hasFlags } from '../packet-record.ts';
import { plural, seqText, sideName } from '../wording.ts';
import type { Change, ChangeKind } from './change.ts';
import type { FlowComparison } from './compare-sides.ts';
import type { SidePacket } from './side-packet.ts';

export interface BothFinding extends Finding {
  readonly serverFrames: readonly number[];
}

const FRAME_COUNT_MAX = 32;
const ASK_RANDOMIZER =
  'Ask the firewall’s people to turn sequence number randomization off for these connections (ASA: ' +
  '`set connection random-sequence-number disable` in a policy-map), or to translate SACK blocks ' +
  'too. Meanwhile `seqshim run --sack repair` at both ends, or `auto` at one, works around it.';
const ASK_OPTIONS =
  'Ask the firewall’s people to let the option through (ASA: a tcp-map that allows it). Meanwhile ' +
  '`seqshim run` makes both ends agree.';
const ASK_INVENTED =
  'The box is between the two capture points. For good: its people look for TCP intercept, SYN ' +
  'proxy, inspection that resets, and two translations of this connection (ASA: `show conn`, ' +
  '`show xlate`). Meanwhile `seqshim run` keeps such connections alive.';

export function bothFindings(flow: FlowComparison, id: number): BothFinding[] {
  return [
    ...inventedFindings(flow, id),
    ...jumpFindings(flow, id),
    ...sackFindings(flow, id),
    ...strippedFindings(flow, id),
    ...mssFindings(flow, id),
  ];
}

function finding(
  given: Parameters<typeof makeFinding>[0],
  serverFrames: readonly number[],
): BothFinding {
  return { ...makeFinding(given), serverFrames };
}

/** A capture that leaves gaps in the data says so; one bare packet that it lost leaves no trace. */
const LOST_BY_CAPTURE =
  'the other end’s capture lost this packet: tcpdump says at its end how many the kernel dropped';

function inventedFindings(flow: FlowComparison, id: number): BothFinding[] {
  const [toServer, toClient] = flow.invented;
  const synAcks = toClient.filter((packet) => hasFlags(packet, SYN | ACK));
  const found = synAcks.length === 0 ? [] : inventedSynAck(flow, id, synAcks);
  for (const [dir, packets] of [
    [SERVER, toClient],
    [CLIENT, toServer],
  ] as const) {
    const resets = packets.filter((packet) => hasFlags(packet, RST));
    if (resets.length > 0) found.push(inventedReset(id, dir, resets, synAcks.length > 0));
  }
  return found;
}

function inventedSynAck(
  flow: FlowComparison,
  id: number,
  invented: readonly SidePacket[],
): BothFinding[] {
  const [there, back] = flow.ways;
  const own = back.got.filter(
    (packet) => hasFlags(packet, SYN | ACK) && !invented.includes(packet),
  );
  const serverFrames = framesOf(back.sent.filter((packet) => hasFlags(packet, SYN | ACK)));
  const [first] = invented;
  const isn = first?.segSeq ?? null;
  const taken = there.sent.find((packet) => !hasFlags(packet, SYN) && hasFlags(packet, ACK));
  const isTaken = isn !== null && taken?.segAck === seqAdd(isn, 1);
  const found = [
    finding(
      {
        code: 'synack-conflict',
        flow: id,
        frames: framesOf([...own, ...invented]),
        summary:
          `The client got ${plural(distinct([...own, ...invented]), 'different SYN-ACK')}; ` +
          `the one with number ${seqText(isn)} was not sent by the server`,
        explanation:
          'A server picks one starting number for a connection and keeps it. The server’s own ' +
          'capture has no SYN-ACK that could have become this one: something between the two ' +
          'capture points made it.',
        certainty: 'likely',
        looksTheSame: [LOST_BY_CAPTURE],
        remedy: ASK_INVENTED,
        numbers: isn === null ? {} : { isn: formatSeq(isn), count: invented.length },
      },
      serverFrames,
    ),
  ];
  if (!isTaken) return found;
  found.push(
    finding(
      {
        code: 'phantom-synack',
        flow: id,
        frames: framesOf([...invented, ...(taken === undefined ? [] : [taken])]),
        summary: `The client took the SYN-ACK with number ${seqText(isn)}, which the server never sent`,
        explanation:
          'The client acknowledged a number that the server does not know. Whatever the client ' +
          'says in it is refused by the real server.',
        certainty: 'likely',
        looksTheSame: [LOST_BY_CAPTURE],
        remedy: ASK_INVENTED,
        numbers: isn === null ? {} : { isn: formatSeq(isn) },
      },
      serverFrames,
    ),
  );
  return found;
}

function inventedReset(
  id: number,
  dir: Direction,
  resets: readonly SidePacket[],
  isConflict: boolean,
): BothFinding {
  const toClient = dir === SERVER;
  const [victim, sender] = toClient ? ['client', 'server'] : ['server', 'client'];
  const [first] = resets;
  const frames = framesOf(resets);
  return finding(
    {
      code: isConflict && toClient ? 'rst-after-conflict' : 'rst-foreign',
      flow: id,
      frames: toClient ? frames : [],
      summary:
        `The ${victim} got ${plural(resets.length, 'reset')} that the ${sender} did not send ` +
        `(the first with number ${seqText(first?.segSeq ?? null)}, TTL ${first?.ttl ?? 'unknown'})`,
      explanation:
        `A reset ends a connection at once. The ${sender}’s own capture does not have it: something ` +
        `between the two capture points made it in the ${sender}’s name.`,
      certainty: 'likely',
      looksTheSame: [LOST_BY_CAPTURE],
      remedy: ASK_INVENTED,
      numbers: {
        count: resets.length,
        ...(first === undefined || first.segSeq === null ? {} : { seq: formatSeq(first.segSeq) }),
      },
    },
    toClient ? [] : frames,
  );
}

function jumpFindings(flow: FlowComparison, id: number): BothFinding[] {
  return ofKind(flow, ['sequence-again']).map((change) =>
    finding(
      {
        code: 'sequence-jump',
        flow: id,
        frames: change.clientFrames,
        summary:
          `The ${sideName(change.dir)}’s numbers are translated differently from frame ` +
          `${change.clientFrames[0]} (client’s capture) on: ${change.what}`,
        explanation:
          'A translation of sequence numbers has to stay the same for the life of a connection. ' +
          'Here it was made anew, so each end gets numbers that it does not expect, and ignores them.',
        certainty: 'proven',
        remedy: ASK_RANDOMIZER,
        numbers: change.numbers,
      },
      change.serverFrames,
    ),
  );
}

function sackFindings(flow: FlowComparison, id: number): BothFinding[] {
  return ofKind(flow, ['sack-left', 'sack-changed']).map((change) =>
    finding(
      {
        code: 'sack-out-of-window',
        flow: id,
        frames: change.clientFrames,
        summary:
          `SACK blocks of the ${sideName(change.dir)} in ${change.packets} of ` +
          `${plural(change.of, 'packet')} arrive ${change.what}`,
        explanation:
          'The path shifts the sequence numbers of this connection, and the blocks in which a ' +
          'receiver reports what it has are not shifted with them. The sender ignores blocks that ' +
          'name what it never sent, loses fast recovery, and crawls whenever a packet is lost.',
        certainty: 'proven',
        remedy: ASK_RANDOMIZER,
        numbers: change.numbers,
      },
      change.serverFrames,
    ),
  );
}

const STRIPPED: readonly (readonly [kind: ChangeKind, code: string, what: string])[] = [
  ['timestamps', 'timestamps-stripped', 'timestamps'],
  ['window-scale', 'window-scale-stripped', 'its window scale'],
  ['sack-permitted', 'sack-permitted-stripped', 'SACK-permitted'],
];

/** Taken out of a SYN-ACK, the ends disagree; out of a SYN, both go without. */
function strippedFindings(flow: FlowComparison, id: number): BothFinding[] {
  return STRIPPED.flatMap(([kind, code, what]) =>
    ofKind(flow, [kind]).flatMap((change) => {
      const inSyns = flow.ways[change.dir].matched.pairs.some(
        ({ sent, got }) => hasFlags(sent, SYN) && isWithout(kind, sent, got),
      );
      if (!inSyns) return [];
      const packet = change.dir === CLIENT ? 'SYN' : 'SYN-ACK';
      return [
        finding(
          {
            code,
            flow: id,
            frames: change.clientFrames,
            ...(change.dir === CLIENT ? { severity: 'note' as const } : {}),
            summary: `The ${packet} loses ${what} on the way (${change.what})`,
            explanation:
              change.dir === CLIENT
                ? 'The server does not see the client’s offer, so both ends go without: slower, ' +
                  'and consistent.'
                : 'The server counts on what it answered, and the client never saw it: the two ' +
                  'ends treat one connection differently.',
            certainty: 'proven',
            remedy: ASK_OPTIONS,
          },
          change.serverFrames,
        ),
      ];
    }),
  );
}

function isWithout(kind: ChangeKind, sent: SidePacket, got: SidePacket): boolean {
  const number = { timestamps: '8', 'window-scale': '3', 'sack-permitted': '4' }[kind as string];
  const has = ({ layout }: SidePacket) => layout.split(',').includes(number ?? '');
  return has(sent) && !has(got);
}

function mssFindings(flow: FlowComparison, id: number): BothFinding[] {
  return ofKind(flow, ['mss']).flatMap((change) => {
    const pair = flow.ways[change.dir].matched.pairs.find(({ sent, got }) => got.mss < sent.mss);
    if (pair === undefined || pair.got.mss < 0) return [];
    return [
      finding(
        {
          code: 'mss-lowered',
          flow: id,
          frames: change.clientFrames,
          summary: `The ${sideName(change.dir)}’s MSS ${pair.sent.mss} arrives as ${pair.got.mss}`,
          explanation:
            'Something on the path asks for shorter segments, usually because a tunnel behind it ' +
            'carries less. That is common and helps, as long as it is meant.',
          certainty: 'proven',
          numbers: { mss: pair.got.mss, offeredMss: pair.sent.mss },
        },
        change.serverFrames,
      ),
    ];
  });
}

function ofKind({ changes }: FlowComparison, kinds: readonly ChangeKind[]): readonly Change[] {
  return changes.filter(({ kind }) => kinds.includes(kind));
}

function framesOf(packets: readonly SidePacket[]): number[] {
  const frames = packets.slice(0, FRAME_COUNT_MAX).map(({ frame }) => frame);
  return frames.sort((a, b) => a - b);
}

function distinct(packets: readonly SidePacket[]): number {
  return new Set(packets.map(({ segSeq }): Seq | null => segSeq)).size;
}
