/**
 * The near end of a script, whatever it is: a socket of this kernel, or a model end point in
 * virtual time. Nothing here waits: whoever runs a script looks again. Owns nothing.
 */
import type { Packet } from '../../datapath/sim/packet.ts';
import type { Call, End } from './script.ts';

export type Heard =
  | { readonly kind: 'octets'; readonly bytes: Uint8Array }
  | { readonly kind: 'end'; readonly end: End | 'closed' }
  | { readonly kind: 'waiting' };

export interface Subject {
  /** A segment of the far end. */
  inject(packet: Packet): void;
  /** False: not possible yet (`accept`). Throws where it fails. */
  call(call: Call): boolean;
  /** At most so many octets. */
  hear(octets: number): Heard;
  /** RFC 9293 §3.3.2. */
  state(): string;
  /** The script is over. */
  leave(): void;
}
