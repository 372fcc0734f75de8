/**
 * A packet socket (packet(7)) that sees the packets of a few connections as they are on the wire:
 * arriving ones before netfilter, leaving ones behind it. Frames are handed on as Linux cooked v2
 * records of a pcap stream, so that the reader of capture files reads them.
 *
 * Owns the socket and its buffers. Times: microseconds since 1970, stamped by the kernel. Needs
 * CAP_NET_RAW.
 */
import { constants } from 'node:os';
import { arenaWords, fillTcpChecksum } from '../../engine/wire/checksum.ts';
import { parseSegment, WIRE_OK } from '../../engine/wire/parse.ts';
import { Segment } from '../../engine/wire/segment.ts';
import * as c from '../nfqueue/libc.ts';
import { LINKTYPE_LINUX_SLL2 } from '../pcap/link-layer.ts';
import { pcapHeader, pcapRecord } from '../pcap/write-pcap.ts';
import { Devices } from './devices.ts';

const ETH_P_ALL = 0x0003;
const PACKET_STATISTICS = 6;
const PACKET_AUXDATA = 8;
const PACKET_OTHERHOST = 3;
const PACKET_OUTGOING = 4;
const TP_STATUS_CSUMNOTREADY = 1 << 3;
const BUFFER_BYTES = 4 << 20;

const BATCH_COUNT = 16;
/** Whoever floods us must not keep us from looking at anything else. */
const BATCHES_AT_ONCE = 64;
const SLOT_BYTES = 65_536 + 64;
const NAME_BYTES = 32;
const CONTROL_BYTES = 128;
/** struct mmsghdr on 64 bits: msghdr 56, msg_len 4, padding 4. */
const HEADER_BYTES = 64;
const CMSG_HEADER_BYTES = 16;
const COOKED_BYTES = 20;

/** A packet from its IP header on, and as a record of the pcap stream. Whoever keeps it may. */
export interface Caught {
  readonly bytes: Uint8Array;
  readonly record: Uint8Array;
}

export class PacketSocket {
  /** What came before the first call of `drain`. */
  readonly start: Uint8Array = pcapHeader(LINKTYPE_LINUX_SLL2);
  /** Packets that the kernel had no room for. */
  lost = 0;
  private readonly libc: c.Libc;
  private readonly fd: number;
  private readonly devices = new Devices();
  private readonly headers: bigint;
  private readonly memory: Uint8Array;
  private readonly view: DataView;
  private readonly packetsAt: number;
  private readonly scratch = new Uint8Array(SLOT_BYTES);
  private readonly words = arenaWords(this.scratch);
  private readonly seg = new Segment();

  /** `filter`: a program of packet-filter.ts. */
  constructor(filter: Uint8Array) {
    this.libc = c.loadLibc();
    this.packetsAt = BATCH_COUNT * (HEADER_BYTES + NAME_BYTES + CONTROL_BYTES + 16);
    const pages = this.libc.pages(this.packetsAt + BATCH_COUNT * SLOT_BYTES);
    this.memory = new Uint8Array(pages.buffer);
    this.view = new DataView(pages.buffer);
    this.headers = pages.address;
    this.layOut(pages.address);
    this.fd = this.open(filter);
  }

  /** What has come, as records behind `start`; `watch` sees each packet by itself. */
  drain(watch?: (packet: Caught) => void): Uint8Array {
    const records: Uint8Array[] = [];
    for (let batches = 0; batches < BATCHES_AT_ONCE; batches++) {
      for (let slot = 0; slot < BATCH_COUNT; slot++) this.rewind(slot);
      const flags = c.MSG_DONTWAIT;
      const count = this.libc.recvmmsg(this.fd, this.headers, BATCH_COUNT, flags, null);
      if (count < 0) {
        const errno = this.libc.errno();
        if (errno === constants.errno.EINTR) continue;
        // A device that goes down is told once, and takes nothing from the others.
        if (errno === constants.errno.ENETDOWN) continue;
        if (errno === constants.errno.EAGAIN) break;
        throw new c.SystemError('recvmmsg', errno);
      }
      for (let slot = 0; slot < count; slot++) {
        const record = this.record(slot, watch);
        if (record !== undefined) records.push(record);
      }
      if (count < BATCH_COUNT) break;
    }
    return Buffer.concat(records);
  }

  /** The device that the first packet left by; empty before. */
  get deviceName(): string {
    return this.devices.ownName;
  }

  close(): void {
    const counts = new Uint32Array(2);
    const bytes = new Uint8Array(counts.buffer);
    const { libc, fd } = this;
    if (libc.getsockopt(fd, c.SOL_PACKET, PACKET_STATISTICS, bytes, c.int32Bytes(8)) === 0) {
      this.lost += counts[1] ?? 0;
    }
    libc.close(fd);
  }

  /** Nothing arrives before the filter is there: the socket is bound to no protocol until then. */
  private open(filter: Uint8Array): number {
    const { libc } = this;
    const fd = libc.socket(c.AF_PACKET, c.SOCK_DGRAM | c.SOCK_CLOEXEC, 0);
    if (fd < 0) throw new c.SystemError('socket(AF_PACKET)', libc.errno());
    try {
      this.attach(fd, filter);
      set(libc, fd, c.SOL_SOCKET, c.SO_TIMESTAMPNS, 1);
      set(libc, fd, c.SOL_PACKET, PACKET_AUXDATA, 1);
      libc.setsockopt(fd, c.SOL_SOCKET, c.SO_RCVBUFFORCE, c.int32Bytes(BUFFER_BYTES), 4);
      const address = new Uint8Array(20);
      const view = new DataView(address.buffer);
      view.setUint16(0, c.AF_PACKET, true);
      view.setUint16(2, ETH_P_ALL, false);
      if (libc.bind(fd, address, address.length) !== 0) {
        throw new c.SystemError('bind(AF_PACKET)', libc.errno());
      }
    } catch (error) {
      libc.close(fd);
      throw error;
    }
    return fd;
  }

  /** struct sock_fprog: a count, padding, a pointer. */
  private attach(fd: number, program: Uint8Array): void {
    const { libc } = this;
    const place = libc.pages(program.length);
    new Uint8Array(place.buffer).set(program);
    const described = new Uint8Array(16);
    const view = new DataView(described.buffer);
    view.setUint16(0, program.length / 8, true);
    view.setBigUint64(8, place.address, true);
    if (libc.setsockopt(fd, c.SOL_SOCKET, c.SO_ATTACH_FILTER, described, 16) !== 0) {
      throw new c.SystemError('setsockopt(SO_ATTACH_FILTER)', libc.errno());
    }
  }

  private nameAt(slot: number): number {
    return BATCH_COUNT * HEADER_BYTES + slot * NAME_BYTES;
  }

  private vectorAt(slot: number): number {
    return BATCH_COUNT * (HEADER_BYTES + NAME_BYTES) + slot * 16;
  }

  private controlAt(slot: number): number {
    return BATCH_COUNT * (HEADER_BYTES + NAME_BYTES + 16) + slot * CONTROL_BYTES;
  }

  private packetAt(slot: number): number {
    return this.packetsAt + slot * SLOT_BYTES;
  }

  private layOut(address: bigint): void {
    const put = (at: number, to: number) => this.view.setBigUint64(at, address + BigInt(to), true);
    for (let slot = 0; slot < BATCH_COUNT; slot++) {
      const at = slot * HEADER_BYTES;
      put(at, this.nameAt(slot));
      put(at + 16, this.vectorAt(slot));
      this.view.setBigUint64(at + 24, 1n, true);
      put(at + 32, this.controlAt(slot));
      put(this.vectorAt(slot), this.packetAt(slot));
      this.view.setBigUint64(this.vectorAt(slot) + 8, BigInt(SLOT_BYTES), true);
    }
  }

  /** The kernel writes lengths where it read room. */
  private rewind(slot: number): void {
    const at = slot * HEADER_BYTES;
    this.view.setUint32(at + 8, NAME_BYTES, true);
    this.view.setBigUint64(at + 40, BigInt(CONTROL_BYTES), true);
    this.view.setUint32(at + 48, 0, true);
  }

  private record(slot: number, watch?: (packet: Caught) => void): Uint8Array | undefined {
    const name = this.nameAt(slot);
    const type = this.memory[name + 10] ?? 0;
    const device = this.view.getUint32(name + 4, true);
    if (type === PACKET_OTHERHOST) return undefined;
    if (!this.devices.counts(device, type === PACKET_OUTGOING)) return undefined;
    const len = this.view.getUint32(slot * HEADER_BYTES + 56, true);
    const { timeUs, status } = this.told(slot);
    const frame = new Uint8Array(COOKED_BYTES + len);
    this.cook(frame, name);
    const at = this.packetAt(slot);
    const packet = this.memory.subarray(at, at + len);
    const filled = (status & TP_STATUS_CSUMNOTREADY) === 0 ? packet : this.fill(packet);
    frame.set(filled, COOKED_BYTES);
    const record = pcapRecord({ timeUs, bytes: frame, off: 0, len: frame.length });
    watch?.({ bytes: frame.subarray(COOKED_BYTES), record });
    return record;
  }

  /** LINKTYPE_LINUX_SLL2: struct sockaddr_ll in another order. */
  private cook(frame: Uint8Array, name: number): void {
    const { memory } = this;
    frame.set(memory.subarray(name + 2, name + 4), 0); // protocol, big-endian in both
    const to = new DataView(frame.buffer);
    to.setUint32(4, this.view.getUint32(name + 4, true), false);
    to.setUint16(8, this.view.getUint16(name + 8, true), false);
    frame.set(memory.subarray(name + 10, name + 20), 10);
  }

  /** An offload or the other end of a virtual cable fills it later, or never needs to. */
  private fill(packet: Uint8Array): Uint8Array {
    const { scratch, words, seg } = this;
    scratch.set(packet);
    if (parseSegment(scratch, 0, packet.length, seg) !== WIRE_OK) return packet;
    fillTcpChecksum(scratch, words, seg);
    return scratch.subarray(0, packet.length);
  }

  /** What the control messages say: struct timespec, struct tpacket_auxdata. */
  private told(slot: number): { timeUs: number; status: number } {
    const { view } = this;
    let timeUs = Date.now() * 1000;
    let status = 0;
    let at = this.controlAt(slot);
    const end = at + Number(view.getBigUint64(slot * HEADER_BYTES + 40, true));
    while (at + CMSG_HEADER_BYTES <= end) {
      const bytes = Number(view.getBigUint64(at, true));
      if (bytes < CMSG_HEADER_BYTES) break;
      const level = view.getInt32(at + 8, true);
      const type = view.getInt32(at + 12, true);
      const data = at + CMSG_HEADER_BYTES;
      if (level === c.SOL_SOCKET && type === c.SO_TIMESTAMPNS) {
        const seconds = Number(view.getBigInt64(data, true));
        timeUs = seconds * 1e6 + Number(view.getBigInt64(data + 8, true)) / 1000;
      } else if (level === c.SOL_PACKET && type === PACKET_AUXDATA) {
        status = view.getUint32(data, true);
      }
      at += (bytes + 7) & ~7;
    }
    return { timeUs, status };
  }
}

function set(libc: c.Libc, fd: number, level: number, name: number, value: number): void {
  if (libc.setsockopt(fd, level, name, c.int32Bytes(value), 4) !== 0) {
    throw new c.SystemError(`setsockopt(${name})`, libc.errno());
  }
}
