/**
 * Two captures of one connection for tests: what both ends sent, and a box between them that may
 * change, drop, copy or make packets. Times: ms on the client's clock.
 */
import { LINKTYPE_RAW } from '../../../src/datapath/pcap/link-layer.ts';
import { writePcap } from '../../../src/datapath/pcap/write-pcap.ts';
import { type Comparison, compareSides } from '../../../src/diagnose/both/compare-sides.ts';
import { findingsOf } from '../../../src/diagnose/both/diagnose-both.ts';
import { sideOf } from '../../../src/diagnose/both/read-side.ts';
import { ACK, PSH, SYN } from '../../../src/engine/wire/segment.ts';
import { type SegmentSpec, seg } from '../../helpers/segment-builder.ts';

export interface Sent {
  readonly atMs: number;
  readonly from: 'client' | 'server';
  readonly spec: SegmentSpec;
}

/** What arrives for a packet: itself changed, several, or nothing. */
export type Box = (sent: Sent, index: number) => readonly SegmentSpec[];

export const CLIENT_ISN = 0x7fff_fff0;
export const SERVER_ISN = 0x1234_5678;
/** One way, and by how much the server's clock is ahead. */
export const LAG_MS = 2;
export const CLOCK_MS = 1234.5;

const TS_CLIENT = 1000;
const TS_SERVER = 900_000;

function from(side: 'client' | 'server', atMs: number, spec: SegmentSpec): Sent {
  const ends =
    side === 'client' ? {} : { src: '10.0.0.2', dst: '10.0.0.1', srcPort: 22, dstPort: 40_000 };
  const ts: [number, number] =
    side === 'client' ? [TS_CLIENT + atMs, TS_SERVER] : [TS_SERVER + atMs, TS_CLIENT];
  return { atMs, from: side, spec: { ...ends, ts, ipId: 100 + Math.round(atMs), ...spec } };
}

const SYN_OPTIONS: SegmentSpec = { mss: 1460, sackPermitted: true, wndScale: 7 };
const text = (n: number, octets: number) => `${n} `.padEnd(octets, `abc${n}`);

/** Handshake, a banner each way, ten segments of the client, one SACK for the last but one. */
export function conversation(): Sent[] {
  const c = CLIENT_ISN;
  const s = SERVER_ISN;
  const sent: Sent[] = [
    from('client', 0, { flags: SYN, seq: c, ...SYN_OPTIONS }),
    from('server', 3, { flags: SYN | ACK, seq: s, ack: c + 1, ...SYN_OPTIONS, ipId: 0 }),
    from('client', 6, { flags: ACK, seq: c + 1, ack: s + 1 }),
    from('server', 20, { flags: ACK | PSH, seq: s + 1, ack: c + 1, payload: text(0, 21) }),
    from('client', 23, { flags: ACK, seq: c + 1, ack: s + 22 }),
  ];
  for (let n = 0; n < 10; n++) {
    const seq = c + 1 + 100 * n;
    sent.push(
      from('client', 30 + 10 * n, {
        flags: ACK | PSH,
        seq,
        ack: s + 22,
        payload: text(n + 1, 100),
      }),
      from('server', 33 + 10 * n, { flags: ACK, seq: s + 22, ack: seq + 100 }),
    );
  }
  const sack: [number, number][] = [[c + 801, c + 901]];
  sent.push(from('server', 140, { flags: ACK, seq: s + 22, ack: c + 1001, sack }));
  // Both captures go on: what is missing before is missing.
  sent.push(
    from('client', 1000, { flags: ACK | PSH, seq: c + 1001, ack: s + 22, payload: text(99, 9) }),
    from('server', 1003, { flags: ACK, seq: s + 22, ack: c + 1010 }),
  );
  return sent;
}

const routed: Box = ({ spec }) => [{ ...spec, ttl: (spec.ttl ?? 64) - 1 }];

/** A router that changes what `change` says, towards that end. */
export function rewriting(change: (sent: Sent) => SegmentSpec): Box {
  return (sent, index) => routed({ ...sent, spec: { ...sent.spec, ...change(sent) } }, index);
}

interface Placed {
  readonly timeUs: number;
  readonly spec: SegmentSpec;
}

function capture(placed: readonly Placed[]): Uint8Array {
  const packets = [...placed]
    .sort((a, b) => a.timeUs - b.timeUs)
    .map(({ timeUs, spec }) => {
      const bytes = seg(spec);
      return { timeUs, bytes, off: 0, len: bytes.length };
    });
  return writePcap(packets, LINKTYPE_RAW);
}

/** The captures of the two sides; `lagMs` of a packet is its time on the way. */
export function captures(
  sent: readonly Sent[],
  box: Box = routed,
  lagMs: (index: number) => number = () => LAG_MS,
  clockMs = CLOCK_MS,
): readonly [client: Uint8Array, server: Uint8Array] {
  const sides: { client: Placed[]; server: Placed[] } = { client: [], server: [] };
  const place = (side: 'client' | 'server', atMs: number, spec: SegmentSpec) => {
    const ms = 1_700_000_000_000 + atMs + (side === 'server' ? clockMs : 0);
    sides[side].push({ timeUs: Math.round(ms * 1000), spec });
  };
  sent.forEach((one, index) => {
    place(one.from, one.atMs, one.spec);
    const other = one.from === 'client' ? 'server' : 'client';
    for (const spec of box(one, index)) place(other, one.atMs + lagMs(index), spec);
  });
  return [capture(sides.client), capture(sides.server)];
}

export function compare([client, server]: readonly [Uint8Array, Uint8Array]): Comparison {
  return compareSides(sideOf('client.pcap', client), sideOf('server.pcap', server));
}

/** `client mss 1460 1300 changed 1/1`: what a connection's table says, without ordinary hops. */
export function changesOf(comparison: Comparison): string[] {
  return comparison.flows.flatMap(({ changes }) =>
    changes
      .filter(({ kind, numbers }) => kind !== 'ttl' || numbers['uneven'] === 1)
      .map(({ dir, kind, packets }) => `${dir === 0 ? 'client' : 'server'} ${kind} ${packets}`),
  );
}

export function codesOf(comparison: Comparison): string[] {
  return findingsOf(comparison).map(({ code, certainty }) => `${code} ${certainty}`);
}
