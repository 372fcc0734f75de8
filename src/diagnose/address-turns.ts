/**
 * The places that one server's connections come from, one connection after the other, and how often
 * the first one came back. Owns that of each server, also of connections that are counted only.
 *
 * Connections are taken in the order in which they began. One that began before the last that was
 * taken is left out: out of order two places would seem to take turns where one followed the other.
 */
import type { Flow } from './flow.ts';
import { SERVER } from './flow.ts';
import { OriginTrack } from './track-origin.ts';

/** The first place comes back twice. */
export const RETURN_COUNT_MIN = 2;
/** Servers beyond are not compared. */
const SERVER_COUNT_MAX = 16_384;

/** That two places take turns became enough in this connection. */
export interface AddressClaim {
  readonly flow: Flow;
  readonly origin: OriginTrack;
  readonly returns: number;
}

export class AddressTurns {
  readonly claims: AddressClaim[] = [];
  private readonly servers = new Map<string, Turns>();
  private readonly before: AddressTurns | undefined;
  private lastId: number;

  /** Goes on where `before` stands, which stays as it is. */
  constructor(before?: AddressTurns) {
    this.before = before;
    this.lastId = before?.lastId ?? 0;
  }

  /** Whether this connection showed it. */
  take(flow: Flow): boolean {
    if (flow.id <= this.lastId) return false;
    this.lastId = flow.id;
    const turns = this.turnsOf(flow.server);
    const origin = turns?.take(flow.tracks.halves[SERVER].origin);
    if (turns === undefined || origin === undefined) return false;
    this.claims.push({ flow, origin, returns: turns.returns });
    return true;
  }

  private turnsOf(server: string): Turns | undefined {
    let turns = this.servers.get(server);
    if (turns !== undefined || this.servers.size >= SERVER_COUNT_MAX) return turns;
    turns = new Turns(this.before?.servers.get(server));
    this.servers.set(server, turns);
    return turns;
  }
}

class Turns {
  returns: number;
  private first: OriginTrack | undefined;
  private other: OriginTrack | undefined;
  private atOther: boolean;
  private told: boolean;

  constructor(before?: Turns) {
    this.returns = before?.returns ?? 0;
    this.first = before?.first;
    this.other = before?.other;
    this.atOther = before?.atOther ?? false;
    this.told = before?.told ?? false;
  }

  /** The track that shows both places, when it is enough and was not said yet. */
  take(origin: OriginTrack): OriginTrack | undefined {
    if (origin.lastFrame === 0) return undefined;
    this.first ??= origin;
    if (isSamePlace(this.first, origin)) {
      if (this.atOther) this.returns += 1;
      this.atOther = false;
    } else {
      this.other ??= origin;
      this.atOther = true;
    }
    if (origin.otherFrame !== 0 && !this.atOther) {
      this.returns += origin.returns;
      // A single return is enough for `told` to wait for the next connection.
      this.atOther = origin.returns === 0;
    }
    if (origin.returns >= RETURN_COUNT_MIN) this.told = true;
    if (this.told || this.returns < RETURN_COUNT_MIN) return undefined;
    this.told = true;
    if (origin.otherFrame !== 0) return origin;
    return this.other === undefined ? undefined : besides(this.first, this.other, origin);
  }
}

function isSamePlace(a: OriginTrack, b: OriginTrack): boolean {
  return a.ttl === b.ttl && a.mac === b.mac;
}

/** What two connections show, in the shape of what one would. */
function besides(first: OriginTrack, other: OriginTrack, last: OriginTrack): OriginTrack {
  const both = new OriginTrack();
  both.ttl = first.ttl;
  both.mac = first.mac;
  both.otherTtl = other.ttl;
  both.otherMac = other.mac;
  both.otherFrame = other.lastFrame;
  both.lastFrame = last.lastFrame;
  return both;
}
