/**
 * Which network devices a packet is counted at: a packet passes a VLAN, a bond or a bridge and the
 * device below, and a socket bound to none sees it at each. Reads /sys/class/net. Owns what it has
 * read.
 */
import { readdirSync, readFileSync } from 'node:fs';

const NET = '/sys/class/net';
const ARPHRD_LOOPBACK = 772;

export class Devices {
  /** The device that the first packet left by. */
  private own = 0;
  private readonly known = new Map<number, { readonly isLoopback: boolean; isBelow: boolean }>();

  /** Packets are counted where ours leave, and elsewhere where no device stands above. */
  counts(index: number, isLeaving: boolean): boolean {
    const device = this.known.get(index) ?? this.look(index);
    // On loopback each packet is seen leaving and arriving; tcpdump leaves out the same one.
    if (device.isLoopback) return !isLeaving;
    if (isLeaving && this.own === 0) this.own = index;
    return index === this.own || !device.isBelow;
  }

  private look(index: number): { readonly isLoopback: boolean; isBelow: boolean } {
    const found = { isLoopback: false, isBelow: false };
    for (const name of list(NET)) {
      if (Number(read(`${NET}/${name}/ifindex`)) !== index) continue;
      found.isLoopback = Number(read(`${NET}/${name}/type`)) === ARPHRD_LOOPBACK;
      found.isBelow = list(`${NET}/${name}`).some((entry) => entry.startsWith('upper_'));
    }
    this.known.set(index, found);
    return found;
  }
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
