/**
 * Rows in the order in which they were given out: which connection has waited longest for its
 * handshake. Under a flood the oldest gives way, so that each new one keeps its row for as long as
 * the table is large (65,536 rows at 50,000 SYNs a second: 1.3 s), and not for a random time.
 *
 * Owns the ring, which is rebuilt by use: it is no part of the mapped memory. What is overwritten
 * in it is merely no candidate any more.
 */
const HEAD = 0;
const COUNT = 1;

export class Embryos {
  private readonly flows: Int32Array;
  private readonly generations: Int32Array;
  private readonly control = new Int32Array(2);

  constructor(flowCountMax: number) {
    this.flows = new Int32Array(flowCountMax);
    this.generations = new Int32Array(flowCountMax);
  }

  push(flow: number, generation: number): void {
    const control = this.control;
    const capacity = this.flows.length;
    let at = control[HEAD]! + control[COUNT]!;
    if (at >= capacity) at -= capacity;
    this.flows[at] = flow;
    this.generations[at] = generation;
    if (control[COUNT]! < capacity) control[COUNT] = control[COUNT]! + 1;
    else this.advance();
  }

  /** The row that was given out longest ago, or -1. */
  oldest(): number {
    return this.control[COUNT] === 0 ? -1 : this.flows[this.control[HEAD]!]!;
  }

  oldestGeneration(): number {
    return this.generations[this.control[HEAD]!]!;
  }

  /** Forgets the oldest. */
  drop(): void {
    this.control[COUNT] = this.control[COUNT]! - 1;
    this.advance();
  }

  private advance(): void {
    const head = this.control[HEAD]! + 1;
    this.control[HEAD] = head === this.flows.length ? 0 : head;
  }
}
