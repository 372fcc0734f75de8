/**
 * Random packet sequences of one connection: mostly what two ends would say, now and then what a
 * middlebox, a stale packet or a liar would. Owns what either end has said so far. Numbers are
 * int32; a packet carries no options, so that windows are what the field says.
 */
import { ACK, FIN, NO_BYTES, type Packet, PSH, RST, SYN } from '../../src/datapath/sim/packet.ts';
import { Random } from '../../src/datapath/sim/random.ts';

export interface Step {
  readonly fromClient: boolean;
  readonly packet: Packet;
  /** What it is meant to be. */
  readonly what: string;
}

export interface Ends {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
  readonly clientPort: number;
  readonly serverPort: number;
}

interface Side {
  nxt: number;
  /** What it acknowledges: the other's octets that have come. */
  rcvNxt: number;
  finSent: boolean;
}

const WND = 60_000;
const OFFSETS = [-1, 1, 1000, 59_999, 70_000, 1_000_000, -1000, -1_000_000] as const;

export class Sequence {
  private readonly random: Random;
  private readonly ends: Ends;
  private readonly client: Side;
  private readonly server: Side;
  private readonly said: Step[] = [];
  private phase: 'syn' | 'syn-ack' | 'ack' | 'open' = 'syn';

  constructor(seed: number, ends: Ends) {
    this.random = new Random(seed, 0xc0);
    this.ends = ends;
    this.client = { nxt: this.random.int32(), rcvNxt: 0, finSent: false };
    this.server = { nxt: this.random.int32(), rcvNxt: 0, finSent: false };
  }

  next(): Step {
    const isOdd = this.said.length > 0 && this.random.chance(0.2);
    const step = isOdd ? this.odd() : this.proper();
    this.said.push(step);
    return step;
  }

  private proper(): Step {
    const { client, server } = this;
    if (this.phase === 'syn') {
      this.phase = 'syn-ack';
      return this.say(true, 'SYN', SYN, 1);
    }
    if (this.phase === 'syn-ack') {
      this.phase = 'ack';
      server.rcvNxt = client.nxt;
      return this.say(false, 'SYN-ACK', SYN | ACK, 1);
    }
    if (this.phase === 'ack') {
      this.phase = 'open';
      client.rcvNxt = server.nxt;
      return this.say(true, 'ACK', ACK, 0);
    }
    const fromClient = this.random.chance(0.5);
    const side = fromClient ? client : server;
    const peer = fromClient ? server : client;
    if (this.random.chance(0.7)) side.rcvNxt = peer.nxt;
    if (side.finSent) return this.say(fromClient, 'ACK', ACK, 0);
    const draw = this.random.unit();
    if (draw < 0.3) {
      side.finSent = true;
      return this.say(fromClient, 'FIN', FIN | ACK, 1);
    }
    if (draw < 0.6) return this.say(fromClient, 'data', PSH | ACK, 0, this.random.between(1, 900));
    return this.say(fromClient, 'ACK', ACK, 0);
  }

  private odd(): Step {
    const fromClient = this.random.chance(0.5);
    const { packet: last } = this.random.pick(this.said);
    const by = this.random.pick(OFFSETS);
    switch (this.random.between(0, 6)) {
      case 0: {
        const again = this.random.pick(this.said);
        return { ...again, what: `${again.what} again` };
      }
      case 1:
        return this.reset(fromClient, 0, false);
      case 2:
        return this.reset(fromClient, by, false);
      case 3:
        return this.reset(fromClient, this.random.chance(0.5) ? 0 : by, true);
      case 4:
        return this.bent(fromClient, `data ${by} off`, { flags: PSH | ACK }, by, 0, 20);
      case 5:
        return this.bent(fromClient, `ACK of ${by} off`, { flags: ACK }, 0, by, 0);
      default: {
        const flags = this.random.chance(0.5) ? SYN : SYN | ACK;
        const what = `${flags === SYN ? 'SYN' : 'SYN-ACK'} anew`;
        const seq = this.random.chance(0.5) ? this.random.int32() : (last.seq + by) | 0;
        return this.bent(fromClient, what, { flags, seq }, 0, 0, 0);
      }
    }
  }

  private reset(fromClient: boolean, by: number, withAck: boolean): Step {
    const flags = withAck ? RST | ACK : RST;
    const what = `RST${withAck ? ' with ACK' : ''} ${by === 0 ? 'exact' : `${by} off`}`;
    return this.bent(fromClient, what, { flags }, by, 0, 0);
  }

  /** A segment that changes nothing of what the sender goes on with. */
  private bent(
    fromClient: boolean,
    what: string,
    fields: Partial<Packet>,
    seqBy: number,
    ackBy: number,
    octets: number,
  ): Step {
    const side = fromClient ? this.client : this.server;
    const packet = this.build(fromClient, ACK, octets);
    const flags = fields.flags ?? packet.flags;
    return {
      fromClient,
      what,
      packet: {
        ...packet,
        seq: (side.nxt + seqBy) | 0,
        ack: (flags & ACK) === 0 ? 0 : (side.rcvNxt + ackBy) | 0,
        ...fields,
      },
    };
  }

  private say(fromClient: boolean, what: string, flags: number, takes: number, octets = 0): Step {
    const side = fromClient ? this.client : this.server;
    const packet = this.build(fromClient, flags, octets);
    side.nxt = (side.nxt + takes + octets) | 0;
    return { fromClient, what, packet };
  }

  private build(fromClient: boolean, flags: number, octets: number): Packet {
    const { client, server, clientPort, serverPort } = this.ends;
    const side = fromClient ? this.client : this.server;
    return {
      family: 4,
      src: fromClient ? client : server,
      dst: fromClient ? server : client,
      srcPort: fromClient ? clientPort : serverPort,
      dstPort: fromClient ? serverPort : clientPort,
      seq: side.nxt,
      ack: (flags & ACK) === 0 ? 0 : side.rcvNxt,
      flags,
      wnd: WND,
      ttl: 64,
      ipId: 1 + this.said.length,
      mss: -1,
      wndScale: -1,
      sackPermitted: false,
      timestamps: false,
      tsVal: 0,
      tsEcr: 0,
      sack: [],
      payload: octets === 0 ? NO_BYTES : new Uint8Array(octets),
    };
  }
}

/** `c SYN 0` … in numbers relative to the first of each side, to be read. */
export function storyOf(steps: readonly Step[]): string {
  const first = new Map<boolean, number>();
  return steps
    .map(({ fromClient, packet, what }) => {
      if (!first.has(fromClient)) first.set(fromClient, packet.seq);
      const seq = (packet.seq - (first.get(fromClient) ?? 0)) | 0;
      const known = first.get(!fromClient);
      const hasAck = (packet.flags & ACK) !== 0 && known !== undefined;
      const ack = hasAck ? ` ack ${(packet.ack - known) | 0}` : '';
      const length = packet.payload.length > 0 ? ` (${packet.payload.length})` : '';
      return `${fromClient ? 'c' : 's'} ${what} ${seq}${length}${ack}`;
    })
    .join('; ');
}

/** FINs that no later packet of the other side acknowledges. */
export function openFins(steps: readonly Step[]): number {
  const isOpen = ({ fromClient, packet }: Step, at: number) => {
    if ((packet.flags & FIN) === 0) return false;
    const end = (packet.seq + packet.payload.length + 1) | 0;
    return !steps
      .slice(at + 1)
      .some((later) => later.fromClient !== fromClient && later.packet.ack === end);
  };
  return steps.filter(isOpen).length;
}
