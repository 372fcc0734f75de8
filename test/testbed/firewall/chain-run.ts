/**
 * A chain of behaviours with built packets and a virtual clock: what goes in at which end, and what
 * comes out at the other. Numbers are the sender's own unless a test says otherwise.
 */

import { ACK, type Segment, SYN } from '../../../src/engine/wire/segment.ts';
import { type CompositionInput, readComposition } from '../../../src/testbed/firewall/behaviour.ts';
import { Chain } from '../../../src/testbed/firewall/chain.ts';
import { Packet } from '../../../src/testbed/firewall/packet.ts';
import { seg as build, type SegmentSpec, slowSum } from '../../helpers/segment-builder.ts';

export const CLIENT = '10.0.0.1';
export const SERVER = '10.0.0.2';
export const ISS = 1000;
export const ISN = 500_000;

export interface Sent {
  readonly toClient: boolean;
  readonly atMs: number;
  readonly seg: Segment;
  readonly bytes: Uint8Array;
  readonly text: string;
  readonly isTcp: boolean;
  readonly checksum: 'good' | 'partial' | 'zero' | 'bad';
}

export class ChainRun {
  nowMs = 0;
  private readonly chain: Chain;
  private out: Sent[] = [];
  private readonly family: 4 | 6;
  private readonly port: number;

  constructor(composition: CompositionInput, family: 4 | 6 = 4, port = 40_000) {
    this.family = family;
    this.port = port;
    this.chain = new Chain(readComposition(composition), (packet) => {
      this.out.push(sentOf(packet, this.nowMs));
    });
  }

  /** What has come out since the last look. */
  take(): Sent[] {
    const { out } = this;
    this.out = [];
    return out;
  }

  /** Time passes, a millisecond at a time. */
  wait(ms: number): Sent[] {
    for (let k = 0; k < ms; k++) {
      this.nowMs++;
      this.chain.advance(this.nowMs);
    }
    return this.take();
  }

  client(spec: SegmentSpec): Sent[] {
    return this.enter({ srcPort: this.port, dstPort: 22, ...spec }, true);
  }

  server(spec: SegmentSpec): Sent[] {
    const [src, dst] = this.family === 4 ? [SERVER, CLIENT] : ['fd00::2', 'fd00::1'];
    return this.enter({ src, dst, srcPort: 22, dstPort: this.port, ttl: 63, ...spec }, false);
  }

  private enter(spec: SegmentSpec, fromClient: boolean): Sent[] {
    this.chain.enter(new Packet(build({ family: this.family, ...spec }), fromClient), this.nowMs);
    return this.take();
  }

  /** SYN, SYN-ACK and ACK, as they left; each end acknowledges what reached it. */
  handshake(syn: SegmentSpec = {}, synAck: SegmentSpec = {}): [Sent, Sent, Sent] {
    const [first] = this.client({ flags: SYN, seq: ISS, ...syn });
    const heard = defined(first).seg.segSeq;
    const [second] = this.server({ flags: SYN | ACK, seq: ISN, ack: heard + 1, ...synAck });
    const [third] = this.client({ seq: ISS + 1, ack: defined(second).seg.segSeq + 1 });
    return [defined(first), defined(second), defined(third)];
  }
}

export function defined<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('nothing came out');
  return value;
}

function sentOf({ bytes, seg, isTcp, fromClient }: Packet, atMs: number): Sent {
  const text = new TextDecoder().decode(bytes.subarray(seg.payloadOff));
  const checksum = isTcp ? checksumOf(bytes, seg) : 'good';
  return { toClient: !fromClient, atMs, seg, bytes, text, isTcp, checksum };
}

/** By the slow model, which shares nothing with what filled it in. */
function checksumOf(bytes: Uint8Array, seg: Segment): Sent['checksum'] {
  const [from, to] = seg.family === 4 ? [12, 20] : [8, 40];
  const tcp = bytes.subarray(seg.tcpOff);
  const pseudo = [...bytes.subarray(from, to), 0, 6, tcp.length >> 8, tcp.length & 255];
  const field = ((tcp[16] ?? 0) << 8) | (tcp[17] ?? 0);
  if (slowSum([...pseudo, ...tcp]) === 0xffff) return 'good';
  if (field === slowSum(pseudo)) return 'partial';
  return field === 0 ? 'zero' : 'bad';
}
