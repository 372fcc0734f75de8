/**
 * What one side of a connection sent, as numbers for its plot. Owns fixed columns that double until
 * they are full; then neighbours are merged two and two, so that a stroke from the lowest to the
 * highest octet stays true however long the connection is. Microseconds, octets.
 */

export const POINT_COUNT_MAX = 8192;
const POINT_COUNT_FIRST = 8;

/** Bits of `kind`. */
export const AGAIN = 1; // below what was sent already: again, or out of order
export const ZERO_WINDOW = 2;

export interface Point {
  frame: number;
  timeUs: number;
  /** First octet, and the one behind the last; NaN without sequence space. */
  lo: number;
  hi: number;
  /** In the other side's numbers; NaN without ACK, `edge` without a known window scale. */
  ack: number;
  edge: number;
  flags: number;
  kind: number;
  packets: number;
}

const COLUMNS = [
  'frame',
  'timeUs',
  'lo',
  'hi',
  'ack',
  'edge',
  'flags',
  'kind',
  'packets',
] as const satisfies readonly (keyof Point)[];
const WIDTH = COLUMNS.length;

const FLAGS = 6;
const KIND = 7;

/** What all lanes of an input may hold together. */
export interface PointBudget {
  pointsLeft: number;
}

export class PlotLane {
  count = 0;
  /** Packets behind the points. */
  packets = 0;
  private rows = new Float64Array(POINT_COUNT_FIRST * WIDTH);
  private readonly budget: PointBudget;

  constructor(budget: PointBudget) {
    this.budget = budget;
  }

  add(point: Readonly<Point>): void {
    if (this.count * WIDTH === this.rows.length && !this.grow()) this.thin();
    const at = this.count * WIDTH;
    for (let column = 0; column < WIDTH; column++) {
      this.rows[at + column] = point[COLUMNS[column] ?? 'frame'];
    }
    this.count += 1;
    this.packets += point.packets;
  }

  /** In the order of the input. */
  *points(): Generator<Point> {
    for (let index = 0; index < this.count; index++) {
      const [frame = 0, timeUs = 0, lo = 0, hi = 0, ack = 0, edge = 0, flags = 0, kind = 0, n = 0] =
        this.rows.subarray(index * WIDTH, (index + 1) * WIDTH);
      yield { frame, timeUs, lo, hi, ack, edge, flags, kind, packets: n };
    }
  }

  /** Its points are free for others; nothing is added any more. */
  release(): void {
    this.budget.pointsLeft += this.rows.length / WIDTH - POINT_COUNT_FIRST;
  }

  private grow(): boolean {
    const points = this.rows.length / WIDTH;
    if (points >= POINT_COUNT_MAX || this.budget.pointsLeft < points) return false;
    this.budget.pointsLeft -= points;
    const larger = new Float64Array(this.rows.length * 2);
    larger.set(this.rows);
    this.rows = larger;
    return true;
  }

  /** Plain ones first; where nearly all are special, those too: the story keeps its own packets. */
  private thin(): void {
    const limit = (this.rows.length / WIDTH) * 0.75;
    this.mergePairs(false);
    if (this.count > limit) this.mergePairs(true);
  }

  private mergePairs(alsoSpecial: boolean): void {
    let kept = 0;
    for (let index = 0; index < this.count; index++) {
      const pair = index + 1 < this.count && (alsoSpecial || this.isPlainPair(index));
      this.rows.copyWithin(kept * WIDTH, index * WIDTH, (index + 1) * WIDTH);
      if (pair) {
        this.absorb(kept, index + 1);
        index += 1;
      }
      kept += 1;
    }
    this.count = kept;
  }

  private isPlainPair(index: number): boolean {
    const one = index * WIDTH;
    const two = one + WIDTH;
    const { rows } = this;
    const isControl = ((rows[one + FLAGS] ?? 0) | (rows[two + FLAGS] ?? 0)) !== 0;
    const isEmpty = (((rows[one + KIND] ?? 0) | (rows[two + KIND] ?? 0)) & ZERO_WINDOW) !== 0;
    return !isControl && !isEmpty && rows[one + KIND] === rows[two + KIND];
  }

  /** The second into the first: its own frame and time, the span of both, the newer ACK. */
  private absorb(first: number, second: number): void {
    const { rows } = this;
    const one = first * WIDTH;
    const two = second * WIDTH;
    rows[one + 2] = lower(rows[one + 2], rows[two + 2]);
    rows[one + 3] = -lower(-(rows[one + 3] ?? Number.NaN), -(rows[two + 3] ?? Number.NaN));
    for (const column of [4, 5]) {
      const newer = rows[two + column] ?? Number.NaN;
      if (!Number.isNaN(newer)) rows[one + column] = newer;
    }
    for (const column of [FLAGS, KIND]) {
      rows[one + column] = (rows[one + column] ?? 0) | (rows[two + column] ?? 0);
    }
    rows[one + 8] = (rows[one + 8] ?? 0) + (rows[two + 8] ?? 0);
  }
}

/** Of two numbers of which either may be NaN. */
function lower(a = Number.NaN, b = Number.NaN): number {
  if (Number.isNaN(a)) return b;
  return Number.isNaN(b) ? a : Math.min(a, b);
}
