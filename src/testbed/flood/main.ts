/**
 * A flood of TCP segments from addresses and ports that nobody has (`dist/flood.js`), for use
 * inside the lab's namespaces only. Prints one line of JSON: what was sent, and in what time.
 *
 *   syn|ack|rst SOURCE/24 DESTINATION PORT RATE SECONDS SEED
 *
 * Owns one raw socket. IPv4. The rate is packets a second; what the machine cannot send is not made
 * up for.
 */
import { KoffiTransmitter } from '../../datapath/nfqueue/inject-koffi.ts';
import { Random } from '../../datapath/sim/random.ts';
import { put16, put32 } from '../../engine/wire/bytes.ts';
import { ACK, RST, SYN } from '../../engine/wire/segment.ts';

const FLAGS: Readonly<Record<string, number>> = { syn: SYN, ack: ACK, rst: RST };
const IP_BYTES = 20;
const PACKET_BYTES = 40;
const TCP = 6;
/** Sent at one time; between two the program sleeps, if it is early. */
const BURST_MS = 2;

interface Flood {
  readonly flags: number;
  /** Of the first 24 bits; the last octet and the port are drawn. */
  readonly source: number;
  readonly destination: number;
  readonly port: number;
  readonly perSecond: number;
  readonly seconds: number;
}

function word(address: string): number {
  return address.split('.').reduce((bits, part) => (bits << 8) | Number(part), 0);
}

/** RFC 1071, over whole 16-bit words. */
function foldedSum(bytes: Uint8Array, from: number, to: number, start: number): number {
  let sum = start;
  for (let i = from; i < to; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

function template({ flags, destination, port }: Flood): Uint8Array {
  const packet = new Uint8Array(PACKET_BYTES);
  packet[0] = 0x45;
  put16(packet, 2, PACKET_BYTES);
  packet[8] = 64;
  packet[9] = TCP;
  put32(packet, 16, destination);
  put16(packet, IP_BYTES + 2, port);
  packet[IP_BYTES + 12] = 5 << 4;
  packet[IP_BYTES + 13] = flags;
  put16(packet, IP_BYTES + 14, 64_240);
  return packet;
}

/** The kernel fills the IP header's own sum. */
function vary(packet: Uint8Array, source: number, draw: () => number): void {
  put32(packet, 12, (source & ~0xff) | (3 + (draw() % 250)));
  put16(packet, IP_BYTES, 1024 + (draw() % 64_000));
  put32(packet, IP_BYTES + 4, draw());
  put32(packet, IP_BYTES + 8, draw());
  put16(packet, IP_BYTES + 16, 0);
  const sum = foldedSum(packet, 12, PACKET_BYTES, TCP + PACKET_BYTES - IP_BYTES);
  put16(packet, IP_BYTES + 16, ~sum & 0xffff);
}

function pour(flood: Flood, seed: number): void {
  const packet = template(flood);
  const random = new Random(seed);
  const draw = () => random.int32() >>> 0;
  let refused = 0;
  const transmitter = new KoffiTransmitter(() => {
    refused++;
  });
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const perBurst = Math.max(1, Math.round((flood.perSecond * BURST_MS) / 1000));
  const beganMs = performance.now();
  const bursts = (flood.seconds * 1000) / BURST_MS;
  let sent = 0;
  for (let burst = 0; burst < bursts; burst++) {
    const earlyMs = beganMs + burst * BURST_MS - performance.now();
    if (earlyMs > 0) Atomics.wait(sleeper, 0, 0, earlyMs);
    if (performance.now() - beganMs > flood.seconds * 1000) break;
    for (let i = 0; i < perBurst; i++) {
      vary(packet, flood.source, draw);
      if (transmitter.send(4, 0, packet)) sent++;
    }
  }
  const ms = Math.round(performance.now() - beganMs);
  transmitter.close();
  process.stdout.write(`${JSON.stringify({ sent, refused, ms })}\n`);
}

const [kind = '', source = '', destination = '', ...numbers] = process.argv.slice(2);
const [port = 0, perSecond = 0, seconds = 0, seed = 1] = numbers.map(Number);
const flags = FLAGS[kind];
if (flags === undefined || !(perSecond > 0)) process.exit(2);
pour(
  {
    flags,
    source: word(source.split('/')[0] ?? ''),
    destination: word(destination),
    port,
    perSecond,
    seconds,
  },
  seed,
);
