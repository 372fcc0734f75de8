/**
 * Why two end points answer one SYN: the known causes, ranked by what these packets say for and
 * against each. Owns the weights, which only order the list: no cause is ever called proven.
 */
import type { Conflict } from './conflict.ts';
import type { Cause } from './finding.ts';
import { type Flow, type Offer, SERVER } from './flow.ts';
import { UNKNOWN } from './packet-record.ts';
import { formatDuration, framesText, type Wording } from './wording.ts';

interface Weighed {
  readonly cause: string;
  weight: number;
  readonly reasons: string[];
}

export const TWO_TRANSLATIONS =
  'two translations of one connection in a firewall that rewrites sequence numbers, or in a pair';
export const INTERCEPT =
  'a TCP intercept, SYN proxy or SYN-cookie function that answers in the server’s name';
export const TWO_SERVERS =
  'one SYN delivered to two machines: load balancer, cluster or a path that duplicates packets';
export const DUPLICATE_ADDRESS = 'two hosts that use the same IP address';

export function rankCauses(flow: Flow, conflict: Conflict, wording: Wording): Cause[] {
  const translations: Weighed = { cause: TWO_TRANSLATIONS, weight: 3, reasons: [] };
  const intercept: Weighed = { cause: INTERCEPT, weight: 2, reasons: [] };
  const servers: Weighed = { cause: TWO_SERVERS, weight: 1, reasons: [] };
  const duplicate: Weighed = { cause: DUPLICATE_ADDRESS, weight: 0, reasons: [] };
  weighFingerprints(conflict, wording, translations, intercept, servers, duplicate);
  weighOrigin(conflict, wording, translations, intercept, servers, duplicate);
  weighSpeakers(conflict, wording, translations, intercept);
  weighDelay(flow, conflict, translations, intercept);
  duplicate.reasons.push(
    'against: the client sends its one SYN to one MAC address, so a second host on the same ' +
      'network would not normally get it',
  );
  return [translations, intercept, servers, duplicate]
    .sort((a, b) => b.weight - a.weight)
    .map(({ cause, reasons }) => ({ cause, reasons }));
}

/** Window, MSS and order of options are a system's handwriting. */
function weighFingerprints(
  conflict: Conflict,
  wording: Wording,
  translations: Weighed,
  intercept: Weighed,
  servers: Weighed,
  duplicate: Weighed,
): void {
  const { chosen, other } = conflict;
  const both = framesText(wording.frame, [chosen.first.frame, other.first.frame]);
  if (sameHandwriting(chosen, other)) {
    const says = `same window, MSS and order of options in ${both}`;
    translations.weight += 2;
    translations.reasons.push(`for: ${says}: one system wrote both, or one box rewrote both`);
    intercept.weight -= 1;
    intercept.reasons.push(`against: ${says}; a proxy usually writes options of its own`);
    duplicate.weight -= 1;
    duplicate.reasons.push(`against: ${says}; two unrelated hosts seldom agree so far`);
    servers.reasons.push(`for: ${says}, as twins of one cluster would send`);
    return;
  }
  const says = `window, MSS or options differ in ${both}`;
  translations.weight -= 1;
  translations.reasons.push(`against: ${says}; one server would answer alike`);
  intercept.weight += 2;
  intercept.reasons.push(`for: ${says}; a proxy writes options of its own`);
  duplicate.weight += 1;
  duplicate.reasons.push(`for: ${says}: two different systems`);
}

function sameHandwriting(a: Offer, b: Offer): boolean {
  return (
    a.first.segWnd === b.first.segWnd &&
    a.first.options.layout === b.first.options.layout &&
    a.first.options.mss === b.first.options.mss &&
    a.first.options.wndScale === b.first.options.wndScale
  );
}

/** MAC address and TTL say where a packet came from, where the input has them. */
function weighOrigin(
  conflict: Conflict,
  wording: Wording,
  translations: Weighed,
  intercept: Weighed,
  servers: Weighed,
  duplicate: Weighed,
): void {
  const a = conflict.chosen.first;
  const b = conflict.other.first;
  const both = framesText(wording.frame, [a.frame, b.frame]);
  if (a.ttl !== UNKNOWN && b.ttl !== UNKNOWN) {
    if (a.ttl === b.ttl) {
      translations.weight += 1;
      translations.reasons.push(`for: equal TTL ${a.ttl} in ${both}: the same distance`);
    } else {
      const says = `TTL ${a.ttl} and ${b.ttl} in ${both}: two distances, or two systems`;
      intercept.weight += 2;
      intercept.reasons.push(`for: ${says}`);
      servers.weight += 1;
      servers.reasons.push(`for: ${says}`);
      duplicate.weight += 1;
      duplicate.reasons.push(`for: ${says}`);
    }
  }
  if (a.srcMac === '' || b.srcMac === '') return;
  if (a.srcMac === b.srcMac) {
    duplicate.weight -= 2;
    duplicate.reasons.push(
      `against: both came from MAC address ${a.srcMac}; if that is a router, two hosts behind ` +
        'it are still possible',
    );
    return;
  }
  const says = `MAC addresses ${a.srcMac} and ${b.srcMac} in ${both}`;
  duplicate.weight += 4;
  duplicate.reasons.push(`for: ${says}: two machines answered`);
  servers.weight += 2;
  servers.reasons.push(`for: ${says}: two machines answered`);
}

/** Who talked on afterwards. */
function weighSpeakers(
  conflict: Conflict,
  wording: Wording,
  translations: Weighed,
  intercept: Weighed,
): void {
  const { chosenSpoke, otherSpoke, other } = conflict;
  if (chosenSpoke !== undefined) {
    translations.weight += 1;
    translations.reasons.push(
      `for: the end point of the first numbers is alive (${wording.frame} ${chosenSpoke.frame})` +
        (other.count > 1
          ? `, while the other one repeats its SYN-ACK ${other.count - 1} times and gets no ` +
            'ACK that it can accept: half a connection without a client'
          : ''),
    );
    return;
  }
  if (otherSpoke !== undefined) {
    intercept.weight += 4;
    intercept.reasons.push(
      `for: nothing ever came in the numbers that the client acknowledged, and ` +
        `${wording.frame} ${otherSpoke.frame} is in the other ones: the first answer was a stand-in`,
    );
  }
}

function weighDelay(
  flow: Flow,
  conflict: Conflict,
  translations: Weighed,
  intercept: Weighed,
): void {
  const apart = Math.abs(conflict.other.first.timeUs - conflict.chosen.first.timeUs);
  const reply = flow.halves[SERVER].shortestReplyUs;
  const timed = conflict.other.first.timeUs !== UNKNOWN && conflict.chosen.first.timeUs !== UNKNOWN;
  if (!timed || reply === UNKNOWN || apart <= reply) return;
  const says = `the second SYN-ACK came ${formatDuration(apart)} after the first, the path itself needs ${formatDuration(reply)}`;
  translations.reasons.push(`for: ${says}: something held the SYN or its answer in between`);
  intercept.reasons.push(`for: ${says}; a box that answers first and asks the server later is so`);
}
