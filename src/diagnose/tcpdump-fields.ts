/**
 * The TCP half of a tcpdump line, from `Flags [` to `length N` (tcpdump's print-tcp.c, 4.x).
 *
 * Owns nothing. Numbers stay as printed: absolute or relative is decided by tcpdump-numbers.ts.
 * Every pattern is sticky and without nested repetition, so damaged input costs linear time.
 */
import { ACK, FIN, PSH, RST, SYN, URG } from '../engine/wire/segment.ts';
import {
  type ChecksumVerdict,
  NO_OPTIONS,
  NO_SACK,
  type TcpOptions,
  UNKNOWN,
} from './packet-record.ts';

export interface TcpFields {
  flags: number;
  /** As printed, unsigned; UNKNOWN when not printed. */
  seq: number;
  seqEnd: number;
  ack: number;
  wnd: number;
  length: number;
  options: TcpOptions;
  checksum: ChecksumVerdict;
  checksumField: number;
  /** `length` was reached. */
  complete: boolean;
  /** Nothing stood there that tcpdump does not write. */
  strict: boolean;
}

const FLAGS = /Flags \[(none|[SFRP.UEWe]{0,9})\]/y;
const CHECKSUM = /, cksum 0x([0-9a-f]{4}) \((correct|incorrect|unverified)[^)]{0,32}\)?\)/y;
const SEQ = /, seq (\d{1,10})(?::(\d{1,10}))?(?=,|$)/y;
const ACKNOWLEDGED = /, ack (\d{1,10})(?=,|$)/y;
const WINDOW = /, win (\d{1,5})(?=,|$)/y;
const URGENT = /, urg \d{1,5}(?=,|$)/y;
const LENGTH = /, length (\d{1,6})(?![\d\w])/y;
const OPTIONS = ', options [';

const FLAG_BITS: Readonly<Record<string, number>> = {
  S: SYN,
  F: FIN,
  R: RST,
  P: PSH,
  '.': ACK,
  U: URG,
};

/** `from` is the index of `Flags [`. */
export function parseTcpFields(line: string, from: number): TcpFields | undefined {
  const flags = match(FLAGS, line, from);
  if (flags === null) return undefined;
  const fields = emptyFields(flagBits(flags[1] ?? ''));
  let at = from + flags[0].length;
  while (at < line.length && !fields.complete) {
    const next = parseField(line, at, fields);
    if (next < 0) {
      fields.strict = false;
      // Something tcpdump inserted that we do not know: go on at the next field.
      at = line.indexOf(', ', at + 1);
      if (at < 0) break;
    } else at = next;
  }
  if (!rangeAgrees(fields)) fields.strict = false;
  return fields;
}

function emptyFields(flags: number): TcpFields {
  return {
    flags,
    seq: UNKNOWN,
    seqEnd: UNKNOWN,
    ack: UNKNOWN,
    wnd: UNKNOWN,
    length: 0,
    options: NO_OPTIONS,
    checksum: 'unknown',
    checksumField: UNKNOWN,
    complete: false,
    strict: true,
  };
}

function flagBits(letters: string): number {
  let bits = 0;
  for (const letter of letters === 'none' ? '' : letters) bits |= FLAG_BITS[letter] ?? 0;
  return bits;
}

/** The index behind the field at `at`, or -1. */
function parseField(line: string, at: number, fields: TcpFields): number {
  let found = match(SEQ, line, at);
  if (found !== null) {
    fields.seq = uint32(found[1], fields);
    fields.seqEnd = found[2] === undefined ? UNKNOWN : uint32(found[2], fields);
    return at + found[0].length;
  }
  found = match(ACKNOWLEDGED, line, at);
  if (found !== null) {
    fields.ack = uint32(found[1], fields);
    return at + found[0].length;
  }
  found = match(WINDOW, line, at);
  if (found !== null) {
    fields.wnd = Number(found[1]);
    return at + found[0].length;
  }
  found = match(LENGTH, line, at);
  if (found !== null) {
    fields.length = Number(found[1]);
    fields.complete = true;
    return at + found[0].length;
  }
  found = match(CHECKSUM, line, at);
  if (found !== null) {
    fields.checksumField = Number.parseInt(found[1] ?? '', 16);
    fields.checksum = checksumVerdict(found[2]);
    return at + found[0].length;
  }
  found = match(URGENT, line, at);
  if (found !== null) return at + found[0].length;
  return parseOptionField(line, at, fields);
}

function checksumVerdict(word: string | undefined): ChecksumVerdict {
  if (word === 'correct') return 'good';
  return word === 'incorrect' ? 'bad' : 'unknown';
}

/** A number beyond 32 bits was damaged on its way to us. */
function uint32(digits: string | undefined, fields: TcpFields): number {
  const value = Number(digits);
  if (value <= 0xffffffff) return value;
  fields.strict = false;
  return UNKNOWN;
}

function parseOptionField(line: string, at: number, fields: TcpFields): number {
  if (!line.startsWith(OPTIONS, at)) return -1;
  const start = at + OPTIONS.length;
  // Options can contain brackets themselves (`[bad opt]`): the list ends before `, length`.
  let end = line.indexOf('], length ', start);
  if (end < 0) end = line.indexOf(']', start);
  if (end < 0) return -1;
  const list = line.slice(start, end);
  fields.options = parseOptionList(list);
  if (DIGITS_APART.test(list)) fields.strict = false;
  return end + 1;
}

/** Two numbers with only a space between them: a wrapped line joined at the wrong place. */
const DIGITS_APART = /\d \d|val \d+ \d|\d e cr/;
const OPTION_NAME = /^[A-Za-z-]+/;

function parseOptionList(list: string): TcpOptions {
  const names: string[] = [];
  let mss = UNKNOWN;
  let wndScale = UNKNOWN;
  let tsVal: number | null = null;
  let tsEcr: number | null = null;
  let sack = NO_SACK;
  for (const item of list.split(',')) {
    const [name] = OPTION_NAME.exec(item.trim()) ?? ['?'];
    names.push(name);
    const values = item.match(/\d+/g) ?? [];
    if (name === 'mss') mss = Number(values[0] ?? UNKNOWN);
    else if (name === 'wscale') wndScale = Number(values[0] ?? UNKNOWN);
    else if (name === 'TS' && values.length === 2) {
      tsVal = Number(values[0]) | 0;
      tsEcr = Number(values[1]) | 0;
    } else if (name === 'sack' && (values.length & 1) === 1) {
      // The count, then the edges, which tcpdump prints as it does the acknowledgement.
      sack = values.slice(1).map((edge) => Number(edge) | 0);
    }
  }
  return { layout: names.join(','), mss, wndScale, tsVal, tsEcr, sack };
}

/** `seq 1:41` and `length 40` say the same twice. */
function rangeAgrees(fields: TcpFields): boolean {
  if (!fields.complete || fields.seqEnd === UNKNOWN || fields.seq === UNKNOWN) return true;
  return ((fields.seqEnd - fields.seq) | 0) === fields.length;
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
