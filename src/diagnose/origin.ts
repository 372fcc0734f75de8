/**
 * Where a packet came from, as far as TTL and MAC address tell: which of the two end points of a
 * conflict a reset resembles. Owns the words. Equal origins prove little: everything behind one
 * router has its MAC address.
 */
import type { Conflict } from './conflict.ts';
import type { Seen } from './flow.ts';
import { UNKNOWN } from './packet-record.ts';
import type { Wording } from './wording.ts';

/** Undefined: the input has neither for both packets. */
function sameOrigin(a: Seen, b: Seen): boolean | undefined {
  const ttls = a.ttl !== UNKNOWN && b.ttl !== UNKNOWN;
  const macs = a.srcMac !== '' && b.srcMac !== '';
  if (!ttls && !macs) return undefined;
  return (!ttls || a.ttl === b.ttl) && (!macs || a.srcMac === b.srcMac);
}

/** What is compared, as the input has it. */
function marks({ ttl, srcMac }: Seen): string {
  const parts = [ttl === UNKNOWN ? '' : 'TTL', srcMac === '' ? '' : 'MAC address'];
  return parts.filter((part) => part !== '').join(' and ');
}

/** One sentence, or nothing where the input has no origins. */
export function originSentence(reset: Seen, conflict: Conflict, wording: Wording): string {
  const chosen = conflict.chosen.first;
  const other = conflict.other.first;
  const likeChosen = sameOrigin(reset, chosen);
  const likeOther = sameOrigin(reset, other);
  if (likeChosen === undefined || likeOther === undefined) return '';
  const by = marks(reset);
  const took = `the SYN-ACK that the client took (${wording.frame} ${chosen.frame})`;
  const left = `the other one (${wording.frame} ${other.frame})`;
  if (likeChosen && likeOther) return `It has the same ${by} as both SYN-ACKs.`;
  if (likeOther)
    return `By ${by} it comes from where ${left} comes from, not from where ${took} does.`;
  if (likeChosen)
    return `By ${by} it comes from where ${took} comes from, not from where ${left} does.`;
  return `By ${by} it comes from neither of the two: not from where ${took} does, nor ${left}.`;
}

/** What stays open when the input has TTLs and MAC addresses. */
export function undecidedWithOrigins(conflict: Conflict, resets: readonly Seen[]): string {
  const where = 'which box the second answer comes from: capture on both sides of the firewall.';
  const { chosen, other } = conflict;
  const all = [other.first, ...resets];
  if (!all.every((packet) => sameOrigin(packet, chosen.first) === true)) {
    return `One capture point cannot show ${where}`;
  }
  const what = resets.length === 0 ? 'Both SYN-ACKs have' : 'Both SYN-ACKs and the reset have';
  return (
    `${what} the same ${marks(other.first)}: one machine sent them, or they all came through ` +
    `the same router or firewall. One capture point cannot show ${where}`
  );
}
