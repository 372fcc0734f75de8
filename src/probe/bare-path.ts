/**
 * What stands for the time of a probe, and is gone behind it: reserved ports, the socket that sees
 * their packets, rules that keep them from a shim beside it. Owns their order.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { MARK_INJECT } from '../config/config.ts';
import { OperatorError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE } from '../config/exit-codes.ts';
import { BareRule } from '../datapath/probe/bare-rule.ts';
import { ReservedPorts } from '../datapath/probe/reserved-ports.ts';
import { localAddress, TcpSocket } from '../datapath/probe/tcp-socket.ts';
import type { ShimBeside } from './shim-beside.ts';
import type { Target } from './target.ts';
import { Watch } from './watch.ts';

const LOOK_MS = 20;

export class BarePath {
  readonly target: Target;
  readonly watch: Watch;
  /** The address that we connect from. */
  readonly local: string;
  private readonly signal: AbortSignal;
  private readonly ports: ReservedPorts;
  private readonly rule: BareRule | undefined;

  /** `portCount`: connections on it, at most. */
  static open(
    target: Target,
    shim: ShimBeside | undefined,
    portCount: number,
    signal: AbortSignal,
  ): BarePath {
    const { family, address, port, name } = target;
    const local = localAddress(family, address, port, MARK_INJECT);
    if (local === undefined) {
      const why = `there is no route to ${address}`;
      throw new OperatorError(`Cannot probe ${name}: ${why}`, EXIT_IMPOSSIBLE);
    }
    const ports = ReservedPorts.take(portCount, { family, address: local, mark: MARK_INJECT });
    if (ports === undefined) {
      const why = `no ${portCount} local ports in a row are free, try again`;
      throw new OperatorError(`Cannot probe ${name}: ${why}`, EXIT_IMPOSSIBLE);
    }
    try {
      return new BarePath(target, shim, local, ports, signal);
    } catch (error) {
      ports.release();
      throw error;
    }
  }

  private constructor(
    target: Target,
    shim: ShimBeside | undefined,
    local: string,
    ports: ReservedPorts,
    signal: AbortSignal,
  ) {
    const { family, address, port } = target;
    const range = { nearPortFirst: ports.first, nearPortLast: ports.last };
    const watched = { family, farAddr: address, farPort: port, ...range };
    this.target = target;
    this.local = local;
    this.ports = ports;
    this.signal = signal;
    this.watch = new Watch(watched);
    try {
      const program = shim?.rules;
      this.rule = program === undefined ? undefined : BareRule.open(program, watched, MARK_INJECT);
    } catch (error) {
      this.watch.close();
      throw error;
    }
  }

  /** For one more connection; whoever takes it closes it. */
  next(): TcpSocket {
    return this.ports.next();
  }

  /** From the port of a connection that is over. Undefined: the kernel does not give it again. */
  again(port: number): TcpSocket | undefined {
    const { family } = this.target;
    return TcpSocket.bind({ family, address: this.local, port, mark: MARK_INJECT, again: true });
  }

  /** As every program has it: not on the bare path where a shim runs. */
  unmarked(): TcpSocket {
    const { family, name } = this.target;
    const socket = TcpSocket.bind({ family, address: this.local, port: 0, mark: 0 });
    if (socket !== undefined) return socket;
    throw new OperatorError(`Cannot probe ${name}: no local port is free`, EXIT_IMPOSSIBLE);
  }

  /** Waits, and takes packets meanwhile; `done` ends it early, and so does Ctrl-C. */
  async rest(ms: number, done: () => boolean = () => false): Promise<void> {
    const endMs = performance.now() + ms;
    for (;;) {
      this.watch.look();
      const leftMs = endMs - performance.now();
      if (leftMs <= 0 || this.signal.aborted || done()) return;
      await pause(Math.min(LOOK_MS, Math.max(1, leftMs)));
    }
  }

  async close(): Promise<void> {
    this.watch.close();
    await this.rule?.close();
    this.ports.release();
  }
}
