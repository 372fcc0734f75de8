/**
 * A link between the boxes before it in the list and those behind it: delay, jitter, rate, loss,
 * reordering and duplication per direction, for kernels without netem.
 *
 * Models: any path. Options: `path-options.ts`. (The `path` of a composition is a link behind the
 * last box.)
 * Source: tc-netem(8), whose words these are
 */
import * as v from 'valibot';
import { mix, Random } from '../../../datapath/sim/random.ts';
import { type Place, PlainBox } from '../box.ts';
import type { Packet } from '../packet.ts';
import { linkOf, type Link as Options, PATH, type Path } from '../path-options.ts';
import { SCHEDULE, type Schedule } from '../schedule.ts';

export const linkBehaviourSchema = v.strictObject({
  kind: v.literal('link'),
  ...SCHEDULE,
  ...PATH,
});

interface Waiting {
  packet: Packet;
}

/** One direction. */
interface Lane {
  readonly options: Options;
  readonly fate: Random;
  /** When the line is free again, and when the last packet arrives at its other end. */
  freeMs: number;
  lastMs: number;
  readonly waiting: Waiting[];
}

export class Link extends PlainBox {
  private readonly isAlways: boolean;
  private readonly toServer: Lane;
  private readonly toClient: Lane;

  constructor(path: Path, schedule: Schedule, place: Place) {
    super(schedule, place);
    const { fromMs, untilMs, probability, connection } = schedule;
    this.isAlways = fromMs + untilMs + connection === 0 && probability === 1;
    this.toServer = laneOf(linkOf(path, false), mix(place.seed, 1));
    this.toClient = laneOf(linkOf(path, true), mix(place.seed, 2));
  }

  protected act(packet: Packet): void {
    const lane = packet.fromClient ? this.toServer : this.toClient;
    const { loss, duplication } = lane.options;
    if (lane.fate.chance(loss)) return;
    this.carry(packet, lane);
    if (duplication > 0 && lane.fate.chance(duplication)) this.carry(packet.copy(), lane);
  }

  /** Without a schedule it is a link for everything: errors, and connections unseen till now. */
  protected override stray(packet: Packet): void {
    if (this.isAlways) this.act(packet);
    else this.pass(packet);
  }

  private carry(packet: Packet, lane: Lane): void {
    const { delayMs, jitterMs, reordering } = lane.options;
    const nowMs = this.nowMs();
    const departMs = departure(packet.bytes.length, lane, nowMs);
    if (departMs === undefined) return; // no room in the buffer
    const jitter = jitterMs > 0 ? lane.fate.unit() * jitterMs : 0;
    const dueMs = Math.max(lane.lastMs, departMs + delayMs + jitter);
    lane.lastMs = dueMs;
    const ahead = lane.waiting.at(-1);
    const overtakes = reordering > 0 && lane.fate.chance(reordering) && ahead !== undefined;
    const last: Waiting = { packet: overtakes ? ahead.packet : packet };
    if (overtakes) ahead.packet = packet;
    if (dueMs <= nowMs && lane.waiting.length === 0) {
      this.pass(packet);
      return;
    }
    lane.waiting.push(last);
    this.at(dueMs - nowMs, () => {
      lane.waiting.shift();
      this.pass(last.packet);
    });
  }
}

function laneOf(options: Options, seed: number): Lane {
  return { options, fate: new Random(seed), freeMs: 0, lastMs: 0, waiting: [] };
}

/** When the last bit of it is on the line; undefined: there is no room to wait. */
function departure(bytes: number, lane: Lane, nowMs: number): number | undefined {
  const { rateMbit, bufferOctets } = lane.options;
  if (rateMbit === 0) return nowMs;
  const octetsPerMs = rateMbit * 125;
  const startMs = Math.max(nowMs, lane.freeMs);
  if ((startMs - nowMs) * octetsPerMs + bytes > bufferOctets) return undefined;
  lane.freeMs = startMs + bytes / octetsPerMs;
  return lane.freeMs;
}
