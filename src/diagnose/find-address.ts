/**
 * `duplicate-address`: packets of one address come from two places in turns. Owns the words and how
 * often is enough: the first place comes back twice. Of one connection, or of several to one
 * server one after the other, which weighs less: routes are chosen by connection. DESIGN §4.8.
 */
import { findConflict } from './conflict.ts';
import { type Finding, makeFinding } from './finding.ts';
import { CLIENT, type Direction, type Flow, SERVER } from './flow.ts';
import { UNKNOWN } from './packet-record.ts';
import { OriginTrack } from './track-origin.ts';
import { captureCommand, plural, sideName, type Wording } from './wording.ts';

const RETURN_COUNT_MIN = 2;

/** Of all connections; each finding belongs to the connection in which it became enough. */
export function addressFindings(flows: readonly Flow[], wording: Wording): Finding[] {
  const found: Finding[] = [];
  const servers = new Map<string, Turns>();
  for (const flow of flows) {
    for (const dir of [CLIENT, SERVER] as const) {
      const { origin } = flow.tracks.halves[dir];
      if (origin.returns >= RETURN_COUNT_MIN) {
        found.push(addressFinding(flow, dir, origin, origin.returns, true, wording));
      }
    }
    const turns = servers.get(flow.server) ?? new Turns();
    servers.set(flow.server, turns);
    const origin = turns.take(flow.tracks.halves[SERVER].origin);
    if (origin !== undefined) {
      found.push(addressFinding(flow, SERVER, origin, turns.returns, false, wording));
    }
  }
  return found;
}

/** The places that one server's connections come from, one after the other. */
class Turns {
  returns = 0;
  private first: OriginTrack | undefined;
  private other: OriginTrack | undefined;
  private atOther = false;
  private told = false;

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

function addressFinding(
  flow: Flow,
  dir: Direction,
  origin: OriginTrack,
  returns: number,
  withinOne: boolean,
  wording: Wording,
): Finding {
  const address = dir === CLIENT ? flow.client : flow.server;
  const macs = origin.mac !== origin.otherMac;
  const ttls = origin.ttl !== origin.otherTtl && origin.otherTtl !== UNKNOWN;
  const what = [
    ttls ? `TTL ${origin.ttl} and ${origin.otherTtl}` : '',
    macs ? `MAC addresses ${origin.mac} and ${origin.otherMac}` : '',
  ].filter((part) => part !== '');
  return makeFinding({
    code: 'duplicate-address',
    flow: flow.id,
    frames: [origin.otherFrame, origin.lastFrame],
    summary:
      `Packets of the ${sideName(dir)}’s address ${address} come from two places in turns: ` +
      what.join(', '),
    explanation:
      `The first place comes back ${plural(returns, 'time')} after the other one, ` +
      (withinOne ? 'within one connection. ' : 'over several connections. ') +
      'Either two machines use this address, or one machine’s packets take two ways.',
    // TTLs that differ are two routes more often than two machines, unless two end points answer.
    ...(macs || findConflict(flow) !== undefined ? {} : { severity: 'note' as const }),
    certainty: 'possible',
    looksTheSame: [
      'Two routes of equal cost, or a pair of routers.',
      'A device on the way that answers in the name of the address.',
      ...(withinOne ? [] : ['A load balancer in front of several machines.']),
    ],
    remedy:
      `Find both: \`arping -D -I INTERFACE ${safeAddress(address)}\` in its network, and the two ` +
      'MAC addresses in the switches.',
    decide: captureCommand(flow, wording),
    numbers: {
      ttl: origin.ttl,
      otherTtl: origin.otherTtl,
      macs: macs ? 2 : 1,
      turns: returns,
    },
  });
}

/** It is meant to be pasted into a root shell. */
function safeAddress(address: string): string {
  return /^[0-9a-f.:]{2,45}$/i.test(address) ? address : 'ADDRESS';
}
