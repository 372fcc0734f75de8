/**
 * All connections of one input. A SYN with another initial number on the same addresses is another
 * connection; so is the same SYN at the same time, which somebody pasted twice.
 *
 * Owns the flows; memory is bounded by their number. Where it is reached, those that have ended
 * make room (ended-flows.ts).
 */
import { ACK, SYN } from '../engine/wire/segment.ts';
import { EndedFlows } from './ended-flows.ts';
import { Flow, type Seen } from './flow.ts';
import { PacketCopy } from './packet-copy.ts';
import { hasFlags, type PacketRecord, UNKNOWN } from './packet-record.ts';
import { PacketRows } from './packet-rows.ts';

export const FLOW_COUNT_MAX = 16_384;
/** Once there were too many, ended ones go each time that so many more have come. */
const SWEEP_COUNT = 4096;
/** Packets to wait for after a sweep that made no room: twice as many each time. */
const WAIT_PACKETS_MIN = 1024;
const WAIT_PACKETS_MAX = 65_536;
/** Addresses, ports and option layouts, each kept once. */
const NAME_COUNT_MAX = 65_536;

/** One pair of end points; its newest flow takes what comes. */
export class Connection {
  flow: Flow | undefined;
  /** The flow was let go; packets that come too late are known by it. */
  isOver = false;

  /** At a sweep: false when it was over at the one before already. */
  outlives(): boolean {
    if (this.flow === undefined) return !this.isOver;
    if (this.flow.isLetGo) {
      this.flow = undefined;
      this.isOver = true;
    }
    return true;
  }
}

/** What may be done with packets on their way in. */
export interface Intake {
  /** Other names, before anything else sees the packet. */
  readonly disguise?: ((packet: PacketRecord) => PacketRecord) | undefined;
  /** `given` is as it was read; neither may be kept. */
  readonly observe?: ((flow: Flow, seen: Seen, given: PacketRecord) => void) | undefined;
  /** The flow is counted only, from now on. */
  readonly forget?: ((flow: Flow) => void) | undefined;
}

export class FlowBook {
  readonly flows: Flow[] = [];
  /** Packets of flows beyond the limit. */
  notKept = 0;
  readonly ended = new EndedFlows();
  /** Flows are about to be looked at. */
  onSweep: (() => void) | undefined;
  private opened = 0;
  /** So many flows are worth a sweep. */
  private sweepCount = FLOW_COUNT_MAX;
  private waitPackets = 0;
  private waitPacketsNext = WAIT_PACKETS_MIN;
  private readonly connections = new Map<string, Connection>();
  private readonly rows = new PacketRows();
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
    if (this.wantsSweep && this.sweep(packet.timeUs)) this.forget();
    const connection = this.connections.get(key) ?? this.open(key);
    if (connection === undefined) this.notKept += 1;
    else this.addTo(connection, this.compact(packet, this.record));
  }

  get isFull(): boolean {
    return this.flows.length >= FLOW_COUNT_MAX;
  }

  /** Somebody wants to see, or change, every packet. */
  get isWatched(): boolean {
    return this.intake.disguise !== undefined || this.intake.observe !== undefined;
  }

  /** Whether `sweep` may help the next packet. */
  get wantsSweep(): boolean {
    return this.flows.length >= this.sweepCount;
  }

  /** Lets go what has ended; true: connections that were over may be forgotten. */
  sweep(nowUs: number): boolean {
    this.waitPackets -= 1;
    if (this.waitPackets > 0) return false;
    this.onSweep?.();
    const count = this.ended.fold(this.flows, nowUs);
    if (this.isFull && count === 0) {
      this.waitPackets = this.waitPacketsNext;
      this.waitPacketsNext = Math.min(WAIT_PACKETS_MAX, 2 * this.waitPackets);
      return false;
    }
    this.waitPacketsNext = WAIT_PACKETS_MIN;
    let to = 0;
    for (const flow of this.flows) {
      if (!flow.isLetGo) this.flows[to++] = flow;
      else {
        this.intake.forget?.(flow);
        flow.packets.release();
      }
    }
    this.flows.length = to;
    this.sweepCount = Math.min(FLOW_COUNT_MAX, to + SWEEP_COUNT);
    return true;
  }

  /** Borrows the packet, as the flow does. */
  addTo(connection: Connection, given: Seen): void {
    const { disguise, observe } = this.intake;
    const packet = disguise === undefined ? given : this.compact(disguise(given), this.disguised);
    // It stands in running text, where no other name can replace those of hosts.
    if (disguise !== undefined) this.disguised.comment = '';
    let { flow } = connection;
    if (flow === undefined || beginsAnother(flow, packet)) {
      if (flow === undefined && connection.isOver && !isFirstSyn(packet)) {
        this.ended.latePackets += 1;
        return;
      }
      if (this.isFull) {
        this.notKept += 1;
        return;
      }
      if (flow !== undefined) flow.isReplaced = true;
      this.opened += 1;
      flow = new Flow(this.opened, packet, isClient(packet), this.rows);
      this.flows.push(flow);
      connection.flow = flow;
      connection.isOver = false;
    }
    flow.add(packet);
    observe?.(flow, packet, given);
  }

  private forget(): void {
    for (const [name, known] of this.connections) {
      if (!known.outlives()) this.connections.delete(name);
    }
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
  if (!isFirstSyn(packet) || packet.segSeq === null) return false;
  if (packet.src !== flow.client || packet.srcPort !== flow.clientPort) return false;
  const offers = flow.halves[0].offers;
  if (offers.length === 0) return true;
  const same = offers.find((offer) => offer.isn === packet.segSeq);
  if (same === undefined) return true;
  return packet.timeUs !== UNKNOWN && packet.timeUs <= same.first.timeUs;
}

function isFirstSyn(packet: PacketRecord): boolean {
  return hasFlags(packet, SYN) && !hasFlags(packet, ACK);
}

/** Without a SYN the side with the lower port is taken for the server. */
function isClient(packet: PacketRecord): boolean {
  if (hasFlags(packet, SYN)) return !hasFlags(packet, ACK);
  const src = Number(packet.srcPort);
  const dst = Number(packet.dstPort);
  if (Number.isInteger(src) && Number.isInteger(dst) && src !== dst) return src > dst;
  return packet.src !== 'server';
}
