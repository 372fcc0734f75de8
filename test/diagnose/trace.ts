/** Traces for the tests of `diagnose`: the fixtures, and lines made from a few facts. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { diagnoseStream, type Outcome } from '../../src/diagnose/diagnose.ts';
import type { PacketRecord } from '../../src/diagnose/packet-record.ts';
import type { Report } from '../../src/diagnose/report.ts';
import { TcpdumpText } from '../../src/diagnose/tcpdump-text.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures');

export const JUMPBOX = fixture('jumpbox-first-connection-reset');
export const SERVER_SIDE = fixture('server-side-reset-and-offload');
export const SSH_DEBUG = fixture('ssh-v-failing');

/** Of each suspect in the original case: the trace and the `ssh -v` text settle the same ones. */
export const VERDICTS = {
  mtu: 'ruled-out',
  'ssh-auth': 'ruled-out',
  'ssh-kex': 'ruled-out',
  'openssh-7.4': 'ruled-out',
  usedns: 'ruled-out',
  maxstartups: 'ruled-out',
  offload: 'undecided',
  'checksum-fill': 'undecided',
  tcpkeepalive: 'ruled-out',
  'duplicate-ip': 'undecided',
  'tcp-timestamps': 'ruled-out',
  'isn-randomization': 'possible',
  xlate: 'possible',
  'port-reuse': 'undecided',
  mux: 'ruled-out',
} as const;

function fixture(name: string): string {
  return readFileSync(join(FIXTURES, `${name}.txt`), 'utf8');
}

export function diagnoseText(text: string): Promise<Outcome> {
  return diagnoseStream('test', Readable.from([Buffer.from(text)]));
}

/** For texts that must be usable. */
export async function reportOf(text: string): Promise<Report> {
  const outcome = await diagnoseText(text);
  if (outcome.kind !== 'report') throw new Error(outcome.problem);
  return outcome.report;
}

export function packetsOf(text: string): { packets: PacketRecord[]; reader: TcpdumpText } {
  const packets: PacketRecord[] = [];
  const reader = new TcpdumpText((packet) => packets.push(packet));
  for (const line of text.split('\n')) reader.feed(line);
  reader.end();
  return { packets, reader };
}

const START_US = 36_000_000_000;

/** `c` sends to `s` or the other way round, `ms` after ten; the rest is as tcpdump has it. */
export function line(ms: number, from: 'c' | 's', rest: string): string {
  const us = START_US + Math.round(ms * 1000);
  const time = new Date(us / 1000).toISOString().slice(11, 23) + String(us % 1000).padStart(3, '0');
  const client = '10.0.0.1.40000';
  const server = '10.0.0.2.22';
  const path = from === 'c' ? `${client} > ${server}` : `${server} > ${client}`;
  return `${time} IP ${path}: Flags ${rest}`;
}

/** A handshake with ISNs 1000 and 5000 in 10 ms, absolute numbers of `-S` left to the caller. */
export const HANDSHAKE = [
  line(0, 'c', '[S], seq 1000, win 64240, options [mss 1460,sackOK,TS val 1 ecr 0], length 0'),
  line(10, 's', '[S.], seq 5000, ack 1001, win 65160, options [mss 1460,sackOK], length 0'),
  line(10.1, 'c', '[.], ack 1, win 502, length 0'),
];
