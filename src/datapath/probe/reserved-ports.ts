/**
 * Neighbouring local ports, taken before anything is sent: a filter and a rule can name them as one
 * range, and no connection of anybody else has one of them meanwhile. Owns the sockets that hold
 * them, each of which becomes one connection. Reads ip_local_port_range.
 */
import { readFileSync } from 'node:fs';
import { type Bound, TcpSocket } from './tcp-socket.ts';

const RANGE = '/proc/sys/net/ipv4/ip_local_port_range';
const RANGE_DEFAULT = [32_768, 60_999] as const;
const TRIES_MAX = 64;

export class ReservedPorts {
  readonly first: number;
  readonly last: number;
  private readonly held: TcpSocket[];

  /** Undefined: no `count` free ports stand side by side. `draw` is in [0, 1). */
  static take(
    count: number,
    bound: Omit<Bound, 'port'>,
    draw: () => number = Math.random,
  ): ReservedPorts | undefined {
    const [low, high] = portRange();
    const room = high - low + 1 - count;
    if (room < 0) return undefined;
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const held = hold(low + Math.floor(draw() * (room + 1)), count, bound);
      if (held !== undefined) return new ReservedPorts(held);
    }
    return undefined;
  }

  private constructor(held: TcpSocket[]) {
    this.held = held;
    this.first = held[0]?.port ?? 0;
    this.last = held.at(-1)?.port ?? 0;
  }

  /** Whoever takes it closes it. */
  next(): TcpSocket {
    const socket = this.held.shift();
    if (socket === undefined) throw new Error('more connections than ports were reserved');
    return socket;
  }

  get left(): number {
    return this.held.length;
  }

  release(): void {
    for (const socket of this.held.splice(0)) socket.close();
  }
}

function hold(first: number, count: number, bound: Omit<Bound, 'port'>): TcpSocket[] | undefined {
  const held: TcpSocket[] = [];
  for (let port = first; port < first + count; port++) {
    const socket = TcpSocket.bind({ ...bound, port });
    if (socket === undefined) {
      for (const one of held) one.close();
      return undefined;
    }
    held.push(socket);
  }
  return held;
}

function portRange(): readonly [number, number] {
  try {
    const [low, high] = readFileSync(RANGE, 'utf8').trim().split(/\s+/).map(Number);
    return low !== undefined && high !== undefined ? [low, high] : RANGE_DEFAULT;
  } catch {
    return RANGE_DEFAULT;
  }
}
