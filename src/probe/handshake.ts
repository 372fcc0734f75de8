/**
 * What the SYN asked for and what the SYN-ACK that arrived has of it, over all connections of a
 * probe. Owns the shape. An option that is missing is absent, and not more than that: the server
 * may not use it, or something took it out. Times: microseconds.
 */
import { CLIENT, type Flow, type Half, SERVER } from '../diagnose/flow.ts';
import { UNKNOWN } from '../diagnose/packet-record.ts';

export interface Handshake {
  /** Names in their order: `mss,sackOK,TS,nop,wscale`. */
  readonly asked: string;
  /** Every form in which SYN-ACKs came. */
  readonly answered: readonly string[];
  /** Asked for, and in none of them. */
  readonly absent: readonly string[];
  readonly ttls: readonly number[];
  readonly macs: readonly string[];
  /** Null: nothing was seen that is certain to be an answer. */
  readonly shortestReplyUs: number | null;
}

const PADDING: ReadonlySet<string> = new Set(['nop', 'eol', '']);

/** Undefined: no SYN was answered. */
export function handshakeOf(flows: readonly Flow[]): Handshake | undefined {
  const asked = flows.flatMap((flow) => layoutsOf(flow.halves[CLIENT]))[0];
  const servers = flows.map((flow) => flow.halves[SERVER]);
  const answered = [...new Set(servers.flatMap(layoutsOf))];
  if (asked === undefined || answered.length === 0) return undefined;
  const got = new Set(answered.flatMap((layout) => layout.split(',')));
  const absent = asked.split(',').filter((name) => !PADDING.has(name) && !got.has(name));
  const replies = servers.map(({ shortestReplyUs }) => shortestReplyUs);
  const known = replies.filter((us) => us !== UNKNOWN);
  return {
    asked,
    answered,
    absent,
    ttls: [...new Set(servers.flatMap(({ ttls }) => ttls))],
    macs: [...new Set(servers.flatMap(({ macs }) => macs))],
    shortestReplyUs: known.length === 0 ? null : Math.round(Math.min(...known)),
  };
}

function layoutsOf({ offers }: Half): string[] {
  return offers.map(({ first }) => first.options.layout);
}
