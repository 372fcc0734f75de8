/**
 * Which connection a captured packet belongs to, whether a shim with these targets would see it,
 * and which way it goes: a capture knows no hooks, so who is near follows from who opens.
 *
 * Owns what is remembered of connections, at most CONNECTION_COUNT_MAX of them. Without a SYN the
 * side with a server port, else the lower port, is the server.
 */
import { BlockList } from 'node:net';
import type { Config } from '../../config/config.ts';
import type { Network } from '../../config/network.ts';
import { TO_FAR, TO_NEAR } from '../../engine/verdict.ts';
import { ACK, type Segment, SYN } from '../../engine/wire/segment.ts';
import { endpoint } from '../../telemetry/event-log.ts';
import { flowAddressOf, formatAddressAt } from '../../telemetry/flow-address.ts';
import type { Frame } from '../pcap/capture.ts';

const CONNECTION_COUNT_MAX = 1 << 18;
/** Where a host's own packets start; what came over a router has less (RFC 1700 and practice). */
const INITIAL_TTLS: readonly number[] = [32, 64, 128, 255];

export interface Connection {
  /** `10.0.0.1:40000 > 10.0.0.2:22`, near end first. */
  readonly flow: string;
  /** In the capture, of the end that is `a` in its key. */
  readonly aIsNear: boolean;
  readonly isSelected: boolean;
  /** The last frame each way: its link-layer header is that of what is injected. */
  readonly last: [toFar: Frame | undefined, toNear: Frame | undefined];
  /** Everything of it is seen in raw PREROUTING: it has rules of its own. */
  isRuled: boolean;
  /** Of the two ends' first SYNs; 0: not seen. */
  openerTtl: number;
  answererTtl: number;
}

/** `all`: whatever the port. */
export type Ports = readonly number[] | 'all';

export class Connections {
  private readonly byKey = new Map<string, Connection>();
  private readonly targets: BlockList;
  private readonly excludes: BlockList;
  private readonly ports: Ports;
  private readonly nearOpens: boolean;
  selectedCount = 0;

  constructor(config: Config, ports: Ports) {
    this.targets = blockListOf(config.targets);
    this.excludes = blockListOf(config.excludes);
    this.ports = ports;
    this.nearOpens = config.direction !== 'in';
  }

  /** The connection of the segment, and which way it goes; undefined: no room to remember it. */
  find(bytes: Uint8Array, seg: Segment): { connection: Connection; dir: number } | undefined {
    const src = `${addressAt(bytes, seg, 0)} ${seg.srcPort}`;
    const dst = `${addressAt(bytes, seg, 1)} ${seg.dstPort}`;
    const fromA = src < dst;
    const key = fromA ? `${src} ${dst}` : `${dst} ${src}`;
    let connection = this.byKey.get(key);
    if (connection === undefined) {
      if (this.byKey.size >= CONNECTION_COUNT_MAX) return undefined;
      connection = this.open(bytes, seg, fromA);
      this.byKey.set(key, connection);
    }
    noteTtl(connection, seg);
    return { connection, dir: fromA === connection.aIsNear ? TO_FAR : TO_NEAR };
  }

  /** Of the outbox slot at word `at`. */
  ofOutbox(words: Int32Array, at: number): Connection | undefined {
    const { nearAddr, nearPort, farAddr, farPort } = flowAddressOf(words, at);
    const near = `${nearAddr} ${nearPort}`;
    const far = `${farAddr} ${farPort}`;
    return this.byKey.get(near < far ? `${near} ${far}` : `${far} ${near}`);
  }

  /**
   * The flows that the TTLs of their SYNs contradict: the end that is taken for the near one sent
   * over a router, the other one did not.
   */
  get wrongSideCount(): number {
    let count = 0;
    for (const { isSelected, openerTtl, answererTtl } of this.byKey.values()) {
      if (!isSelected || openerTtl === 0 || answererTtl === 0) continue;
      const near = this.nearOpens ? openerTtl : answererTtl;
      const far = this.nearOpens ? answererTtl : openerTtl;
      if (INITIAL_TTLS.includes(far) && !INITIAL_TTLS.includes(near)) count++;
    }
    return count;
  }

  private open(bytes: Uint8Array, seg: Segment, fromA: boolean): Connection {
    const sentByOpener = this.isSentByOpener(seg);
    const sentByNear = sentByOpener === this.nearOpens;
    const src = { address: addressAt(bytes, seg, 0), port: seg.srcPort };
    const dst = { address: addressAt(bytes, seg, 1), port: seg.dstPort };
    const [near, far] = sentByNear ? [src, dst] : [dst, src];
    const server = sentByOpener ? dst : src;
    const isSelected = this.isSelected(far.address, seg.family, server.port);
    if (isSelected) this.selectedCount++;
    return {
      flow: `${endpoint(near.address, near.port)} > ${endpoint(far.address, far.port)}`,
      aIsNear: fromA === sentByNear,
      isSelected,
      last: [undefined, undefined],
      isRuled: false,
      openerTtl: 0,
      answererTtl: 0,
    };
  }

  private isSentByOpener(seg: Segment): boolean {
    if ((seg.flags & SYN) !== 0) return (seg.flags & ACK) === 0;
    const toServer = this.ports !== 'all' && this.ports.includes(seg.dstPort);
    const fromServer = this.ports !== 'all' && this.ports.includes(seg.srcPort);
    return toServer === fromServer ? seg.srcPort > seg.dstPort : toServer;
  }

  private isSelected(far: string, family: number, port: number): boolean {
    const kind = family === 6 ? 'ipv6' : 'ipv4';
    if (this.ports !== 'all' && !this.ports.includes(port)) return false;
    return this.targets.check(far, kind) && !this.excludes.check(far, kind);
  }
}

function noteTtl(connection: Connection, seg: Segment): void {
  if ((seg.flags & SYN) === 0) return;
  if ((seg.flags & ACK) === 0) connection.openerTtl ||= seg.ttl;
  else connection.answererTtl ||= seg.ttl;
}

function blockListOf(networks: readonly Network[]): BlockList {
  const list = new BlockList();
  for (const { family, cidr } of networks) {
    const [address = '', prefix = ''] = cidr.split('/');
    list.addSubnet(address, Number(prefix), family === 6 ? 'ipv6' : 'ipv4');
  }
  return list;
}

/** Source (0) or destination (1). */
function addressAt(bytes: Uint8Array, seg: Segment, which: 0 | 1): string {
  const at = seg.ipOff + (seg.family === 6 ? 8 + which * 16 : 12 + which * 4);
  return formatAddressAt(bytes, at, seg.family);
}
