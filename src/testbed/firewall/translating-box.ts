/**
 * A box that renumbers, and does so in ICMP errors too: what such an error quotes is in the numbers
 * of the far side of the box, and an end discards a quote that is not its own (RFC 5927 §4.1).
 */
import { get32, put32 } from '../../engine/wire/bytes.ts';
import { replace32 } from '../../engine/wire/checksum.ts';
import { Box, keyOf, tcpOffOf } from './box.ts';
import type { Packet } from './packet.ts';
import type { Session } from './session.ts';
import type { Offsets } from './translation.ts';

const ICMP_BYTES = 8;
/** Of the quoted TCP header as far as its ACK. */
const QUOTED_TCP_BYTES = 12;

export abstract class TranslatingBox<Own> extends Box<Own> {
  protected abstract offsetsOf(session: Session<Own>): Offsets;

  protected override stray(packet: Packet): void {
    if (!packet.isTcp) this.translateQuote(packet);
    this.pass(packet);
  }

  private translateQuote({ bytes, fromClient }: Packet): void {
    const icmpOff = icmpErrorOff(bytes);
    const quote = bytes.subarray(icmpOff + ICMP_BYTES);
    const tcpOff = tcpOffOf(quote);
    if (icmpOff === 0 || quote.length < tcpOff + QUOTED_TCP_BYTES) return;
    // It goes to who had sent what it quotes.
    const session = this.sessions.get(keyOf(quote, !fromClient, tcpOff));
    if (session === undefined || !this.isActive(session)) return;
    const { client, server } = this.offsetsOf(session);
    const [own, other] = fromClient ? [server, client] : [client, server];
    const tcp = icmpOff + ICMP_BYTES + tcpOff;
    shift(bytes, icmpOff, tcp + 4, -own);
    shift(bytes, icmpOff, tcp + 8, other);
  }
}

/** Where its ICMP header is; 0: it is no ICMP error. */
function icmpErrorOff(bytes: Uint8Array): number {
  const off = tcpOffOf(bytes);
  const type = bytes[off] ?? 0;
  if (off === 40) return bytes[6] === 58 && type >= 1 && type <= 4 ? off : 0;
  return bytes[9] === 1 && [3, 11, 12].includes(type) ? off : 0;
}

function shift(bytes: Uint8Array, icmpOff: number, at: number, by: number): void {
  const before = get32(bytes, at);
  const after = (before + by) | 0;
  put32(bytes, at, after);
  replace32(bytes, icmpOff + 2, before, after);
}
