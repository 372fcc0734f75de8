/**
 * Sequence numbers, acknowledgements and SACK blocks of one direction, compared under the shifts
 * that were learned. SACK blocks of a direction name octets of the other one (RFC 2018 §3).
 *
 * Owns nothing. Shifts are added to the sender's numbers; canonical int32.
 */
import { formatSeq, type Seq, seqDiff } from '../../engine/wire/seq.ts';
import { CLIENT, SERVER } from '../flow.ts';
import type { Change } from './change.ts';
import { acknowledges, framesOf } from './compare-fields.ts';
import type { Way } from './match-both.ts';
import type { Pair } from './match-packets.ts';

export function compareNumbers(way: Way, peer: Way): Change[] {
  return [...sequenceChanges(way), ...ackChanges(way, peer), ...sackChanges(way, peer)];
}

function sequenceChanges(way: Way): Change[] {
  return way.shifts.flatMap((shift, index) => {
    const pairs = way.matched.pairs.filter((pair) => pair.shift === shift);
    const [first] = pairs;
    const before = way.shifts[index - 1];
    if (first === undefined || (shift === 0 && before === undefined)) return [];
    const by = before === undefined ? shift : (shift - before) | 0;
    return [
      {
        ...change(way, pairs, before === undefined ? 'sequence' : 'sequence-again'),
        ...saw(way, numberText(first.sent.segSeq), numberText(first.got.segSeq)),
        what: `${before === undefined ? '' : 'from here on '}${signed(shift)}`,
        numbers: { offset: formatSeq(shift), by },
      },
    ];
  });
}

function ackChanges(way: Way, peer: Way): Change[] {
  const pairs = way.matched.pairs.filter(
    ({ sent, got }) => acknowledges(sent) && acknowledges(got),
  );
  const wrong = pairs.filter(({ sent, got }) => !fits(sent.segAck, got.segAck, peer));
  const [first] = wrong;
  if (first === undefined) return [];
  const left = wrong.every(({ sent, got }) => sent.segAck === got.segAck);
  return [
    {
      ...change(way, wrong, 'acknowledgement'),
      of: pairs.length,
      ...saw(way, numberText(first.sent.segAck), numberText(first.got.segAck)),
      what: left ? 'left as they were' : 'not by what the other direction is shifted',
    },
  ];
}

function fits(sent: Seq | null, got: Seq | null, peer: Way): boolean {
  if (sent === null || got === null) return true;
  return peer.shifts.some((shift) => seqDiff(sent, got) === shift);
}

type Fate = 'same' | 'translated' | 'left' | 'changed';

function sackChanges(way: Way, peer: Way): Change[] {
  const pairs = way.matched.pairs.filter(({ sent }) => sent.sack.length > 0);
  const fates = pairs.map((pair) => ({ pair, fate: fateOf(pair, peer) }));
  const kinds = [
    ['translated', 'sack-translated', 'translated with the rest'],
    ['left', 'sack-left', 'left in the numbers of the other side'],
    ['changed', 'sack-changed', 'changed, not by what the numbers are shifted'],
  ] as const;
  return kinds.flatMap(([wanted, kind, what]) => {
    const found = fates.filter(({ fate }) => fate === wanted).map(({ pair }) => pair);
    const [first] = found;
    if (first === undefined) return [];
    const [left = 0, right = 0] = first.got.sack;
    return [
      {
        ...change(way, found, kind),
        of: pairs.length,
        ...saw(way, blockText(first.sent.sack), blockText(first.got.sack)),
        what,
        numbers: { left: formatSeq(left), right: formatSeq(right) },
      },
    ];
  });
}

function fateOf({ sent, got }: Pair, peer: Way): Fate {
  const isMoved = (shift: number) =>
    sent.sack.length === got.sack.length &&
    sent.sack.every((edge, index) => ((edge - shift) | 0) === got.sack[index]);
  const isLeft = isMoved(0);
  if (isLeft && peer.shifts.includes(0)) return 'same';
  if (isLeft) return 'left';
  return peer.shifts.some(isMoved) ? 'translated' : 'changed';
}

function change(
  way: Way,
  pairs: readonly Pair[],
  kind: Change['kind'],
): Pick<Change, 'kind' | 'dir' | 'packets' | 'of' | 'clientFrames' | 'serverFrames' | 'numbers'> {
  const of = way.matched.pairs.length;
  return {
    kind,
    dir: way.dir,
    packets: pairs.length,
    of,
    ...framesOf(pairs, way.dir),
    numbers: {},
  };
}

function saw({ dir }: Way, sent: string, got: string): { clientSaw: string; serverSaw: string } {
  return dir === CLIENT ? { clientSaw: sent, serverSaw: got } : { clientSaw: got, serverSaw: sent };
}

function numberText(seq: Seq | null): string {
  return seq === null ? '' : String(formatSeq(seq));
}

function blockText(sack: readonly Seq[]): string {
  const [left, right] = sack;
  if (left === undefined || right === undefined) return 'none';
  const more = sack.length > 2 ? ' …' : '';
  return `${formatSeq(left)}–${formatSeq(right)}${more}`;
}

/** As an addition modulo 2^32, which is how it is written in a ticket. */
function signed(shift: number): string {
  return shift === 0 ? 'no longer shifted' : `shifted by +${formatSeq(shift)} (modulo 2^32)`;
}

/** What is added to the numbers that the client's capture has to get the server's. */
export function clientToServer({ dir, shifts }: Way): number {
  const shift = shifts[0] ?? 0;
  return dir === SERVER ? -shift | 0 : shift;
}
