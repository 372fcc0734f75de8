/**
 * A segment, and what was changed in one, in a few words for a person and for a packet comment.
 * Owns nothing. Packets may be cut behind their TCP header. Numbers are absolute and unsigned.
 */
import { get16, get32 } from '../../engine/wire/bytes.ts';
import { parseSegment, WIRE_OK } from '../../engine/wire/parse.ts';
import { ACK, FIN, PSH, RST, Segment, SYN } from '../../engine/wire/segment.ts';

/** The rest of a cut packet is never read. */
const LENGTH_ANY = 0xffff;
const TCP_CHECKSUM = 16;

const FLAGS = [
  [SYN, 'S'],
  [FIN, 'F'],
  [RST, 'R'],
  [PSH, 'P'],
  [ACK, '.'],
] as const;

/** `[S.] seq 1 ack 2 win 3 length 0` */
export function segmentText(packet: Uint8Array): string {
  const seg = new Segment();
  if (parseSegment(packet, 0, LENGTH_ANY, seg) !== WIRE_OK) return `${packet.length} bytes`;
  const flags = FLAGS.filter(([bit]) => (seg.flags & bit) !== 0).map(([, letter]) => letter);
  const ack = (seg.flags & ACK) === 0 ? '' : ` ack ${seg.segAck >>> 0}`;
  return (
    `[${flags.join('')}] seq ${seg.segSeq >>> 0}${ack} win ${seg.segWnd} ` +
    `length ${seg.payloadBytes}`
  );
}

/** `seq 1 -> 2, win 3 -> 4`: the fields of `before` that are others in `after`. */
export function changeText(before: Uint8Array, after: Uint8Array): string {
  const was = new Segment();
  const is = new Segment();
  if (parseSegment(before, 0, LENGTH_ANY, was) !== WIRE_OK) return 'rewritten';
  if (parseSegment(after, 0, LENGTH_ANY, is) !== WIRE_OK) return 'rewritten';
  const fields: readonly (readonly [name: string, before: string, after: string])[] = [
    ['seq', number(was.segSeq), number(is.segSeq)],
    ['ack', number(was.segAck), number(is.segAck)],
    ['win', number(was.segWnd), number(is.segWnd)],
    ['mss', optional(was.mss), optional(is.mss)],
    ['wscale', optional(was.wndScale), optional(is.wndScale)],
    ['sackOK', present(was.sackPermitted), present(is.sackPermitted)],
    ['TSval', stamp(before, was, 0), stamp(after, is, 0)],
    ['TSecr', stamp(before, was, 4), stamp(after, is, 4)],
    ['sack', blocks(before, was), blocks(after, is)],
  ];
  const changed = fields.filter(([, old, now]) => old !== now);
  const words = changed.map(([name, old, now]) => `${name} ${old} -> ${now}`);
  if (words.length > 0) return words.join(', ');
  const sum = get16(after, is.tcpOff + TCP_CHECKSUM)
    .toString(16)
    .padStart(4, '0');
  return `checksum -> 0x${sum}`;
}

function number(value: number): string {
  return String(value >>> 0);
}

function optional(value: number): string {
  return value < 0 ? 'none' : String(value);
}

function present(value: number): string {
  return value === 0 ? 'absent' : 'present';
}

function stamp(packet: Uint8Array, seg: Segment, at: number): string {
  return seg.tsOff === 0 ? 'none' : number(get32(packet, seg.tsOff + at));
}

function blocks(packet: Uint8Array, seg: Segment): string {
  const texts: string[] = [];
  for (let i = 0; i < seg.sackCount; i++) {
    const at = seg.sackOff + i * 8;
    texts.push(`${number(get32(packet, at))}:${number(get32(packet, at + 4))}`);
  }
  return texts.length === 0 ? 'none' : texts.join(' ');
}
