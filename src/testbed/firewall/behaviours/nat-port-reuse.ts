/**
 * Port translation with a pool that is too small: connections get `ports` outer ports in turn, and
 * one that is still in use, or in TIME-WAIT at the server, is given away again. Addresses stay.
 *
 * Models: Microsoft TMG, whose "outgoing source port is freed back to the pool and is immediately
 * available"; the server answers the SYN by the ACK of the old connection (RFC 5961 §4.2), and the
 * client that with a reset.
 * Source: Microsoft KB 2596065; a trace of it: http://noahdavids.org/traces/port_reuse.html
 */
import * as v from 'valibot';
import { Box, keyOf, type Place } from '../box.ts';
import { Packet } from '../packet.ts';
import { numberIn, SCHEDULE } from '../schedule.ts';
import type { Session } from '../session.ts';

const port = numberIn(32_768, 65_535);

export const natPortReuseSchema = v.strictObject({
  kind: v.literal('nat-port-reuse'),
  ...SCHEDULE,
  /** Outer ports, from `firstPort` on. */
  ports: v.optional(numberIn(1, 1000), 1),
  firstPort: v.optional(port, 61_000),
});

type Options = v.InferOutput<typeof natPortReuseSchema>;

interface Mapping {
  readonly outerPort: number;
  readonly innerPort: number;
}

export class NatPortReuse extends Box<Mapping> {
  private readonly options: Options;
  /** By the four-tuple that the server sees: whose the port is now. */
  private readonly owners = new Map<string, Session<Mapping>>();
  private taken = 0;

  constructor(options: Options, place: Place) {
    super(options, place);
    this.options = options;
  }

  protected open(session: Session): Mapping {
    const innerPort = new Packet(session.syn, true).seg.srcPort;
    if (!session.isHit) return { outerPort: innerPort, innerPort };
    const { firstPort, ports } = this.options;
    return { outerPort: firstPort + (this.taken++ % ports), innerPort };
  }

  protected override sessionOf(packet: Packet): Session<Mapping> | undefined {
    const outer = keyOf(packet.bytes, packet.fromClient, packet.seg.tcpOff);
    if (!packet.fromClient) return this.owners.get(outer) ?? super.sessionOf(packet);
    const session = super.sessionOf(packet);
    if (session !== undefined && packet.isSyn())
      this.owners.set(outerKey(packet, session), session);
    return session;
  }

  protected act(packet: Packet, session: Session<Mapping>): void {
    const { srcPort, dstPort } = packet.seg;
    const { innerPort, outerPort } = session.own;
    if (!packet.fromClient) {
      packet.setPorts(srcPort, innerPort);
      this.pass(packet);
      return;
    }
    const owner = this.owners.get(outerKey(packet, session));
    if (owner !== session) return; // its port is another's now
    packet.setPorts(outerPort, dstPort);
    this.pass(packet);
  }
}

function outerKey(packet: Packet, { own }: Session<Mapping>): string {
  const outer = packet.copy();
  outer.setPorts(own.outerPort, packet.seg.dstPort);
  return keyOf(outer.bytes, outer.fromClient, outer.seg.tcpOff);
}
