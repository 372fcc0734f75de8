/**
 * The far end of a probe: tells each client the headers of its own connection as they arrived here
 * and left here. Owns the listening socket, the packet socket, and what is kept of each connection;
 * all of it is bounded, and nothing is sent but answers. Times: ms.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { OperatorError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE } from '../config/exit-codes.ts';
import { portFilter } from '../datapath/probe/packet-filter.ts';
import { type Caught, PacketSocket } from '../datapath/probe/packet-socket.ts';
import {
  ASK_HEADERS,
  LINE_OCTETS_MAX,
  PACKET_BYTES_MAX,
  PACKETS_MAX,
  REFLECT_GREETING,
  reflectionLine,
} from './reflection.ts';
import { SeenPacket } from './seen-packet.ts';

const CONNECTION_COUNT_MAX = 64;
/** Ports whose connection never came to be, SYN floods among them. */
const REMEMBERED_COUNT_MAX = 1024;
const LOOK_MS = 20;
/** The packet of the question itself has been taken from the kernel by then. */
const ANSWER_MS = 50;

export class Reflector {
  private readonly port: number;
  private readonly server: Server;
  private readonly packets: PacketSocket;
  private readonly packet = new SeenPacket();
  /** Records by the far end's port and address octets, the oldest first. */
  private readonly kept = new Map<string, Uint8Array[]>();
  private readonly sockets = new Set<Socket>();
  private readonly timer: NodeJS.Timeout;

  static async open(address: string, port: number): Promise<Reflector> {
    const reflector = new Reflector(port);
    try {
      await new Promise<void>((resolve, reject) => {
        reflector.server.once('error', reject);
        reflector.server.listen({ host: address, port }, resolve);
      });
    } catch (error) {
      reflector.close();
      const { code } = error as NodeJS.ErrnoException;
      throw new OperatorError(
        `Cannot listen on ${address} port ${port}: ${code}. See --address and --port`,
        EXIT_IMPOSSIBLE,
      );
    }
    return reflector;
  }

  private constructor(port: number) {
    this.port = port;
    this.packets = new PacketSocket(portFilter(port));
    this.server = createServer((socket) => this.serve(socket));
    this.server.maxConnections = CONNECTION_COUNT_MAX;
    this.timer = setInterval(() => this.look(), LOOK_MS);
  }

  close(): void {
    clearInterval(this.timer);
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
    this.packets.close();
  }

  private look(): void {
    this.packets.drain((caught) => this.keep(caught));
  }

  private keep(caught: Caught): void {
    if (caught.bytes.length > PACKET_BYTES_MAX || !this.packet.read(caught)) return;
    const key = this.packet.farEnd(this.port);
    const records = this.kept.get(key) ?? [];
    // A port that is used again begins anew.
    if (this.packet.isSyn) records.length = 0;
    if (records.length < PACKETS_MAX) records.push(caught.record);
    this.kept.delete(key);
    this.kept.set(key, records);
    if (this.kept.size > REMEMBERED_COUNT_MAX) this.forgetOldest();
  }

  private forgetOldest(): void {
    const [oldest] = this.kept.keys();
    if (oldest !== undefined) this.kept.delete(oldest);
  }

  private serve(socket: Socket): void {
    const key = `${plainAddress(socket.remoteAddress ?? '')} ${socket.remotePort}`;
    let line = '';
    let isAnswered = false;
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    socket.write(`${REFLECT_GREETING}\r\n`);
    socket.on('data', (chunk) => {
      line += chunk.toString('latin1');
      const lines = line.split('\n');
      line = lines.pop() ?? '';
      // Once: whoever asks and does not read would fill our memory.
      if (!isAnswered && lines.some((one) => one.trim() === ASK_HEADERS)) {
        isAnswered = true;
        this.answer(socket, key);
      }
      if (line.length > LINE_OCTETS_MAX) socket.destroy();
    });
  }

  private answer(socket: Socket, key: string): void {
    setTimeout(() => {
      this.look();
      const records = this.kept.get(key) ?? [];
      const capture = Buffer.concat([this.packets.start, ...records]);
      if (!socket.destroyed) socket.write(reflectionLine(capture, this.packets.lost));
    }, ANSWER_MS);
  }
}

/** An IPv4 address on a socket of both families is written as one of IPv6. */
function plainAddress(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/, '');
}
