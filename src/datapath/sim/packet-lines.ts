/**
 * The packets of one connection of a trial as text: one line a packet, with its time, its numbers
 * from each side's own first one, and what the shim made of it. Owns nothing. Times: seconds.
 */

import type { Violation } from './claims.ts';
import type { Trial } from './judge-world.ts';
import { ACK, decodePacket, FIN, type Packet, PSH, RST, SYN } from './packet.ts';
import type { ShimPlan } from './shim-plan.ts';
import { runWorld, type TapPoint } from './world.ts';
import type { ConnectionPlan, WorldPlan } from './world-plan.ts';

/** Further away than this a number is of another connection, and is written as it is. */
const NEAR_OCTETS = 1 << 26;
const LINES_MAX = 400;

interface Line {
  readonly point: TapPoint;
  readonly atUs: number;
  readonly packet: Packet;
  readonly bytes: Uint8Array;
  what: string;
}

/**
 * The connection that a claim is broken for, in the run in which it is. At most LINES_MAX lines,
 * the last ones: there is the end that was not expected.
 */
export function packetLines({ plan, shim: normal }: Trial, broken: Violation): readonly string[] {
  const about = plan.connections[broken.connection] ?? plan.connections[0];
  if (about === undefined) return [];
  const shim: ShimPlan =
    broken.figures['run'] === 'outage' ? { ...normal, restarts: 'outage' } : normal;
  const log = new PacketLog(plan, about);
  runWorld(plan, shim, (point, atUs, bytes) => log.note(point, atUs, bytes));
  const all = log.lines();
  const left = all.length - LINES_MAX;
  return left > 0 ? [`… ${left} packets before`, ...all.slice(left)] : all;
}

/** All packets of one connection of a world while that runs: `note` is called from its tap. */
export class PacketLog {
  readonly about: ConnectionPlan;
  private readonly plan: WorldPlan;
  private readonly seen: Line[] = [];

  constructor(plan: WorldPlan, about: ConnectionPlan) {
    this.plan = plan;
    this.about = about;
  }

  note(point: TapPoint, atUs: number, bytes: Uint8Array): void {
    const packet = decodePacket(bytes);
    if (packet === null || ![packet.srcPort, packet.dstPort].includes(this.about.clientPort))
      return;
    const line = { point, atUs, packet, bytes: bytes.slice(), what: '' };
    note(this.seen, line, this.plan.clientDelayUs);
  }

  lines(): readonly string[] {
    const isn = (this.about.server.iss + this.plan.offsets.server) | 0;
    return this.seen.map((line) => formatLine(line, this.about, isn));
  }
}

/** Joins a packet that leaves the shim to the same one that came to it. */
function note(lines: Line[], line: Line, clientDelayUs: number): void {
  if (line.point === 'client-out' || line.point === 'path-in') {
    lines.push({ ...line, what: 'dropped' }); // until it goes on
    return;
  }
  const from = line.point === 'path-out' ? 'client-out' : 'path-in';
  const sinceUs = line.atUs - (line.point === 'client-in' ? clientDelayUs : 0);
  const open = (one: Line) => one.point === from && one.what === 'dropped' && one.atUs >= sinceUs;
  const same = lines.findLast((one) => open(one) && isSame(one.bytes, line.bytes));
  if (same !== undefined) {
    same.what = '';
    return;
  }
  const { packet } = line;
  const like = lines.findLast(
    (one) =>
      open(one) &&
      one.packet.flags === packet.flags &&
      isSame(one.packet.payload, packet.payload) &&
      one.packet.ipId === packet.ipId,
  );
  if (like !== undefined) like.what = 'rewritten:';
  lines.push({ ...line, what: like === undefined ? 'by the shim' : 'this went on' });
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((octet, i) => octet === other[i]);
}

function formatLine({ point, atUs, packet, what }: Line, about: ConnectionPlan, isn: number) {
  const out = point === 'client-out' || point === 'path-out';
  const [seqFrom, ackFrom] = out ? [about.client.iss, isn] : [isn, about.client.iss];
  const acks = (packet.flags & ACK) !== 0 ? ` ack ${relative(packet.ack, ackFrom)}` : '';
  const seconds = (atUs / 1_000_000).toFixed(6).padStart(11);
  const head = `${seconds} ${out ? '>' : '<'} ${flagsOf(packet).padEnd(2)}`;
  const numbers = `seq ${relative(packet.seq, seqFrom)}${acks} len ${packet.payload.length}`;
  const tail = what === '' ? '' : `  ${what}`;
  return `${head} ${numbers} win ${packet.wnd} ttl ${packet.ttl}${optionsOf(packet, ackFrom)}${tail}`;
}

function flagsOf({ flags }: Packet): string {
  const letters: readonly (readonly [number, string])[] = [
    [SYN, 'S'],
    [FIN, 'F'],
    [RST, 'R'],
    [PSH, 'P'],
    [ACK, '.'],
  ];
  return letters.map(([bit, letter]) => ((flags & bit) !== 0 ? letter : '')).join('');
}

function optionsOf(packet: Packet, ackFrom: number): string {
  const said: string[] = [];
  if (packet.mss >= 0) said.push(`mss ${packet.mss}`);
  if (packet.wndScale >= 0) said.push(`wscale ${packet.wndScale}`);
  if (packet.sackPermitted) said.push('sackOK');
  if (packet.timestamps) said.push(`TS ${packet.tsVal >>> 0} ${packet.tsEcr >>> 0}`);
  for (let i = 0; i + 1 < packet.sack.length; i += 2) {
    const [left = 0, right = 0] = packet.sack.slice(i, i + 2);
    said.push(`sack ${relative(left, ackFrom)}:${relative(right, ackFrom)}`);
  }
  return said.length === 0 ? '' : ` <${said.join(', ')}>`;
}

/** From the side's first number; `#N`: a number of something else. */
function relative(seq: number, from: number): string {
  const ahead = (seq - from) | 0;
  return Math.abs(ahead) < NEAR_OCTETS ? String(ahead) : `#${seq >>> 0}`;
}
