/**
 * The faulty firewall: one queue in the FORWARD hook of its namespace, one fault.
 *
 * Owns its connections and what it has kept back. Renumbers first (server side in, client side
 * out), so that every fault is written in the numbers that the client sees. Times: ms.
 */
import { openInjector } from '../../datapath/nfqueue/injector.ts';
import { Queue } from '../../datapath/nfqueue/queue.ts';
import {
  INFO_GSO,
  INJECT_FAR,
  VERDICT_ACCEPT,
  VERDICT_DROP,
  VERDICT_REWRITTEN,
} from '../../engine/verdict.ts';
import { get32, put16, put32 } from '../../engine/wire/bytes.ts';
import {
  type ArenaWords,
  arenaWords,
  fillTcpChecksum,
  tcpPseudoSum,
} from '../../engine/wire/checksum.ts';
import { parseSegment, WIRE_OK } from '../../engine/wire/parse.ts';
import { ACK, RST, Segment, SYN } from '../../engine/wire/segment.ts';
import { Connection } from './connection.ts';
import { type Command, type Fault, isLong, leavesPartial, OWN_MARK, REPEATS_MS } from './fault.ts';
import { finished, forgeControl, forgeSynAck, renumbered } from './forge.ts';
import { LongPath } from './long-path.ts';
import { stripOption } from './strip-option.ts';

const SERVER_DATA_MS = 500;
const RELEASE_MS = 6;
/** Data under way can make a forged number old: so many segments of the client get a reset. */
const FORGED_COUNT = 5;
const BLIND_COUNT = 256;
const BLIND_STEP = 0x01000000;

interface Due {
  readonly atMs: number;
  readonly run: () => void;
}

export class Firewall {
  private readonly fault: Fault;
  private readonly queue: Queue;
  private readonly words: ArenaWords;
  private readonly injector;
  private readonly seg = new Segment();
  private readonly connections = new Map<string, Connection>();
  private readonly longPath: LongPath | undefined;
  private due: Due[] = [];

  constructor(fault: Fault) {
    this.fault = fault;
    const { lagMs, loss, reordering, seed } = fault;
    this.longPath = isLong(fault) ? new LongPath(lagMs, loss, reordering, seed) : undefined;
    // What is lost on the way are packets, not the super-packets that they travel in here.
    const gso = this.longPath === undefined;
    this.queue = new Queue({ queueNum: fault.queueNum, lengthMax: 16_384, gso });
    this.queue.setTimeoutMs(1);
    this.words = arenaWords(this.queue.bytes, this.queue.simdSum);
    this.injector = openInjector({
      backend: 'koffi',
      mark: OWN_MARK,
      report: (line) => process.stderr.write(`${line}\n`),
    });
  }

  /** One batch, and what has become due. */
  turn(): void {
    const count = this.queue.receive();
    for (let i = 0; i < count; i++) this.queue.setVerdict(i, this.judge(i));
    this.queue.flush();
    this.runDue();
    this.longPath?.release(performance.now(), (packet) => this.inject(packet));
  }

  /** Returns how many connections it was done to. */
  obey(command: Command): number {
    const known = [...this.connections.values()];
    if (command.do === 'forget') this.connections.clear();
    else for (const connection of known) this.obeyFor(connection, command);
    return known.length;
  }

  private obeyFor(connection: Connection, command: Command): void {
    const { clientSyn, clientAck, iss, isn } = connection;
    if (command.do === 'forge') {
      const seq = (clientAck + command.distance) | 0;
      this.inject(forgeControl(clientSyn, RST, seq, 0, command.ttl));
    } else if (command.do === 'stray') {
      this.inject(forgeControl(clientSyn, ACK, (isn + 1) | 0, (iss + 1) | 0, this.fault.otherTtl));
    } else if (command.do === 'jump') {
      connection.jump(command.which);
    } else if (command.do !== 'forget') {
      connection.pending = command.do;
    }
  }

  private inject(packet: Uint8Array): void {
    this.injector.send(INJECT_FAR, packet);
  }

  private at(ms: number, run: () => void): void {
    this.due.push({ atMs: performance.now() + ms, run });
  }

  private runDue(): void {
    if (this.due.length === 0) return;
    const now = performance.now();
    const ready = this.due.filter((entry) => entry.atMs <= now);
    this.due = this.due.filter((entry) => entry.atMs > now);
    for (const entry of ready) entry.run();
  }

  private judge(i: number): number {
    const { queue, seg } = this;
    const off = queue.off[i] ?? 0;
    const len = queue.len[i] ?? 0;
    if (parseSegment(queue.bytes, off, len, seg) !== WIRE_OK) return VERDICT_ACCEPT;
    const toClient = seg.srcPort < seg.dstPort; // servers listen below 32768, clients above
    const key = toClient ? this.key(24, 16, seg.dstPort) : this.key(8, 12, seg.srcPort);
    let connection = this.connections.get(key);
    if (!toClient && (seg.flags & (SYN | ACK)) === SYN && connection?.iss !== seg.segSeq) {
      const syn = finished(queue.bytes.slice(off, off + seg.ipBytes));
      connection = new Connection(syn, seg.segSeq, this.fault.offsets);
      this.connections.set(key, connection);
      if (this.fault.kind === 'phantom-synack') this.phantom(connection);
      if (this.fault.jumpMs > 0) this.jumpLater(connection);
    }
    if (connection === undefined) return VERDICT_ACCEPT;
    if (connection.isForgotten(this.fault)) return this.refuse(connection, toClient);
    if (toClient) this.renumberIn(connection);
    const verdict = toClient ? this.fromServer(connection, off) : this.fromClient(connection);
    if (verdict === VERDICT_DROP) return VERDICT_DROP;
    if (!toClient) this.renumberOut(connection);
    if (!toClient && connection.late !== undefined) {
      connection.late.push(finished(queue.bytes.slice(off, off + seg.ipBytes)));
      return VERDICT_DROP;
    }
    const gso = ((queue.info[i] ?? 0) & INFO_GSO) !== 0;
    const leaves = toClient && !gso && leavesPartial(this.fault, (seg.flags & SYN) !== 0);
    const { longPath } = this;
    const strips = stripOption(queue.bytes, seg, this.fault);
    const changed = connection.isRenumbered() || leaves || strips;
    if (!changed && longPath === undefined) return VERDICT_ACCEPT;
    if (leaves) put16(queue.bytes, seg.tcpOff + 16, tcpPseudoSum(queue.bytes, seg));
    else if (!gso) fillTcpChecksum(queue.bytes, this.words, seg);
    if (longPath === undefined) return VERDICT_REWRITTEN;
    longPath.take(queue.bytes, off, seg.ipBytes, toClient, performance.now());
    return VERDICT_DROP;
  }

  /** Of a connection that it has forgotten nothing gets through. */
  private refuse({ clientSyn }: Connection, toClient: boolean): number {
    const { fault, seg } = this;
    if (fault.refuses && !toClient && (seg.flags & RST) === 0) {
      this.inject(forgeControl(clientSyn, RST, seg.segAck, 0, fault.otherTtl));
    }
    return VERDICT_DROP;
  }

  private jumpLater(connection: Connection): void {
    this.at(this.fault.jumpMs, () => connection.jump(this.fault.jumps));
  }

  private key(v6Off: number, v4Off: number, port: number): string {
    const { seg, queue } = this;
    const off = seg.ipOff + (seg.family === 6 ? v6Off : v4Off);
    const last = seg.family === 6 ? get32(queue.bytes, off + 12) : 0;
    return `${seg.family} ${get32(queue.bytes, off)} ${last} ${port}`;
  }

  /** From the server's numbers to those that the client sees. */
  private renumberIn(connection: Connection): void {
    if ((this.seg.flags & SYN) !== 0) connection.comesAhead(this.fault, this.seg.segSeq);
    if (!connection.isRenumbered()) return;
    const { seg } = this;
    const { bytes } = this.queue;
    seg.segSeq = (seg.segSeq + connection.serverOffset) | 0;
    put32(bytes, seg.tcpOff + 4, seg.segSeq);
    if ((seg.flags & ACK) === 0) return;
    seg.segAck = (seg.segAck - connection.clientOffset) | 0;
    put32(bytes, seg.tcpOff + 8, seg.segAck);
    this.shiftSack(-connection.clientOffset);
  }

  private renumberOut(connection: Connection): void {
    if (!connection.isRenumbered()) return;
    const { seg } = this;
    const { bytes } = this.queue;
    put32(bytes, seg.tcpOff + 4, (seg.segSeq + connection.clientOffset) | 0);
    if ((seg.flags & ACK) === 0) return;
    put32(bytes, seg.tcpOff + 8, (seg.segAck - connection.serverOffset) | 0);
    this.shiftSack(-connection.serverOffset);
  }

  private shiftSack(by: number): void {
    const { seg } = this;
    if (this.fault.sackBlind) return;
    const { bytes } = this.queue;
    for (let k = 0; k < seg.sackCount * 2; k++) {
      const at = seg.sackOff + 4 * k;
      put32(bytes, at, (get32(bytes, at) + by) | 0);
    }
  }

  private phantom(connection: Connection): void {
    const { fault } = this;
    connection.isn = connection.otherIsn;
    const ts = fault.timestamps ? (Math.random() * 2 ** 31) | 1 : 0;
    this.inject(
      forgeSynAck(connection.clientSyn, connection.isn, this.fault.otherTtl, fault.wndScale, ts),
    );
    if (fault.serverLateMs === 0) return;
    connection.late = [];
    this.at(fault.serverLateMs, () => {
      const packets = connection.late ?? [];
      connection.late = undefined;
      for (const packet of packets) this.inject(packet);
    });
  }

  private fromServer(connection: Connection, off: number): number {
    const { seg, fault } = this;
    const packet = () => finished(this.queue.bytes.slice(off, off + seg.ipBytes));
    if ((seg.flags & (SYN | ACK)) === (SYN | ACK)) {
      connection.serverStamps = seg.tsOff !== 0;
      if (fault.kind === 'phantom-synack') return VERDICT_ACCEPT;
      if (connection.synAck === undefined) this.firstSynAck(connection, packet());
      return VERDICT_ACCEPT;
    }
    if (connection.mute) return VERDICT_DROP;
    if (connection.pending !== undefined) return this.asAsked(connection, packet);
    const waits = fault.kind === 'first-connection-reset' && !connection.burst;
    if ((!waits && !connection.holding) || connection.synAck === undefined) return VERDICT_ACCEPT;
    return this.keep(connection, packet());
  }

  private keep(connection: Connection, packet: Uint8Array): number {
    connection.held.push(packet);
    if (this.seg.payloadBytes > 0) connection.dataHeld = true;
    return VERDICT_DROP;
  }

  private asAsked(connection: Connection, packet: () => Uint8Array): number {
    const { seg } = this;
    const data = seg.payloadBytes > 0;
    if (connection.pending === 'overtake') {
      if (data) return this.keep(connection, packet());
      if ((seg.flags & RST) === 0) return VERDICT_ACCEPT;
      this.inject(packet());
      this.release(connection);
    } else {
      if (!data) return VERDICT_ACCEPT;
      this.inject(forgeControl(connection.clientSyn, RST, seg.segSeq, 0, this.fault.otherTtl));
      this.inject(packet());
      connection.mute = true;
    }
    connection.pending = undefined;
    return VERDICT_DROP;
  }

  /** The SYN-ACK that the client gets: from here the fault's clock runs. */
  private firstSynAck(connection: Connection, packet: Uint8Array): void {
    const { fault } = this;
    connection.synAck = packet;
    connection.isn = this.seg.segSeq;
    connection.synAckAtMs = performance.now();
    if (fault.kind === 'blind-resets') {
      this.at(fault.delayMs, () => this.blind(connection));
      this.at(fault.delayMs + 150, () => this.blind(connection));
    } else if (fault.kind === 'forged-reset') {
      this.at(fault.delayMs, () => {
        connection.burst = true;
      });
    } else if (fault.kind !== 'healthy' && fault.kind !== 'checksum-left-partial') {
      this.at(fault.delayMs, () => this.secondSynAck(connection));
    }
  }

  private blind(connection: Connection): void {
    for (let k = 0; k < BLIND_COUNT; k++) {
      const seq = (connection.isn + 0x800000 + k * BLIND_STEP) | 0;
      this.inject(forgeControl(connection.clientSyn, RST, seq, 0, this.fault.otherTtl));
    }
  }

  private secondSynAck(connection: Connection): void {
    const { fault } = this;
    const first = fault.kind === 'first-connection-reset';
    const late = performance.now() - connection.synAckAtMs > fault.delayMs + SERVER_DATA_MS;
    if (first && !connection.dataHeld && !late) {
      this.at(1, () => this.secondSynAck(connection)); // the server's data belongs to the burst
      return;
    }
    const synAck = renumbered(
      connection.synAck ?? connection.clientSyn,
      connection.otherIsn,
      fault.otherTtl,
    );
    const { clientSyn, isn } = connection;
    const reset = forgeControl(clientSyn, RST, (isn + 1) | 0, 0, fault.otherTtl);
    connection.burst = true;
    connection.holding = fault.kind === 'challenge-ack-reset';
    if (connection.holding) this.at(RELEASE_MS, () => this.release(connection));
    for (const letter of first ? fault.order : 'B') {
      if (letter === 'B') this.inject(synAck);
      else if (letter === 'R') this.inject(reset);
      else this.release(connection);
    }
    for (const ms of REPEATS_MS) this.at(ms, () => this.inject(synAck));
  }

  private release(connection: Connection): void {
    connection.holding = false;
    for (const packet of connection.held.splice(0)) this.inject(packet);
  }

  private fromClient(connection: Connection): number {
    const { seg, fault } = this;
    if ((seg.flags & ACK) === 0 || (seg.flags & RST) !== 0) return VERDICT_ACCEPT;
    connection.clientAck = seg.segAck;
    if (fault.strict && connection.serverStamps && seg.tsOff === 0) return VERDICT_DROP;
    const isProbe = seg.segSeq === connection.iss && seg.payloadBytes === 0;
    if (isProbe && connection.probesLost < fault.lostProbes) {
      connection.probesLost++;
      return VERDICT_DROP;
    }
    const answers =
      fault.kind === 'double-endpoint' ||
      (fault.kind === 'forged-reset' && connection.burst && connection.forged++ < FORGED_COUNT);
    if (answers && connection.synAck !== undefined) {
      this.inject(forgeControl(connection.clientSyn, RST, seg.segAck, 0, fault.otherTtl));
    }
    if (seg.payloadBytes > 0) return VERDICT_ACCEPT;
    // Server data is held back meanwhile: what the client says without data is its challenge ACK.
    if (connection.holding && !connection.hit) {
      connection.hit = true;
      this.inject(forgeControl(connection.clientSyn, RST, seg.segAck, 0, this.fault.otherTtl));
      this.release(connection);
    }
    return VERDICT_ACCEPT;
  }
}
