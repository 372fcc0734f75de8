/**
 * The packets of one flow that are worth looking at again, in their order: the first ones as rows
 * (packet-rows.ts), the others, and whatever does not fit in a row, as records.
 *
 * Owns which is which, and the list that was made of them for whoever looks.
 */
import { RST } from '../engine/wire/segment.ts';
import type { Seen } from './flow.ts';
import type { PacketCopy } from './packet-copy.ts';
import { hasFlags } from './packet-record.ts';
import { BLOCK_ROWS, type EndPoints, type PacketRows } from './packet-rows.ts';

const NO_BLOCK = -1;
const NONE: readonly Seen[] = [];

export class KeptPackets {
  count = 0;
  /** Such a one is among them. */
  hasReset = false;
  hasBadChecksum = false;
  private readonly rows: PacketRows;
  private readonly ends: EndPoints;
  private block = NO_BLOCK;
  /** A bit for each of the first ones: it is a row. */
  private inRows = 0;
  private records: PacketCopy[] | undefined;
  private listed: readonly Seen[] | undefined;

  constructor(rows: PacketRows, ends: EndPoints) {
    this.rows = rows;
    this.ends = ends;
  }

  /** Borrows the packet; false: it does not fit, and is to be given as a record. */
  addRow(seen: Seen): boolean {
    if (this.count >= BLOCK_ROWS) return false;
    if (this.block === NO_BLOCK) this.block = this.rows.take();
    if (!this.rows.write(this.block, this.count, seen, this.ends)) return false;
    this.inRows |= 1 << this.count;
    this.note(seen);
    return true;
  }

  addRecord(record: PacketCopy): void {
    if (this.records === undefined) this.records = [record];
    else this.records.push(record);
    this.note(record);
  }

  private note(seen: Seen): void {
    this.count += 1;
    this.listed = undefined;
    if (hasFlags(seen, RST)) this.hasReset = true;
    if (seen.checksum === 'bad') this.hasBadChecksum = true;
  }

  /** All of them; the same list until there are more, or it is dropped. */
  list(): readonly Seen[] {
    this.listed ??= this.count === 0 ? NONE : this.read();
    return this.listed;
  }

  /** Nobody looks for now: what was made to be looked at is made anew when somebody does. */
  dropList(): void {
    this.listed = undefined;
  }

  /** None is kept any more. */
  release(): void {
    if (this.block !== NO_BLOCK) this.rows.release(this.block);
    this.block = NO_BLOCK;
    this.count = 0;
    this.inRows = 0;
    this.records = undefined;
    this.listed = undefined;
  }

  private read(): readonly Seen[] {
    const list: Seen[] = [];
    let next = 0;
    for (let index = 0; index < this.count; index++) {
      const isRow = index < BLOCK_ROWS && (this.inRows & (1 << index)) !== 0;
      const packet = isRow ? this.rows.read(this.block, index, this.ends) : this.records?.[next++];
      if (packet !== undefined) list.push(packet);
    }
    return list;
  }
}
