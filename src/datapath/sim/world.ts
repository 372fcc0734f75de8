/**
 * One simulated world: a client, perhaps the shim, a faulty path, one server. Runs a plan to its
 * end and says what became of every connection. The plan decides everything; the same plan gives
 * the same trace. Times: virtual microseconds.
 */

import { tellSocket } from './client-socket.ts';
import { EventQueue } from './event-queue.ts';
import { Link, type LinkPlan } from './link.ts';
import { Middlebox } from './middlebox.ts';
import type { EndpointConfig } from './model-endpoint.ts';
import { ModelHost } from './model-host.ts';
import { decodePacket } from './packet.ts';
import { wordsAround } from './packet-memory.ts';
import { mix } from './random.ts';
import { ScriptedApplication } from './script.ts';
import { ShimHost } from './shim-host.ts';
import type { ShimPlan } from './shim-plan.ts';
import type { MemoryPool } from './sim-memory.ts';
import type {
  ConnectionPlan,
  ConnectionResult,
  SidePlan,
  SideResult,
  TwinPlan,
  WorldPlan,
} from './world-plan.ts';

export interface WorldResult {
  readonly connections: readonly ConnectionResult[];
  /** Over every packet that reached either host: same seed, same hash. */
  readonly traceHash: number;
  readonly badPackets: number;
  readonly sackOutside: number;
  /** What the links lost, in no order. */
  readonly lost: readonly Uint8Array[];
  readonly endUs: number;
  readonly shim: ShimHost | null;
}

const SERVER_PORT = 22;
const CLIENT_TTL = 64;
const SERVER_TTL = 61;
const PORT_WAIT_US = 1_000_000;

/** Where a packet was seen: as the client sent or got it, and on the path beside the shim. */
export type TapPoint = 'client-out' | 'client-in' | 'path-out' | 'path-in';
export type Tap = (point: TapPoint, nowUs: number, bytes: Uint8Array) => void;

export function runWorld(
  plan: WorldPlan,
  shimPlan: ShimPlan | null,
  tap: Tap | null = null,
  pool: MemoryPool | null = null,
): WorldResult {
  return new World(plan, shimPlan, tap, pool).run();
}

interface Talk {
  readonly client: ScriptedApplication;
  readonly server: ScriptedApplication;
  readonly twin: ScriptedApplication;
}

class World {
  private readonly plan: WorldPlan;
  private readonly queue = new EventQueue();
  private readonly clientAddr: Uint8Array;
  private readonly serverAddr: Uint8Array;
  private readonly apps: Talk[] = [];
  private readonly client: ModelHost;
  private readonly server: ModelHost;
  private readonly twin: ModelHost;
  private readonly shim: ShimHost | null;
  private readonly links: readonly Link[];
  private readonly tap: Tap | null;
  private accepted = 0;
  private traceHash = 0;

  constructor(
    plan: WorldPlan,
    shimPlan: ShimPlan | null,
    tap: Tap | null,
    pool: MemoryPool | null,
  ) {
    this.plan = plan;
    this.tap = tap;
    const v4 = plan.family === 4;
    this.clientAddr = v4 ? Uint8Array.of(10, 0, 0, 1) : address6(1);
    this.serverAddr = v4 ? Uint8Array.of(10, 0, 1, 2) : address6(2);
    const queue = this.queue;
    const box = new Middlebox(
      queue,
      plan.faults(),
      plan.offsets,
      (bytes) => toClient.send(bytes),
      (bytes) => {
        toServer.send(bytes);
        this.alsoToTwin(bytes);
      },
    );
    const link = (linkPlan: LinkPlan, n: number, deliver: (bytes: Uint8Array) => void) =>
      new Link(queue, linkPlan, mix(plan.seed, n), deliver);
    const fromClient = link(plan.nearLink, 1, (bytes) => box.receiveClient(bytes));
    const toServer = link(plan.farLink, 2, (bytes) => this.reach(this.server, bytes));
    const fromServer = link(plan.farLink, 3, (bytes) => box.receiveServer(bytes));
    const toClient = link(plan.nearLink, 4, (bytes) => {
      this.tap?.('path-in', queue.nowUs, bytes);
      if (this.shim === null) this.reachClient(bytes);
      else this.shim.fromNetwork(bytes);
    });
    this.links = [fromClient, toServer, fromServer, toClient];
    this.shim =
      shimPlan === null
        ? null
        : new ShimHost(
            queue,
            shimPlan,
            (bytes) => {
              this.tap?.('path-out', queue.nowUs, bytes);
              fromClient.send(bytes);
            },
            (bytes) => this.reachClient(bytes),
            (nearPort, farPort) => {
              const end = this.client.connections.get(nearPort * 65_536 + farPort);
              return end === undefined ? null : tellSocket(end);
            },
            pool?.take(),
          );
    this.client = new ModelHost(
      queue,
      CLIENT_TTL,
      () => null,
      (bytes) => {
        this.tap?.('client-out', queue.nowUs, bytes);
        if (this.shim === null) fromClient.send(bytes);
        else this.shim.fromClient(bytes);
      },
    );
    this.server = new ModelHost(
      queue,
      SERVER_TTL,
      (syn) => this.acceptSyn(syn.srcPort, syn.seq, null),
      (bytes) => fromServer.send(bytes),
    );
    this.twin = new ModelHost(
      queue,
      SERVER_TTL,
      (syn) => this.acceptSyn(syn.srcPort, syn.seq, this.twinOf(syn.srcPort)),
      (bytes) => {
        const port = decodePacket(bytes)?.dstPort ?? 0;
        const delayUs = plan.farLink.delayUs + (this.twinOf(port)?.laterUs ?? 0);
        queue.after(delayUs, () => box.receiveServer(bytes));
      },
    );
  }

  run(): WorldResult {
    const { plan, queue } = this;
    plan.connections.forEach((connection, i) => {
      const client = new ScriptedApplication(queue, connection.client.steps, 2 * i, 2 * i + 1);
      const serverApp = () =>
        new ScriptedApplication(queue, connection.server.steps, 2 * i + 1, 2 * i);
      this.apps.push({ client, server: serverApp(), twin: serverApp() });
      queue.at(connection.startUs, () => this.connect(i));
    });
    queue.runUntil(plan.horizonUs, () => this.isOver());
    return this.result();
  }

  /** A client's own port is free once its connection before is over: until then it waits. */
  private connect(i: number): void {
    const connection = this.plan.connections[i] as ConnectionPlan;
    const { queue, client } = this;
    const inUse = this.plan.connections.some(
      (other, k) =>
        k < i &&
        other.clientPort === connection.clientPort &&
        this.apps[k]?.client.reason === 'open',
    );
    if (inUse) {
      queue.after(PORT_WAIT_US, () => this.connect(i));
      return;
    }
    const config = this.config(connection, connection.client, true, connection.client.iss);
    client.connect(config, (this.apps[i] as Talk).client);
  }

  private isOver(): boolean {
    for (const { client, server, twin } of this.apps) {
      if (client.reason === 'open') return false;
      if (server.reason === 'open' && server.establishedUs >= 0) return false;
      if (twin.reason === 'open' && twin.establishedUs >= 0) return false;
    }
    return true;
  }

  private twinOf(clientPort: number): TwinPlan | null {
    return this.plan.twins.find((twin) => twin.clientPort === clientPort) ?? null;
  }

  private alsoToTwin(bytes: Uint8Array): void {
    if (this.plan.twins.length === 0) return;
    const twin = this.twinOf(decodePacket(bytes)?.srcPort ?? 0);
    if (twin === null) return;
    const delayUs = Math.max(0, this.plan.farLink.delayUs + twin.laterUs);
    this.queue.after(delayUs, () => this.reach(this.twin, bytes));
  }

  private acceptSyn(port: number, seq: number, twin: TwinPlan | null) {
    const { plan } = this;
    const iss = (seq - plan.offsets.client) | 0;
    const i = plan.connections.findIndex((c) => c.clientPort === port && c.client.iss === iss);
    const connection = plan.connections[i];
    const known = this.apps[i];
    if (connection === undefined || known === undefined || connection.refused) return null;
    // A SYN that comes again when its connection is over opens another, half-open one.
    const first = twin === null ? known.server : known.twin;
    const used = first.reason !== 'open' || first.establishedUs >= 0;
    const app = used
      ? new ScriptedApplication(this.queue, connection.server.steps, 2 * i + 1, 2 * i)
      : first;
    const again = this.accepted++;
    const firstIss = twin === null ? connection.server.iss : twin.iss;
    const serverIss = used ? mix(firstIss, again) : firstIss;
    const config = this.config(connection, connection.server, false, serverIss);
    return { config, app };
  }

  private config(
    connection: ConnectionPlan,
    side: SidePlan,
    client: boolean,
    iss: number,
  ): EndpointConfig {
    return {
      family: this.plan.family,
      localAddr: client ? this.clientAddr : this.serverAddr,
      remoteAddr: client ? this.serverAddr : this.clientAddr,
      localPort: client ? connection.clientPort : SERVER_PORT,
      remotePort: client ? SERVER_PORT : connection.clientPort,
      iss,
      mss: side.mss,
      wndScale: side.wndScale,
      timestamps: side.timestamps,
      sack: side.sack,
      dsack: side.dsack,
      rcvBufOctets: side.rcvBufOctets,
      readOctetsPerMs: side.readOctetsPerMs,
      rtoMinUs: side.rtoMinUs,
      tsBase: side.tsBase,
      ttl: client ? CLIENT_TTL : SERVER_TTL,
    };
  }

  private reachClient(bytes: Uint8Array): void {
    const delayUs = this.plan.clientDelayUs;
    if (delayUs === 0) this.reach(this.client, bytes);
    else this.queue.after(delayUs, () => this.reach(this.client, bytes));
  }

  private reach(host: ModelHost, bytes: Uint8Array): void {
    const hash = mix(this.traceHash, host === this.client ? this.queue.nowUs : ~this.queue.nowUs);
    this.traceHash = hashOctets(hash, bytes);
    if (host === this.client) this.tap?.('client-in', this.queue.nowUs, bytes);
    host.receive(bytes);
  }

  private result(): WorldResult {
    const connections = this.apps.map((talk) => {
      const { client } = talk;
      const server = talk.twin.establishedUs >= 0 ? talk.twin : talk.server;
      const whole =
        client.isThrough() &&
        server.isThrough() &&
        client.receivedOctets === server.sendsOctets &&
        server.receivedOctets === client.sendsOctets;
      return { client: sideResult(client), server: sideResult(server), whole };
    });
    let sackOutside = 0;
    for (const host of [this.client, this.server, this.twin]) {
      for (const endpoint of host.connections.values()) sackOutside += endpoint.sackOutside;
    }
    return {
      connections,
      traceHash: this.traceHash,
      badPackets: this.client.badPackets + this.server.badPackets + this.twin.badPackets,
      sackOutside,
      lost: this.links.flatMap((link) => link.lost),
      endUs: this.queue.nowUs,
      shim: this.shim,
    };
  }
}

/** Four octets at a time, and what is left one by one. */
function hashOctets(from: number, bytes: Uint8Array): number {
  const words = wordsAround(bytes);
  const first = bytes.byteOffset >> 2;
  const end = first + (bytes.length >> 2);
  let hash = from;
  for (let i = first; i < end; i++) hash = (Math.imul(hash, 31) + (words[i] as number)) | 0;
  for (let i = bytes.length & ~3; i < bytes.length; i++) {
    hash = (Math.imul(hash, 31) + (bytes[i] as number)) | 0;
  }
  return hash;
}

function sideResult(app: ScriptedApplication): SideResult {
  return {
    reason: app.reason,
    establishedUs: app.establishedUs,
    endedUs: app.endedUs,
    abortedUs: app.abortedUs,
    through: app.isThrough(),
    sendsOctets: app.sendsOctets,
    receivedOctets: app.receivedOctets,
    wrongOctets: app.wrongOctets,
    oldDataSegments: app.oldDataSegments(),
  };
}

function address6(last: number): Uint8Array {
  const address = new Uint8Array(16);
  address.set([0xfd, 0x99, 0, last]);
  address[15] = last;
  return address;
}
