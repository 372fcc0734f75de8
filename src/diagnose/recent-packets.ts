/**
 * The last few packets of a flow, which are worth keeping only when a reset follows them. Owns
 * their records, filled again in turn: most packets of a long connection pass through here.
 */
import type { Seen } from './flow.ts';
import { copySeen, type PacketCopy } from './packet-copy.ts';

export class RecentPackets {
  private readonly records: (PacketCopy | undefined)[];
  private readonly sizeMax: number;
  private next = 0;
  private size = 0;

  constructor(sizeMax: number) {
    this.sizeMax = sizeMax;
    this.records = [];
  }

  /** `copy` is the packet's where somebody else keeps it already. */
  add(seen: Seen, copy: PacketCopy | undefined): void {
    const slot = this.next;
    const record = this.records[slot];
    if (copy !== undefined) {
      copy.isShared = true;
      this.records[slot] = copy;
    } else if (record === undefined || record.isShared) this.records[slot] = copySeen(seen);
    else {
      record.set(seen);
      record.dir = seen.dir;
    }
    this.next = slot + 1 === this.sizeMax ? 0 : slot + 1;
    if (this.size < this.sizeMax) this.size += 1;
  }

  /** The oldest first; they are the taker's from now on. */
  take(): PacketCopy[] {
    const taken: PacketCopy[] = [];
    for (let count = this.size; count > 0; count--) {
      const record = this.records[(this.next - count + this.sizeMax) % this.sizeMax];
      if (record !== undefined) taken.push(record);
    }
    this.clear();
    this.records.length = 0;
    return taken;
  }

  clear(): void {
    this.next = 0;
    this.size = 0;
  }
}
