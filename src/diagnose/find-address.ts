/**
 * `duplicate-address`: packets of one address come from two places in turns. Owns the words. Of one
 * connection, or of several to one server one after the other, which weighs less: routes are chosen
 * by connection. DESIGN §4.8.
 */
import { AddressTurns, RETURN_COUNT_MIN } from './address-turns.ts';
import { findConflict } from './conflict.ts';
import { type Finding, makeFinding } from './finding.ts';
import { CLIENT, type Direction, type Flow, SERVER } from './flow.ts';
import { UNKNOWN } from './packet-record.ts';
import type { OriginTrack } from './track-origin.ts';
import { captureCommand, plural, sideName, type Wording } from './wording.ts';

/**
 * Of all connections; each finding belongs to the connection in which it became enough. `before`:
 * what those showed that are counted only.
 */
export function addressFindings(
  flows: readonly Flow[],
  wording: Wording,
  before?: AddressTurns,
): Finding[] {
  const found: Finding[] = [];
  const turns = new AddressTurns(before);
  for (const flow of flows) {
    for (const dir of [CLIENT, SERVER] as const) {
      const { origin } = flow.tracks.halves[dir];
      if (origin.returns >= RETURN_COUNT_MIN) {
        found.push(addressFinding(flow, dir, origin, origin.returns, true, wording));
      }
    }
    turns.take(flow);
  }
  for (const { flow, origin, returns } of [...(before?.claims ?? []), ...turns.claims]) {
    found.push(addressFinding(flow, SERVER, origin, returns, false, wording));
  }
  return found;
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
