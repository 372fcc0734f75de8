/**
 * How many packets a pcapng file says the capture lost. Statistics blocks count from the start of
 * the capture, packets since the one before: of the two the larger is believed, per interface.
 *
 * Owns the counts of the section that is being read, and the sum of those before.
 */
export class LostPackets {
  private before = 0;
  private readonly stated = new Map<number, number>();
  private readonly added = new Map<number, number>();

  /** Interfaces are numbered afresh. */
  beginSection(): void {
    this.before = this.total();
    this.stated.clear();
    this.added.clear();
  }

  /** Since the start of the capture. */
  state(id: number, packets: number): void {
    this.stated.set(id, Math.max(this.stated.get(id) ?? 0, packets));
  }

  /** Between a packet and the one before it. */
  add(id: number, packets: number): void {
    if (packets > 0) this.added.set(id, (this.added.get(id) ?? 0) + packets);
  }

  total(): number {
    let sum = this.before;
    for (const [id, packets] of this.stated) sum += Math.max(packets, this.added.get(id) ?? 0);
    for (const [id, packets] of this.added) if (!this.stated.has(id)) sum += packets;
    return sum;
  }
}
