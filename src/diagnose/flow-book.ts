/**
 * All connections of one input. A SYN with another initial number on the same addresses is another
 * connection; so is the same SYN at the same time, which somebody pasted twice.
 *
 * Owns the flows; memory is bounded by their number.
 */
import { ACK, SYN } from '../engine/wire/segment.ts';
import { Flow, type Seen } from './flow.ts';
import { PacketCopy } from './packet-copy.ts';
import { hasFlags, type PacketRecord, UNKNOWN } from './packet-record.ts';

const FLOW_COUNT_MAX = 16_384;
/** Addresses, ports and option layouts, each kept once. */
const NAME_COUNT_MAX = 65_536;

/** One pair of end points; its newest flow takes what comes. */
export class Connection {
  flow: Flow | undefined;
}

/** What may be done with packets on their way in. */
export interface Intake {
  /** Other names, before anything else sees the packet. */
  readonly disguise?: ((packet: PacketRecord) => PacketRecord) | undefined;
  /** `given` is as it was read; neither may be kept. */
  readonly observe?: ((flow: Flow, seen: Seen, given: PacketRecord) => void) | undefined;
}

export class FlowBook {
  readonly flows: Flow[] = [];
  /** Packets of flows beyond the limit. */
  notKept = 0;
  private readonly connections = new Map<string, Connection>();
  private readonly names = new Map<string, string>();
  private readonly record = new PacketCopy();
  private readonly disguised = new PacketCopy();
  private readonly intake: Intake;

  constructor(intake: Intake = {}) {
    this.intake = intake;
  }

  add(packet: PacketRecord, section: number): void {
    const from = `${packet.src} ${packet.srcPort}`;
    const to = `${packet.dst} ${packet.dstPort}`;
    const key = from < to ? `${section} ${from} ${to}` : `${section} ${to} ${from}`;
    const connection = this.connections.get(key) ?? this.open(key);
    if (connection === undefined) this.notKept += 1;
    else this.addTo(connection, this.compact(packet, this.record));
  }

  get isFull(): boolean {
    return this.flows.length >= FLOW_COUNT_MAX;
  }

  /** Borrows the packet, as the flow does. */
  addTo(connection: Connection, given: Seen): void {
    const { disguise, observe } = this.intake;
    const packet = disguise === undefined ? given : this.compact(disguise(given), this.disguised);
    // It stands in running text, where no other name can replace those of hosts.
    if (disguise !== undefined) this.disguised.comment = '';
    let { flow } = connection;
    if (flow === undefined || beginsAnother(flow, packet)) {
      if (this.isFull) {
        this.notKept += 1;
        return;
      }
      flow = new Flow(this.flows.length + 1, packet, isClient(packet));
      this.flows.push(flow);
      connection.flow = flow;
    }
    flow.add(packet);
    observe?.(flow, packet, given);
  }

  private open(key: string): Connection | undefined {
    if (this.isFull) return undefined;
    const connection = new Connection();
    this.connections.set(key, connection);
    return connection;
  }

  /** A piece cut out of a line keeps the whole line alive, so equal ones are copied out once. */
  private compact(packet: PacketRecord, record: PacketCopy): Seen {
    record.set(packet);
    record.src = this.share(packet.src);
    record.srcPort = this.share(packet.srcPort);
    record.dst = this.share(packet.dst);
    record.dstPort = this.share(packet.dstPort);
    record.options.layout = this.share(packet.options.layout);
    record.srcMac = this.share(packet.srcMac);
    return record;
  }

  private share(name: string): string {
    const known = this.names.get(name);
    if (known !== undefined) return known;
    const copy = Buffer.from(name).toString();
    if (this.names.size < NAME_COUNT_MAX) this.names.set(copy, copy);
    return copy;
  }
}

function beginsAnother(flow: Flow, packet: PacketRecord): boolean {
  if (!hasFlags(packet, SYN) || hasFlags(packet, ACK) || packet.segSeq === null) return false;
  if (packet.src !== flow.client || packet.srcPort !== flow.clientPort) return false;
  const offers = flow.halves[0].offers;
  if (offers.length === 0) return true;
  const same = offers.find((offer) => offer.isn === packet.segSeq);
  if (same === undefined) return true;
  return packet.timeUs !== UNKNOWN && packet.timeUs <= same.first.timeUs;
}

/** Without a SYN the side with the lower port is taken for the server. */
function isClient(packet: PacketRecord): boolean {
  if (hasFlags(packet, SYN)) return !hasFlags(packet, ACK);
  const src = Number(packet.srcPort);
  const dst = Number(packet.dstPort);
  if (Number.isInteger(src) && Number.isInteger(dst) && src !== dst) return src > dst;
  return packet.src !== 'server';
}
