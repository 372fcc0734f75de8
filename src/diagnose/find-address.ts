/**
 * `duplicate-address`: packets of one address come from two places in turns. Owns the words and how
 * often is enough: the first place comes back twice. Of one connection, or of several to one
 * server one after the other, which weighs less: routes are chosen by connection. DESIGN §4.8.
 */
import { type Finding, makeFinding } from './finding.ts';
import { CLIENT, type Direction, type Flow, SERVER } from './flow.ts';
import { UNKNOWN } from './packet-record.ts';
import type { OriginTrack } from './track-origin.ts';
import { captureCommand, plural, sideName, type Wording } from './wording.ts';

const RETURN_COUNT_MIN = 2;

export function addressFindings(flow: Flow, wording: Wording): Finding[] {
  const found: Finding[] = [];
  for (const dir of [CLIENT, SERVER] as const) {
    const { origin } = flow.tracks.halves[dir];
    if (origin.returns >= RETURN_COUNT_MIN) found.push(addressFinding(flow, dir, origin, wording));
  }
  return found;
}

function addressFinding(flow: Flow, dir: Direction, origin: OriginTrack, wording: Wording): Finding {
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
    frames: [flow.firstFrame, origin.otherFrame, origin.lastFrame],
    summary:
      `Packets of the ${sideName(dir)}’s address ${address} come from two places in turns: ` +
      what.join(', '),
    explanation:
      `Within one connection the first place comes back ${plural(origin.returns, 'time')} after ` +
      'the other one. Either two machines use this address, or one machine’s packets take two ways.',
    certainty: 'possible',
    looksTheSame: [
      'Two routes of equal cost, or a pair of routers.',
      'A device on the way that answers in the name of the address.',
    ],
    remedy: `Find both: \`arping -D -I INTERFACE ${address}\` in its network, and the two MAC addresses in the switches.`,
    decide: captureCommand(flow, wording),
    numbers: {
      ttl: origin.ttl,
      otherTtl: origin.otherTtl,
      macs: macs ? 2 : 1,
      turns: origin.returns,
    },
  });
}
