/**
 * What the faulty firewall can be told to do: one fault with its parameters. Comes as JSON on the
 * command line. Times: ms. A leaf.
 */
export type FaultKind =
  | 'healthy'
  | 'first-connection-reset'
  | 'challenge-ack-reset'
  | 'double-endpoint'
  | 'phantom-synack'
  | 'blind-resets'
  | 'forged-reset'
  | 'checksum-left-partial';

export type StrippedOption = 'timestamps' | 'window-scale' | 'sack-permitted';

export interface Fault {
  readonly kind: FaultKind;
  /** When the second SYN-ACK comes, counted from the first. */
  readonly delayMs: number;
  /** The three that arrive together: B (SYN-ACK), R (reset), D (the server's first data). */
  readonly order: string;
  /** Random sequence offsets per connection, both directions, SACK rewritten properly. */
  readonly offsets: boolean;
  /** With offsets: SACK blocks stay as they were, in either direction. */
  readonly sackBlind: boolean;
  /**
   * A long path: so much one way, and so much of it lost, or sent before the packet ahead of it (0
   * to 1); the same for the same seed.
   */
  readonly lagMs: number;
  readonly loss: number;
  readonly reordering: number;
  readonly seed: number;
  /** The TTL of what the second end point sends. */
  readonly otherTtl: number;
  /** Whose checksum is left to an offload that nobody does: SYN-ACKs, data, or both. */
  readonly partial: 'synack' | 'data' | 'both';
  /** Of the phantom's SYN-ACK: window scale, and timestamps of its own or none. */
  readonly wndScale: number;
  readonly timestamps: boolean;
  /** The server's ISN as the client sees it, octets ahead of the phantom's; 0: anywhere. */
  readonly serverAhead: number;
  /** The phantom's server: nothing of the client reaches it before this has passed. */
  readonly serverLateMs: number;
  /** So many keep-alive probes of a connection (SEQ = ISS) are lost on the way to the server. */
  readonly lostProbes: number;
  /** Queue everything, so that the control channel knows every connection. */
  readonly watch: boolean;
  /** After so long, counted from the SYN, the offsets are made anew; 0: never. */
  readonly jumpMs: number;
  readonly jumps: 'client' | 'server' | 'both';
  /** The option that SYN-ACKs lose, or SYNs, on the way; NOPs take its place, or nothing does. */
  readonly strips: 'nothing' | StrippedOption;
  readonly stripsFrom: 'syn' | 'synack';
  readonly stripsBy: 'nops' | 'removal';
  /**
   * The server is one that drops what carries no timestamps once they are negotiated (RFC 7323
   * §3.2: FreeBSD does, Linux does not).
   */
  readonly strict: boolean;
  /** It forgets a connection that has said nothing for so long; 0: never. */
  readonly forgetsMs: number;
  /** What comes of a forgotten one is answered by a reset, not just dropped. */
  readonly refuses: boolean;
  /** What the link to the server carries, octets; 0: as usual. */
  readonly mtu: number;
  readonly queueNum: number;
}

export const FAULT_DEFAULT: Fault = {
  kind: 'healthy',
  delayMs: 18,
  order: 'BRD',
  offsets: false,
  sackBlind: false,
  lagMs: 0,
  loss: 0,
  reordering: 0,
  seed: 1,
  partial: 'both',
  otherTtl: 63, // as a server one hop behind us would have it
  wndScale: 7,
  timestamps: false,
  serverAhead: 0,
  serverLateMs: 0,
  lostProbes: 0,
  watch: false,
  jumpMs: 0,
  jumps: 'both',
  strips: 'nothing',
  stripsFrom: 'synack',
  stripsBy: 'nops',
  strict: false,
  forgetsMs: 0,
  refuses: false,
  mtu: 0,
  queueNum: 9,
};

/** Does every packet have to go through the firewall's queue, or only the client's SYNs? */
export function queuesEverything(fault: Fault): boolean {
  if (fault.offsets || fault.watch || fault.serverLateMs > 0 || fault.lostProbes > 0) return true;
  if (fault.serverAhead !== 0 || fault.forgetsMs > 0) return true;
  if (fault.jumpMs > 0 || fault.strips !== 'nothing' || isLong(fault)) return true;
  return fault.kind !== 'phantom-synack' && fault.kind !== 'healthy';
}

export function isLong(fault: Fault): boolean {
  return fault.lagMs > 0 || fault.loss > 0 || fault.reordering > 0;
}

/** Is this one of the server's segments whose checksum the fault leaves as the bare sum? */
export function leavesPartial(fault: Fault, syn: boolean): boolean {
  if (fault.kind !== 'checksum-left-partial') return false;
  return fault.partial === 'both' || fault.partial === (syn ? 'synack' : 'data');
}

/** SO_MARK of what the firewall itself sends. */
export const OWN_MARK = 0x77;

/** B is sent again after these, as a Linux server in SYN-RECEIVED would (tcp_synack_retries). */
export const REPEATS_MS: readonly number[] = [1000, 3000, 7000, 15_000, 31_000];

/** What the control channel can ask for, now and for every connection that is known. */
export type Command =
  /** A reset to the client, `distance` octets off its exact number. */
  | { readonly do: 'forge'; readonly ttl: number; readonly distance: number }
  /** An empty ACK in the numbers of the SYN-ACK that the client got. */
  | { readonly do: 'stray' }
  /** The server's next data is overtaken by its next reset. */
  | { readonly do: 'overtake' }
  /** The server's next data gets an exact forged reset before it, and is its last sign of life. */
  | { readonly do: 'last-words' }
  /**
   * It makes its translation anew: random offsets of the client's, the server's numbers, or both.
   */
  | { readonly do: 'jump'; readonly which: 'client' | 'server' | 'both' }
  /** The firewall forgets every connection: what comes now passes as it is. */
  | { readonly do: 'forget' };
