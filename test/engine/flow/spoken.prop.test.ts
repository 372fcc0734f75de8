/**
 * What the near end has said, against a list of everything it said: whatever the table claims of
 * an echoed TSval is what the list shows. Numbers and TSvals begin near their wraps.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { ACK_COUNT, Spoken } from '../../../src/engine/flow/spoken.ts';
import { seqLeq, seqLt } from '../../../src/engine/wire/seq.ts';
import { SEED } from '../../helpers/seed.ts';

const FLOW = 5;
const GENERATION = 3;
const FIRST = 0x7fffffff - 300;
const TS = -40;

interface Segment {
  readonly tsVal: number;
  readonly end: number;
  readonly whole: boolean;
}

interface InUse {
  readonly ack: number;
  readonly first: number;
  last: number;
  readonly ms: number;
}

/** All that was ever said. */
class Listener {
  private readonly segments: Segment[] = [];
  private readonly acks: InUse[] = [];
  private flightTs: number | undefined;
  private nxt = FIRST;

  note(ack: number, una: number, segment: Segment, ms: number): void {
    const { tsVal, end } = segment;
    // What it said before, in the same tick, nobody has heard.
    if (this.segments.length === 0) this.segments.push({ tsVal, end: this.nxt - 1, whole: true });
    if (seqLt(this.nxt, end) && una === this.nxt) this.flightTs = tsVal;
    if (seqLt(this.nxt, end)) this.nxt = end;
    this.segments.push(segment);
    const newest = this.acks.at(-1);
    if (newest === undefined || seqLt(newest.ack, ack)) {
      this.acks.push({ ack, first: tsVal, last: tsVal, ms });
    } else if (newest.ack === ack && seqLt(newest.last, tsVal)) newest.last = tsVal;
  }

  newestAck(): InUse | undefined {
    return this.acks.at(-1);
  }

  /** The one that was in use at this TSval, if there is one that can be told. */
  ackInUse(tsVal: number): InUse | undefined {
    const fits = ({ first, last }: InUse) => seqLeq(first, tsVal) && seqLeq(tsVal, last);
    const kept = this.acks.slice(-ACK_COUNT).filter(fits);
    const [one, another] = kept;
    if (one === undefined || another !== undefined) return undefined;
    // Of those that are too long ago the last may have been in use in the same tick.
    const isOldest = this.acks.length > ACK_COUNT && one === this.acks.at(-ACK_COUNT);
    return isOldest && tsVal === one.first ? undefined : one;
  }

  provesNothingNew(tsEcr: number): boolean {
    return this.flightTs !== undefined && seqLt(tsEcr, this.flightTs);
  }

  /** All that ends below SND.NXT, and the parts of what travelled in several packets, are older. */
  provesAll(tsEcr: number): boolean {
    if (this.flightTs === undefined) return false;
    return this.segments.every(
      ({ tsVal, end, whole }) => (end === this.nxt && whole) || seqLt(tsVal, tsEcr),
    );
  }
}

const said = fc.record({
  ackBy: fc.constantFrom(0, 0, 1, 700, -300),
  tickBy: fc.constantFrom(0, 0, 1, 5),
  octets: fc.constantFrom(0, 1, 100, 3000),
  again: fc.boolean(),
  acknowledged: fc.boolean(),
});

it('tells what a list of everything tells', () => {
  fc.assert(
    fc.property(fc.array(said, { maxLength: 60 }), (words) => {
      const spoken = new Spoken(new ArrayBuffer(Spoken.BYTES));
      const all = new Listener();
      let [una, nxt, ack, ms] = [FIRST, FIRST, FIRST, 100];
      let tsVal = TS;
      for (const { ackBy, tickBy, octets, again, acknowledged } of words) {
        ack = (ack + Math.max(ackBy, 0)) | 0;
        tsVal = (tsVal + tickBy) | 0;
        ms += 7;
        const end = again ? nxt : (nxt + octets) | 0;
        const whole = octets < 1500;
        const older = ackBy < 0 ? (ack + ackBy) | 0 : ack;
        spoken.note(FLOW, GENERATION, older, tsVal, una, nxt, end, whole, ms);
        all.note(older, una, { tsVal, end, whole }, ms);
        nxt = end;
        if (acknowledged) una = nxt;
        for (let ts = tsVal - 12; ts <= tsVal + 2; ts++) {
          const entry = spoken.ackInUse(FLOW, GENERATION, ts | 0);
          const { ack: known, first, ms: firstMs } = all.ackInUse(ts | 0) ?? {};
          const told =
            entry < 0 ? [] : [spoken.ackAt(entry), spoken.firstTs(entry), spoken.firstMs(entry)];
          expect(told).toEqual(known === undefined ? [] : [known, first, firstMs]);
          expect(spoken.provesNothingNew(FLOW, GENERATION, ts | 0)).toBe(
            all.provesNothingNew(ts | 0),
          );
          expect(spoken.provesAll(FLOW, GENERATION, ts | 0)).toBe(all.provesAll(ts | 0));
        }
        const newest = spoken.newestAck(FLOW, GENERATION);
        expect(spoken.ackAt(newest)).toBe(all.newestAck()?.ack);
      }
    }),
    { seed: SEED },
  );
});
