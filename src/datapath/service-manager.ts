/**
 * Tells the service manager that packets flow, that they still do, and that the end has begun
 * (sd_notify(3)): datagrams to a Unix socket, which Node has no API for.
 *
 * Owns that socket and the timer that feeds the watchdog, both until the process ends. It is fed
 * only while every packet thread turns: a process whose main thread alone is alive has to be killed
 * too. Times: ms.
 */
import { type ServiceEnvironment, serviceEnvironment } from '../config/service-environment.ts';
import * as c from './nfqueue/libc.ts';

/** An idle packet loop turns ten times a second. */
const HEARTBEAT_MS_MAX = 2000;
/** Of what the watchdog waits for: one datagram that is lost, or late, does no harm. */
const FEEDS = 4;
const STATUS_CHARACTERS_MAX = 200;

export class ServiceManager {
  private readonly watchdogMs: number;
  private readonly libc: c.Libc | undefined;
  private readonly address: Uint8Array;
  private readonly fd: number;

  constructor({ notifySocket, watchdogMs }: ServiceEnvironment = serviceEnvironment()) {
    this.watchdogMs = watchdogMs;
    this.address = unixAddress(notifySocket);
    this.libc = notifySocket === '' ? undefined : c.loadLibc();
    this.fd = this.libc?.socket(c.AF_UNIX, c.SOCK_DGRAM | c.SOCK_CLOEXEC, 0) ?? -1;
  }

  /** @param heartbeatMs how long ago the slowest packet thread has turned. */
  ready(targets: readonly string[], heartbeatMs: () => number): void {
    const names = targets.join(', ').slice(0, STATUS_CHARACTERS_MAX);
    this.tell(`READY=1\nSTATUS=looking after connections to ${names}`, 0);
    if (this.watchdogMs === 0) return;
    const feed = () => {
      if (heartbeatMs() <= HEARTBEAT_MS_MAX) this.tell('WATCHDOG=1', c.MSG_DONTWAIT);
    };
    setInterval(feed, this.watchdogMs / FEEDS).unref();
  }

  /** The watchdog goes on: who hangs at the end is killed as well. */
  stopping(): void {
    this.tell('STOPPING=1', 0);
  }

  /** One that does not arrive is the manager's loss: it will say so itself. */
  private tell(text: string, flags: number): void {
    if (this.fd < 0) return;
    const bytes = new TextEncoder().encode(text);
    const { address } = this;
    this.libc?.sendto(
      this.fd,
      bytes,
      bytes.length,
      flags | c.MSG_NOSIGNAL,
      address,
      address.length,
    );
  }
}

/** sockaddr_un (unix(7)): an abstract name begins with an octet 0, and is no longer than it is. */
function unixAddress(name: string): Uint8Array {
  const path = new TextEncoder().encode(name.startsWith('@') ? `\0${name.slice(1)}` : `${name}\0`);
  const address = new Uint8Array(2 + path.length);
  address[0] = c.AF_UNIX;
  address.set(path, 2);
  return address;
}
