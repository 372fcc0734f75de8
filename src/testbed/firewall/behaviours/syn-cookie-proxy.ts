/**
 * The firewall answers the SYN with a cookie and a closed window, and opens the connection to the
 * server when the client has acknowledged it; when the server has answered it opens the window, and
 * translates the server's numbers from then on.
 *
 * Healthy as it is by default. `splices = false`: the server's numbers arrive untranslated.
 * `options = "client"`: the server is told of options that the cookie's SYN-ACK did not agree to.
 *
 * Models: netfilter's SYNPROXY, pf's `synproxy state`, ASA's TCP Intercept with SYN cookies.
 * Source: https://wiki.nftables.org/wiki-nftables/index.php/Synproxy (its mss and wscale "must
 * match those of your backend server"), net/netfilter/nf_synproxy_core.c
 */
import * as v from 'valibot';
import { ACK, RST, SYN } from '../../../engine/wire/segment.ts';
import type { Place } from '../box.ts';
import { Packet } from '../packet.ts';
import { numberIn, SCHEDULE, ttl } from '../schedule.ts';
import { farNumber, type Session } from '../session.ts';
import { TranslatingBox } from '../translating-box.ts';
import { type Offsets, renumber } from '../translation.ts';

export const synCookieProxySchema = v.strictObject({
  kind: v.literal('syn-cookie-proxy'),
  ...SCHEDULE,
  mss: v.optional(numberIn(48, 65_535), 1460),
  /** The SYN to the server: with the options of the cookie (the MSS alone), or all the client's. */
  options: v.optional(v.picklist(['cookie', 'client']), 'cookie'),
  splices: v.optional(v.boolean(), true),
  ttl,
});

type Options = v.InferOutput<typeof synCookieProxySchema>;

/** Of the SYN to the server, as Linux sends them. */
const SYN_REPEATS_MS = [1000, 3000, 7000, 15_000] as const;
const WND = 65_535;

interface Proxied {
  readonly cookie: number;
  /** `open`: the server has answered. */
  state: 'cookie' | 'asking' | 'open';
  /** Added to the server's numbers. */
  offset: number;
}

export class SynCookieProxy extends TranslatingBox<Proxied> {
  private readonly options: Options;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  protected open({ random }: Session): Proxied {
    return { cookie: farNumber(random), state: 'cookie', offset: 0 };
  }

  protected offsetsOf({ own }: Session<Proxied>): Offsets {
    return { client: 0, server: own.offset };
  }

  protected act(packet: Packet, session: Session<Proxied>): void {
    const { own } = session;
    if (packet.isSyn() && packet.fromClient) this.sendCookie(session);
    else if (own.state === 'cookie') this.expectCookie(packet, session);
    else if (own.state === 'asking') this.expectServer(packet, session);
    else this.splice(packet, own);
  }

  /** No window: the client has to wait for the server's (as SYNPROXY does). */
  private sendCookie(session: Session<Proxied>): void {
    const { own, iss } = session;
    const { ttl: hops } = this.options;
    const options = this.mssOption();
    const ack = (iss + 1) | 0;
    const seq = own.cookie;
    this.say(session, { toClient: true, flags: SYN | ACK, seq, ack, options, ttl: hops });
  }

  private mssOption(): number[] {
    return [2, 4, this.options.mss >> 8, this.options.mss & 255];
  }

  private expectCookie(packet: Packet, session: Session<Proxied>): void {
    const { own } = session;
    const { flags, segAck } = packet.seg;
    if (!packet.fromClient || (flags & (ACK | RST)) !== ACK) return;
    if (segAck !== ((own.cookie + 1) | 0)) return;
    own.state = 'asking';
    this.ask(session);
    for (const repeatMs of SYN_REPEATS_MS) {
      this.later(session, repeatMs, () => {
        if (own.state === 'asking') this.ask(session);
      });
    }
  }

  private ask(session: Session<Proxied>): void {
    if (this.options.options === 'client') {
      this.pass(new Packet(session.syn, true));
      return;
    }
    const { ttl: hops } = this.options;
    const options = this.mssOption();
    const seq = session.iss;
    this.say(session, { toClient: false, flags: SYN, seq, wnd: WND, options, ttl: hops });
  }

  private expectServer(packet: Packet, session: Session<Proxied>): void {
    const { own, iss } = session;
    if (packet.fromClient) return; // lost, and sent again
    if (!packet.isSynAck()) {
      if (packet.has(RST)) this.passRefusal(packet, session);
      return;
    }
    own.state = 'open';
    if (!this.options.splices) {
      this.pass(packet);
      return;
    }
    const { segSeq, segWnd } = packet.seg;
    const ack = (iss + 1) | 0;
    own.offset = (own.cookie - segSeq) | 0;
    const both = { flags: ACK, ttl: this.options.ttl };
    const acked = (segSeq + 1) | 0;
    this.say(session, { ...both, toClient: false, seq: ack, ack: acked, wnd: WND });
    const seq = (own.cookie + 1) | 0;
    this.say(session, { ...both, toClient: true, seq, ack, wnd: segWnd });
  }

  /** The server does not want it: neither does the client have it then. */
  private passRefusal(packet: Packet, { own }: Session<Proxied>): void {
    packet.setSeq((own.cookie + 1) | 0);
    this.pass(packet);
  }

  private splice(packet: Packet, own: Proxied): void {
    if (packet.isSynAck() && this.options.splices) return; // a retransmission: answered already
    renumber(packet, { client: 0, server: own.offset });
    this.pass(packet);
  }
}
