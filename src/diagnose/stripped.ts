/**
 * Was an option taken out of a SYN or SYN-ACK on the way? That it is missing proves nothing: the
 * sender may not know it. What proves it: NOPs in its place, more of them than anybody pads with,
 * or what the ends do later. Owns the rules. RFC 7323 §2.2, §3.2, RFC 2018 §2, RFC 9293 §3.1.
 */
import { CLIENT, type Flow, SERVER, type Seen } from './flow.ts';
import { UNKNOWN } from './packet-record.ts';

export type Option = 'timestamps' | 'window-scale' | 'sack-permitted';

const NAMES: Readonly<Record<Option, string>> = {
  timestamps: 'TS',
  'window-scale': 'wscale',
  'sack-permitted': 'sackOK',
};
/** Octets of each option; three NOPs of padding can stand beside it. */
const OCTETS: Readonly<Record<Option, number>> = {
  timestamps: 10,
  'window-scale': 3,
  'sack-permitted': 2,
};
/** Nobody pads a whole word with NOPs. */
const NOPS_MIN = 4;
/** A shift below may be somebody's halved plain window. */
const SHIFT_MIN = 4;
const SHIFT_MAX = 14;
const WND_MIN = 16;
/** No receiver offers less than a segment unless it scales (RFC 1122 §4.2.3.3). */
const WND_PLAIN = 536;

export type Proof =
  /** NOPs stand where it was. */
  | { readonly by: 'nops'; readonly count: number; readonly frame: number }
  /** The server goes on as if it had been agreed upon. */
  | { readonly by: 'server'; readonly frame: number; readonly shift: number }
  /** It left the server, and the client goes on as if it had not come. */
  | { readonly by: 'client'; readonly frame: number };

export interface Stripped {
  readonly option: Option;
  readonly syn: Seen;
  readonly synAck: Seen;
  /** Taken out of the SYN: then both ends agree to do without. */
  readonly fromSyn: boolean;
  readonly proofs: readonly Proof[];
}

export function findStripped(flow: Flow): Stripped[] {
  const syn = flow.halves[CLIENT].offers[0]?.first;
  const answers = flow.halves[SERVER].offers;
  const synAck = answers[0]?.first;
  if (syn === undefined || synAck === undefined || answers.length > 1) return [];
  // A text without options says nothing about them; a SYN of our time has at least an MSS.
  if (syn.options.layout === '' || synAck.options.layout === '') return [];
  const found: Stripped[] = [];
  for (const option of ['timestamps', 'window-scale', 'sack-permitted'] as const) {
    const proofs = has(syn, option)
      ? proofsFor(flow, option, syn, synAck)
      : nopsInPlace(option, syn);
    const fromSyn = !has(syn, option);
    if (proofs.length > 0) found.push({ option, syn, synAck, fromSyn, proofs });
  }
  return found;
}

function has(packet: Seen, option: Option): boolean {
  return packet.options.layout.split(',').includes(NAMES[option]);
}

function proofsFor(flow: Flow, option: Option, syn: Seen, synAck: Seen): readonly Proof[] {
  if (has(synAck, option)) return goesWithout(flow, option, syn, synAck);
  return [...nopsInPlace(option, synAck), ...goesOn(flow, option, synAck)];
}

/** The longest run of NOPs is as long as the option, with padding beside it. */
function nopsInPlace(option: Option, packet: Seen): readonly Proof[] {
  const octets = OCTETS[option];
  let run = 0;
  let longest = 0;
  for (const name of packet.options.layout.split(',')) {
    run = name === 'nop' ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  const fits = longest >= Math.max(NOPS_MIN, octets) && longest <= octets + 3;
  return fits ? [{ by: 'nops', count: longest, frame: packet.frame }] : [];
}

/** The SYN-ACK has it not, and what the server sends later has. */
function goesOn(flow: Flow, option: Option, synAck: Seen): readonly Proof[] {
  const { options, sack } = flow.tracks.halves[SERVER];
  if (option === 'timestamps' && options.stampedCount > 0) {
    return [{ by: 'server', frame: options.stampedFrame, shift: 0 }];
  }
  if (option === 'sack-permitted' && sack.ackCount > 0) {
    return [{ by: 'server', frame: sack.firstFrame, shift: 0 }];
  }
  if (option !== 'window-scale') return [];
  const shift = shiftBetween(synAck.segWnd, options.firstWnd);
  return shift === 0 ? [] : [{ by: 'server', frame: options.firstWndFrame, shift }];
}

/**
 * The shift that makes the plain window of the SYN-ACK into the next one, 0: none does exactly. A
 * receiver takes back nothing that it has offered (RFC 7323 §2.4), a number that is no power of
 * two, nor one less, is hardly hit by chance, and less than a segment nobody offers plainly.
 */
function shiftBetween(plain: number, scaled: number): number {
  if (scaled < WND_MIN || plain === UNKNOWN) return 0;
  const round = (scaled & (scaled - 1)) === 0 || (scaled & (scaled + 1)) === 0;
  if (round && scaled >= WND_PLAIN) return 0;
  for (let shift = SHIFT_MIN; shift <= SHIFT_MAX; shift++) {
    if (plain >> shift === scaled || (plain + (1 << shift) - 1) >> shift === scaled) return shift;
  }
  return 0;
}

/** The SYN-ACK left with it (a capture at the server), and the client does not use it. */
function goesWithout(flow: Flow, option: Option, syn: Seen, synAck: Seen): readonly Proof[] {
  const { options } = flow.tracks.halves[CLIENT];
  if (option === 'timestamps') {
    const never = options.stampedCount === 0 && options.plainCount >= 2;
    return never ? [{ by: 'client', frame: options.plainFrame }] : [];
  }
  if (option !== 'window-scale' || syn.options.wndScale < SHIFT_MIN) return [];
  if (synAck.options.wndScale === UNKNOWN) return [];
  // Its first window would be some megabytes: it is the plain one of its SYN, unscaled.
  const same = options.firstWnd === syn.segWnd && syn.segWnd !== 0xffff && syn.segWnd >= 4096;
  return same ? [{ by: 'client', frame: options.firstWndFrame }] : [];
}
