/**
 * The translation is made anew in mid-connection: from `fromMs` on numbers are others, and others
 * again after each `everyMs`. SACK blocks are translated. Old numbers never come back.
 *
 * Models: a firewall that loses its translations and makes new ones, or none (a failover without
 * state, a cleared xlate table), while connections go on. (None: `randomize` with `untilMs`, as
 * when the hardware bypass of an ISA 3000 takes it out of the path.)
 * Source: https://docs.manage.security.cisco.com/cdfmc/t_disable_tcp_sequence_randomization.html
 */
import * as v from 'valibot';
import type { Place } from '../box.ts';
import type { Packet } from '../packet.ts';
import { isOf, ms, SCHEDULE, whose } from '../schedule.ts';
import { farNumber, type Session } from '../session.ts';
import { TranslatingBox } from '../translating-box.ts';
import { type Offsets, renumber } from '../translation.ts';

export const rerandomizeSchema = v.strictObject({
  kind: v.literal('rerandomize'),
  ...SCHEDULE,
  /** Whose numbers are changed. */
  whose: v.optional(whose, 'both'),
  /** 0: once. */
  everyMs: v.optional(ms, 0),
});

type Options = v.InferOutput<typeof rerandomizeSchema>;

export class Rerandomize extends TranslatingBox<Offsets> {
  private readonly options: Options;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  protected open(): Offsets {
    return { client: 0, server: 0 };
  }

  protected override begin(session: Session<Offsets>): void {
    const { own, random } = session;
    if (isOf(this.options.whose, true)) own.client = (own.client + farNumber(random)) | 0;
    if (isOf(this.options.whose, false)) own.server = (own.server + farNumber(random)) | 0;
    if (this.options.everyMs === 0) return;
    this.later(session, this.options.everyMs, () => this.begin(session));
  }

  protected offsetsOf({ own }: Session<Offsets>): Offsets {
    return own;
  }

  protected act(packet: Packet, session: Session<Offsets>): void {
    renumber(packet, session.own);
    this.pass(packet);
  }
}
