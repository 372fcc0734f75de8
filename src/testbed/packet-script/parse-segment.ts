/**
 * One segment of a packet script, as tcpdump writes them: `P. 1:101 ack 1 win 502 <ts 7>`. Owns
 * their text, both ways.
 */
import { ACK, FIN, PSH, RST, SYN } from '../../datapath/sim/packet.ts';
import type { Base, OptionList, Place, SegmentLine } from './script.ts';
import { ScriptError } from './script-error.ts';

const FLAG_LETTERS: readonly (readonly [string, number])[] = [
  ['S', SYN],
  ['F', FIN],
  ['R', RST],
  ['P', PSH],
  ['.', ACK],
];
const WND_MAX = 65_535;
const SEGMENT = /^([SFRP.]+) ([\w+-]+)(?::(\d+))?(?: ack (-?\d+))?(?: win (\d+))?(?: <([^>]*)>)?$/;
const PLACE = /^(?:(-?\d+)|(left|middle|right)([+-]\d+)?)$/;

export const NO_OPTIONS: OptionList = {
  mss: -1,
  wndScale: -1,
  sackPermitted: false,
  ts: -1,
  sack: [],
};

export function parseSegmentLine(text: string): SegmentLine {
  const match = SEGMENT.exec(text);
  if (match === null) throw new ScriptError('it is no "FLAGS SEQ[:END] [ack N] [win N] [<…>]"');
  const [, letters = '', place = '', end, ack, wnd, options] = match;
  const flags = parseFlags(letters);
  const seq = parsePlace(place);
  if (((flags & ACK) !== 0) !== (ack !== undefined)) {
    throw new ScriptError('"." among the flags and "ack N" go together');
  }
  if (end !== undefined && (seq.base !== 'zero' || Number(end) <= seq.offset)) {
    throw new ScriptError(`"${place}:${end}" is no range`);
  }
  if (Number(wnd ?? 0) > WND_MAX) throw new ScriptError(`win ${wnd} is more than ${WND_MAX}`);
  return {
    flags,
    seq,
    octets: end === undefined ? 0 : Number(end) - seq.offset,
    ack: Number(ack ?? 0),
    wnd: wnd === undefined ? -1 : Number(wnd),
    options: options === undefined ? null : parseOptions(options),
  };
}

/** The text that `parseSegmentLine` reads. */
export function formatSegmentLine(segment: SegmentLine): string {
  const { flags, seq, octets, ack, wnd, options } = segment;
  const parts = [formatFlags(flags), formatPlace(seq)];
  if (octets > 0) parts[1] += `:${seq.offset + octets}`;
  if ((flags & ACK) !== 0) parts.push(`ack ${ack}`);
  if (wnd >= 0) parts.push(`win ${wnd}`);
  if (options !== null) parts.push(`<${formatOptions(options)}>`);
  return parts.join(' ');
}

export function formatFlags(flags: number): string {
  return FLAG_LETTERS.map(([letter, bit]) => ((flags & bit) === 0 ? '' : letter)).join('');
}

function parseFlags(letters: string): number {
  let flags = 0;
  for (const letter of letters) {
    const bit = FLAG_LETTERS.find(([one]) => one === letter)?.[1] ?? 0;
    if ((flags & bit) !== 0) throw new ScriptError(`flag ${letter} stands twice`);
    flags |= bit;
  }
  return flags;
}

function parsePlace(text: string): Place {
  const match = PLACE.exec(text);
  if (match === null) throw new ScriptError(`"${text}" is no sequence number`);
  const [, number, base, offset] = match;
  if (base === undefined) return { base: 'zero', offset: Number(number) };
  return { base: base as Base, offset: Number(offset ?? 0) };
}

function formatPlace({ base, offset }: Place): string {
  if (base === 'zero') return String(offset);
  return offset === 0 ? base : `${base}${offset < 0 ? '' : '+'}${offset}`;
}

function parseOptions(text: string): OptionList {
  let list = NO_OPTIONS;
  for (const option of text.split(',').filter((part) => part !== '')) {
    const [name, ...rest] = option.trim().split(/\s+/);
    const value = Number(rest[0]);
    if (name === 'sackOK' && rest.length === 0) list = { ...list, sackPermitted: true };
    else if (name === 'sack') list = { ...list, sack: rest.flatMap(parseBlock) };
    else if (rest.length !== 1 || !Number.isInteger(value) || value < 0) {
      throw new ScriptError(`option "${option.trim()}" is not known`);
    } else if (name === 'mss') list = { ...list, mss: value };
    else if (name === 'wscale') list = { ...list, wndScale: value };
    else if (name === 'ts') list = { ...list, ts: value };
    else throw new ScriptError(`option "${option.trim()}" is not known`);
  }
  return list;
}

function parseBlock(text: string): number[] {
  const match = /^(-?\d+):(-?\d+)$/.exec(text);
  if (match === null) throw new ScriptError(`"${text}" is no SACK block`);
  return [Number(match[1]), Number(match[2])];
}

export function formatOptions(list: OptionList): string {
  const parts: string[] = [];
  if (list.mss >= 0) parts.push(`mss ${list.mss}`);
  if (list.sackPermitted) parts.push('sackOK');
  if (list.ts >= 0) parts.push(`ts ${list.ts}`);
  if (list.wndScale >= 0) parts.push(`wscale ${list.wndScale}`);
  if (list.sack.length > 0) parts.push(`sack ${formatBlocks(list.sack)}`);
  return parts.join(',');
}

function formatBlocks(edges: readonly number[]): string {
  const blocks: string[] = [];
  for (let i = 0; i + 1 < edges.length; i += 2) blocks.push(`${edges[i]}:${edges[i + 1]}`);
  return blocks.join(' ');
}
