/**
 * The fields of packets that both captures have, compared one by one. Owns the list of what is
 * compared; reads pairs, gives changes with their count and their first example.
 */
import { ACK, SYN } from '../../engine/wire/segment.ts';
import { formatSeq, type Seq } from '../../engine/wire/seq.ts';
import { CLIENT, type Direction } from '../flow.ts';
import { hasFlags, UNKNOWN } from '../packet-record.ts';
import type { Change, ChangeKind } from './change.ts';
import type { Pair } from './match-packets.ts';
import { isTelling, type SidePacket } from './side-packet.ts';

const FRAME_COUNT_MAX = 8;
const ECN_FLAGS = 0xc0;

/** What one packet shows: undefined where it says nothing, '' where nothing was changed. */
type Compare = (sent: SidePacket, got: SidePacket) => Difference | undefined;

interface Difference {
  readonly isChanged: boolean;
  readonly sent: string;
  readonly got: string;
  readonly what: string;
}

const SAME: Difference = { isChanged: false, sent: '', got: '', what: '' };

const FIELDS: readonly (readonly [kind: ChangeKind, compare: Compare])[] = [
  ['mss', (sent, got) => synOption(sent, got, 2, sent.mss, got.mss)],
  ['window-scale', (sent, got) => synOption(sent, got, 3, sent.wndScale, got.wndScale)],
  ['sack-permitted', (sent, got) => synOption(sent, got, 4, 1, 1)],
  ['timestamps', compareStamps],
  ['option', compareOthers],
  ['window', (sent, got) => numberField(sent.segWnd, got.segWnd)],
  ['dscp', (sent, got) => numberField(upper(sent.tos), upper(got.tos))],
  ['ecn', compareEcn],
  ['ip-id', compareIds],
  ['payload', comparePayload],
];

export function compareFields(pairs: readonly Pair[], dir: Direction): Change[] {
  return FIELDS.flatMap(([kind, compare]) => {
    const change = changeOf(kind, compare, pairs, dir);
    return change === undefined ? [] : [change];
  });
}

function changeOf(
  kind: ChangeKind,
  compare: Compare,
  pairs: readonly Pair[],
  dir: Direction,
): Change | undefined {
  let example: Difference | undefined;
  const changed: Pair[] = [];
  let of = 0;
  for (const pair of pairs) {
    const found = compare(pair.sent, pair.got);
    if (found === undefined) continue;
    of += 1;
    if (!found.isChanged) continue;
    example ??= found;
    changed.push(pair);
  }
  if (example === undefined) return undefined;
  const [client, server] =
    dir === CLIENT ? [example.sent, example.got] : [example.got, example.sent];
  return {
    kind,
    dir,
    packets: changed.length,
    of,
    clientSaw: client,
    serverSaw: server,
    what: example.what,
    ...framesOf(changed, dir),
    numbers: {},
  };
}

/** The first few frames of pairs, by capture. */
export function framesOf(
  pairs: readonly Pair[],
  dir: Direction,
): { clientFrames: number[]; serverFrames: number[] } {
  const first = pairs.slice(0, FRAME_COUNT_MAX);
  const sent = first.map((pair) => pair.sent.frame);
  const got = first.map((pair) => pair.got.frame);
  return dir === CLIENT
    ? { clientFrames: sent, serverFrames: got }
    : { clientFrames: got, serverFrames: sent };
}

function numberField(sent: number, got: number): Difference | undefined {
  if (sent === UNKNOWN || got === UNKNOWN) return undefined;
  if (sent === got) return SAME;
  return { isChanged: true, sent: String(sent), got: String(got), what: 'changed' };
}

function kindsOf({ layout }: SidePacket): number[] {
  return layout === '' ? [] : layout.split(',').map(Number);
}

/** Only SYNs have it (RFC 9293 §3.2, RFC 7323 §2, RFC 2018 §2). */
function synOption(
  sent: SidePacket,
  got: SidePacket,
  kind: number,
  before: number,
  after: number,
): Difference | undefined {
  if (!hasFlags(sent, SYN) || !hasFlags(got, SYN)) return undefined;
  return (
    presence(sent, got, kind, before === 1 && kind === 4 ? 'yes' : String(before)) ??
    (kindsOf(sent).includes(kind) ? numberField(before, after) : undefined)
  );
}

/** Whether an option is there on one side only. */
function presence(
  sent: SidePacket,
  got: SidePacket,
  kind: number,
  value: string,
): Difference | undefined {
  const before = kindsOf(sent);
  const after = kindsOf(got);
  if (before.includes(kind) === after.includes(kind)) return undefined;
  if (after.includes(kind)) return { isChanged: true, sent: 'none', got: 'there', what: 'added' };
  const nops = after.filter((one) => one === 1).length - before.filter((one) => one === 1).length;
  const what = nops > 0 ? 'overwritten with NOPs' : 'removed';
  return { isChanged: true, sent: value, got: nops > 0 ? 'NOPs' : 'none', what };
}

function compareStamps(sent: SidePacket, got: SidePacket): Difference | undefined {
  const found = presence(sent, got, 8, 'there');
  if (found !== undefined) return found;
  if (sent.tsVal === null || got.tsVal === null) return undefined;
  if (sent.tsVal === got.tsVal && sent.tsEcr === got.tsEcr) return SAME;
  return { isChanged: true, sent: stamps(sent), got: stamps(got), what: 'changed' };
}

function stamps({ tsVal, tsEcr }: SidePacket): string {
  const text = (seq: Seq | null) => (seq === null ? 'none' : String(formatSeq(seq)));
  return `${text(tsVal)}, ${text(tsEcr)}`;
}

/** Texts show only the options that they name. */
function compareOthers(sent: SidePacket, got: SidePacket): Difference | undefined {
  if (sent.tos === UNKNOWN || got.tos === UNKNOWN) return undefined;
  if (sent.others === got.others) return sent.others === '' ? undefined : SAME;
  const what = got.others === '' ? 'removed' : sent.others === '' ? 'added' : 'changed';
  return { isChanged: true, sent: othersText(sent), got: othersText(got), what };
}

function othersText({ others }: SidePacket): string {
  const kinds = others.split(' ').map((one) => one.split(':')[0]);
  return others === '' ? 'none' : `option ${kinds.join(', ')}`;
}

function upper(tos: number): number {
  return tos === UNKNOWN ? UNKNOWN : tos >> 2;
}

/**
 * ECE and CWR of the SYNs ask for it (RFC 3168 §6.1.1). A router that marks congestion (CE) does
 * what it is for.
 */
function compareEcn(sent: SidePacket, got: SidePacket): Difference | undefined {
  if (sent.tos === UNKNOWN || got.tos === UNKNOWN) return undefined;
  const flagsDiffer = ((sent.flags ^ got.flags) & ECN_FLAGS) !== 0;
  const marked = (got.tos & 3) === 3;
  if (!flagsDiffer && ((sent.tos ^ got.tos) & 3) === 0) return SAME;
  if (!flagsDiffer && marked) return SAME;
  return { isChanged: true, sent: ecnText(sent), got: ecnText(got), what: 'changed' };
}

function ecnText({ tos, flags }: SidePacket): string {
  const names = [(flags & 0x40) === 0 ? '' : 'ECE', (flags & 0x80) === 0 ? '' : 'CWR'];
  return [`ECN ${tos & 3}`, ...names].filter((name) => name !== '').join(' ');
}

function compareIds(sent: SidePacket, got: SidePacket): Difference | undefined {
  if (!isTelling(sent.ipId)) return undefined;
  return numberField(sent.ipId, got.ipId);
}

function comparePayload(sent: SidePacket, got: SidePacket): Difference | undefined {
  if (sent.payloadOctets === 0 || sent.payloadOctets !== got.payloadOctets) return undefined;
  const whole = sent.payloadHash !== UNKNOWN && got.payloadHash !== UNKNOWN;
  if (!whole && (sent.headHash === UNKNOWN || got.headHash === UNKNOWN)) return undefined;
  const same = whole ? sent.payloadHash === got.payloadHash : sent.headHash === got.headHash;
  if (same) return SAME;
  const octets = `${sent.payloadOctets} octets`;
  return { isChanged: true, sent: octets, got: 'other content', what: 'changed' };
}

/** Whether the acknowledgement number of a packet says something. */
export function acknowledges(packet: SidePacket): boolean {
  return hasFlags(packet, ACK) && packet.segAck !== null;
}
