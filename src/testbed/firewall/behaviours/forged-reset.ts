/**
 * Somebody sends resets in the server's name (or the client's): with the number that the victim
 * expects, with one inside its window, or with 256 spread over all numbers; with data, if wanted.
 *
 * Models: a censor or an IPS that resets what it does not like (exact, often with another TTL), and
 * the off-path attack of RFC 5961 §1 (blind).
 * Source: https://github.com/net4people/bbs/issues/285, https://www.rfc-editor.org/rfc/rfc5961
 */
import * as v from 'valibot';
import { ACK, RST } from '../../../engine/wire/segment.ts';
import { Box, type Place } from '../box.ts';
import type { Packet } from '../packet.ts';
import { count, ms, SCHEDULE, ttl } from '../schedule.ts';
import type { Session } from '../session.ts';

export const forgedResetSchema = v.strictObject({
  kind: v.literal('forged-reset'),
  ...SCHEDULE,
  /** `in-window`: `distance` octets beyond the exact one. */
  number: v.optional(v.picklist(['exact', 'in-window', 'blind']), 'exact'),
  distance: v.optional(count, 1000),
  /** So many (blind: so many times 256). */
  count: v.optional(count, 1),
  /**
   * `clock`: the first at `fromMs`, the others `everyMs` apart. `victim`: one behind each of the
   * victim's next segments, so that what is under way cannot make the number old.
   */
  follows: v.optional(v.picklist(['clock', 'victim']), 'clock'),
  everyMs: v.optional(ms, 0),
  to: v.optional(v.picklist(['client', 'server']), 'client'),
  /** Octets of text in the reset (RFC 9293 §3.5.3 allows it). */
  data: v.optional(v.pipe(v.string(), v.maxLength(1000)), ''),
  ttl,
});

type Options = v.InferOutput<typeof forgedResetSchema>;

const BLIND_COUNT = 256;
const BLIND_FIRST = 0x800000;
const BLIND_STEP = 0x01000000;

interface Forged {
  left: number;
}

export class ForgedReset extends Box<Forged> {
  private readonly options: Options;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  protected open(): Forged {
    return { left: this.options.count };
  }

  protected override begin(session: Session<Forged>): void {
    if (this.options.follows === 'clock') this.strike(session);
  }

  protected act(packet: Packet, session: Session<Forged>): void {
    this.pass(packet);
    const isVictims = packet.fromClient === (this.options.to === 'client');
    if (this.options.follows !== 'victim' || !isVictims) return;
    if ((packet.seg.flags & (ACK | RST)) !== ACK || session.own.left === 0) return;
    session.own.left--;
    this.forge(session, packet.seg.segAck);
  }

  private strike(session: Session<Forged>): void {
    const { own } = session;
    const exact = session.side(this.options.to === 'client').rcvNxt;
    if (exact === undefined) {
      this.later(session, 1, () => this.strike(session)); // no handshake yet
      return;
    }
    if (own.left === 0) return;
    own.left--;
    this.forge(session, exact);
    this.later(session, this.options.everyMs, () => this.strike(session));
  }

  private forge(session: Session<Forged>, exact: number): void {
    const { number, distance } = this.options;
    if (number === 'exact') this.send(session, exact);
    else if (number === 'in-window') this.send(session, exact + distance);
    else this.sendBlindly(session);
  }

  private sendBlindly(session: Session<Forged>): void {
    const { isn = 0 } = session.side(this.options.to !== 'client');
    for (let k = 0; k < BLIND_COUNT; k++) this.send(session, isn + BLIND_FIRST + k * BLIND_STEP);
  }

  private send(session: Session<Forged>, seq: number): void {
    const { to, data, ttl: hops } = this.options;
    const toClient = to === 'client';
    const octets = new TextEncoder().encode(data);
    this.say(session, { toClient, flags: RST, seq: seq | 0, ttl: hops, data: octets });
  }
}
