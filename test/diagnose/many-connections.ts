/**
 * A pcap of as many short connections as wanted, made while it is read: each is opened, says four
 * octets, is answered, closed; the last ones are answered by two end points and reset. Addresses
 * and ports are written into templates, with their checksums. Owns the bytes of a piece.
 */
import { LINKTYPE_RAW } from '../../src/datapath/pcap/link-layer.ts';
import { writePcap } from '../../src/datapath/pcap/write-pcap.ts';
import { ACK, FIN, RST, SYN } from '../../src/engine/wire/segment.ts';
import { seg } from '../helpers/segment-builder.ts';

const START_S = 1_700_000_000;
const PORT_COUNT = 50_000;
const PORT_FIRST = 10_000;
const PER_PIECE = 1000;
const RECORD_BYTES = 16;
const SERVER = { dst: '10.255.0.1', dstPort: 22, src: '0.0.0.0', srcPort: 0 };
const CLIENT = { src: '10.255.0.1', srcPort: 22, dst: '0.0.0.0', dstPort: 0 };

const HEALTHY = [
  seg({ ...SERVER, flags: SYN, seq: 1000 }),
  seg({ ...CLIENT, flags: SYN | ACK, seq: 5000, ack: 1001 }),
  seg({ ...SERVER, flags: ACK, seq: 1001, ack: 5001 }),
  seg({ ...SERVER, flags: ACK | FIN, seq: 1001, ack: 5001, payload: 'ping' }),
  seg({ ...CLIENT, flags: ACK | FIN, seq: 5001, ack: 1006, payload: 'pong' }),
  seg({ ...SERVER, flags: ACK, seq: 1006, ack: 5006 }),
];

const FAULTY = [
  ...HEALTHY.slice(0, 3),
  seg({ ...CLIENT, flags: SYN | ACK, seq: 77_000, ack: 1001 }),
  seg({ ...CLIENT, flags: RST, seq: 5001 }),
];

export interface Plan {
  readonly connections: number;
  readonly perSecond: number;
  /** Behind the others. */
  readonly faulty?: number;
  /** Without the packets that close. */
  readonly stayOpen?: boolean;
}

export class ManyConnections {
  static readonly PACKETS_EACH = HEALTHY.length;
  readonly packets: number;
  private readonly plan: Plan;
  private readonly healthy: readonly Uint8Array[];

  constructor(plan: Plan) {
    this.plan = plan;
    this.healthy = plan.stayOpen === true ? HEALTHY.slice(0, -3) : HEALTHY;
    this.packets = plan.connections * this.healthy.length + (plan.faulty ?? 0) * FAULTY.length;
  }

  *pieces(): Generator<Uint8Array> {
    const { connections, faulty = 0 } = this.plan;
    yield writePcap([], LINKTYPE_RAW);
    for (let first = 0; first < connections; first += PER_PIECE) {
      yield this.piece(this.healthy, first, Math.min(PER_PIECE, connections - first));
    }
    if (faulty > 0) yield this.piece(FAULTY, connections, faulty);
  }

  async *stream(): AsyncGenerator<Uint8Array> {
    yield* this.pieces();
  }

  private piece(templates: readonly Uint8Array[], first: number, count: number): Uint8Array {
    const each = templates.reduce((sum, { length }) => sum + RECORD_BYTES + length, 0);
    const bytes = Buffer.alloc(each * count);
    let at = 0;
    for (let number = first; number < first + count; number++) {
      for (const [index, template] of templates.entries()) {
        const us = Math.floor((number * 1e6) / this.plan.perSecond) + index * 100;
        bytes.writeUInt32LE(START_S + Math.floor(us / 1e6), at);
        bytes.writeUInt32LE(us % 1e6, at + 4);
        bytes.writeUInt32LE(template.length, at + 8);
        bytes.writeUInt32LE(template.length, at + 12);
        bytes.set(template, at + RECORD_BYTES);
        address(bytes, at + RECORD_BYTES, number);
        at += RECORD_BYTES + template.length;
      }
    }
    return bytes;
  }
}

/** The client's address and port, which are 0 in the template, and both checksums. */
function address(bytes: Buffer, ip: number, number: number): void {
  const fromClient = bytes.readUInt32BE(ip + 12) === 0;
  const port = PORT_FIRST + (number % PORT_COUNT);
  const host = 1 + Math.floor(number / PORT_COUNT);
  bytes.writeUInt32BE(0x0a000000 + host, ip + (fromClient ? 12 : 16));
  bytes.writeUInt16BE(port, ip + 20 + (fromClient ? 0 : 2));
  add(bytes, ip + 10, 0x0a00 + host);
  add(bytes, ip + 20 + 16, 0x0a00 + host + port);
}

/** To the words that the checksum at `at` covers (RFC 1624 equation 3). */
function add(bytes: Buffer, at: number, words: number): void {
  let sum = (~bytes.readUInt16BE(at) & 0xffff) + words;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  bytes.writeUInt16BE(~sum & 0xffff, at);
}
