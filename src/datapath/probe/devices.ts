/**
 * Which network devices a packet is counted at: a packet passes a VLAN, a bond or a bridge and the
 * device below, and a socket bound to none sees it at each. Reads /sys/class/net. Owns what it has
 * read.
 */
import { readdirSync, readFileSync } from 'node:fs';

const NET = '/sys/class/net';
const ARPHRD_LOOPBACK = 772;

interface Device {
  readonly name: string;
  readonly isLoopback: boolean;
  /** Another device stands above it. */
  readonly isBelow: boolean;
}

const UNKNOWN: Device = { name: '', isLoopback: false, isBelow: false };

export class Devices {
  /** The device that the first packet left by. */
  private own = 0;
  private readonly known = new Map<number, Device>();

  /** Its name; empty before. */
  get ownName(): string {
    return this.known.get(this.own)?.name ?? '';
  }

  /** Packets are counted where ours leave, and elsewhere where no device stands above. */
  counts(index: number, isLeaving: boolean): boolean {
    const device = this.known.get(index) ?? this.look(index);
    if (isLeaving && this.own === 0) this.own = index;
    // On loopback each packet is seen leaving and arriving; tcpdump leaves out the same one.
    if (device.isLoopback) return !isLeaving;
    return index === this.own || !device.isBelow;
  }

  private look(index: number): Device {
    const name = list(NET).find((one) => Number(read(`${NET}/${one}/ifindex`)) === index);
    const found = name === undefined ? UNKNOWN : describe(name);
    this.known.set(index, found);
    return found;
  }
}

function describe(name: string): Device {
  return {
    name,
    isLoopback: Number(read(`${NET}/${name}/type`)) === ARPHRD_LOOPBACK,
    isBelow: list(`${NET}/${name}`).some((entry) => entry.startsWith('upper_')),
  };
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
