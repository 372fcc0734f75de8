/** What is remembered of a flow's words, and that another flow in its slot knows none of it. */
import { describe, expect, it } from 'vitest';
import { Spoken } from '../../../src/engine/flow/spoken.ts';
import { SPOKEN_COUNT } from '../../../src/engine/limits.ts';

const FLOW = 5;
const SAME_SLOT = FLOW + SPOKEN_COUNT;
const GENERATION = 3;
const TS = 1000;
const ACKED = 700;
const RCV_NXT = 800;

/** One segment of 100 octets with a TSval, an ACK of 700, and its first octet acknowledged. */
function spoken(): Spoken {
  const all = new Spoken(new ArrayBuffer(Spoken.BYTES));
  all.note(FLOW, GENERATION, ACKED, TS, 1, 1, 101, true, 50);
  all.noteOctet(FLOW, GENERATION, 1, 0x41, 100);
  all.acknowledged(FLOW, GENERATION, 101);
  return all;
}

describe('what is known of a flow', () => {
  it('is an octet that the far end has', () => {
    const all = spoken();
    expect(all.octetKnown(FLOW, GENERATION)).toBe(0x41);
    expect(all.octetSeq(FLOW)).toBe(1);
  });

  it('is which ACK was in use when', () => {
    const all = spoken();
    const entry = all.newestAck(FLOW, GENERATION);
    expect([all.ackAt(entry), all.firstMs(entry)]).toEqual([ACKED, 50]);
    expect(all.ackInUse(FLOW, GENERATION, TS)).toBe(entry);
    expect(all.ackInUse(FLOW, GENERATION, TS - 1)).toBe(-1);
  });

  it('is what an echo proves of what is in flight', () => {
    const all = spoken();
    all.note(FLOW, GENERATION, ACKED, TS + 5, 101, 101, 201, true, 60);
    expect(all.provesNothingNew(FLOW, GENERATION, TS + 4)).toBe(true);
    expect(all.provesNothingNew(FLOW, GENERATION, TS + 5)).toBe(false);
    expect(all.provesAll(FLOW, GENERATION, TS)).toBe(false);
    expect(all.provesAll(FLOW, GENERATION, TS + 5)).toBe(true);
  });

  it.each([
    ['an older flow of the row', FLOW, GENERATION + 1],
    ['another flow of the slot', SAME_SLOT, GENERATION],
  ])('is nothing for %s', (_, flow, generation) => {
    const all = spoken();
    expect(all.octetKnown(flow, generation)).toBe(-1);
    expect(all.newestAck(flow, generation)).toBe(-1);
    expect(all.ackInUse(flow, generation, TS)).toBe(-1);
    expect(all.provesAll(flow, generation, TS + 100)).toBe(false);
    expect(all.provesNothingNew(flow, generation, TS - 100)).toBe(false);
  });

  it('is nothing behind packets that went by unseen, of this flow only, but for the octet', () => {
    const all = spoken();
    all.forget(SAME_SLOT);
    expect(all.newestAck(FLOW, GENERATION)).not.toBe(-1);
    all.forget(FLOW);
    expect(all.newestAck(FLOW, GENERATION)).toBe(-1);
    // What the far end has it has for good.
    expect(all.octetKnown(FLOW, GENERATION)).toBe(0x41);
    expect(all.octetKnown(SAME_SLOT, GENERATION)).toBe(-1);
    all.note(FLOW, GENERATION, ACKED, TS, 1, 501, 601, true, 50);
    expect(all.octetKnown(FLOW, GENERATION)).toBe(0x41);
  });

  it('is for good that the near end has sent one octet alone', () => {
    const all = spoken();
    expect(all.sentSingle(FLOW, GENERATION)).toBe(false);
    all.noteOctet(FLOW, GENERATION, 101, 0x42, 1);
    all.forget(FLOW);
    all.note(FLOW, GENERATION, ACKED, TS, 101, 102, 602, true, 50);
    expect(all.sentSingle(FLOW, GENERATION)).toBe(true);
    expect(all.sentSingle(FLOW, GENERATION + 1)).toBe(false);
    expect(all.sentSingle(SAME_SLOT, GENERATION)).toBe(false);
  });

  it('begins anew where another flow takes the slot', () => {
    const all = spoken();
    all.note(SAME_SLOT, GENERATION, 900, TS + 50, 1, 1, 51, true, 70);
    const entry = all.newestAck(SAME_SLOT, GENERATION);
    expect([all.ackAt(entry), all.firstMs(entry)]).toEqual([900, 70]);
    expect(all.ackInUse(SAME_SLOT, GENERATION, TS + 49)).toBe(-1);
    expect(all.ackInUse(SAME_SLOT, GENERATION, TS + 50)).toBe(entry);
    expect(all.provesAll(SAME_SLOT, GENERATION, TS + 50)).toBe(false);
    expect(all.provesAll(SAME_SLOT, GENERATION, TS + 51)).toBe(true);
    expect(all.newestAck(FLOW, GENERATION)).toBe(-1);
  });

  it('is nothing of what was in flight before the first words were heard', () => {
    const all = new Spoken(new ArrayBuffer(Spoken.BYTES));
    all.note(FLOW, GENERATION, ACKED, TS, 1, 501, 601, true, 50);
    expect(all.provesNothingNew(FLOW, GENERATION, TS - 1)).toBe(false);
    expect(all.provesAll(FLOW, GENERATION, TS + 1)).toBe(false);
  });
});

describe('data that may be a repetition', () => {
  const HEAD = 0x53534800;
  const NEXT = 0x2d322e30;

  /** `octets` of the far end at 700, that begin with HEAD and NEXT. */
  function heard(octets: number): (count: number, head: number, next: number) => boolean {
    const all = spoken();
    all.noteFar(FLOW, GENERATION, ACKED, octets, HEAD, NEXT);
    const oldest = all.newestAck(FLOW, GENERATION);
    return (count, head, next) => all.mayRepeat(FLOW, oldest, RCV_NXT, count, head, next);
  }

  it('begins with the same octets, as many as both have', () => {
    expect(heard(100)(100, HEAD, NEXT)).toBe(true);
    expect(heard(3)(100, HEAD ^ 1, 0)).toBe(true); // the fourth is of another segment
    expect(heard(100)(4, HEAD, 0)).toBe(true);
    expect(heard(6)(100, HEAD, NEXT ^ 1)).toBe(true);
  });

  it('differs in none of the first eight', () => {
    expect(heard(100)(100, HEAD ^ 1, NEXT)).toBe(false);
    expect(heard(100)(100, HEAD, NEXT ^ 1)).toBe(false);
    expect(heard(3)(100, HEAD ^ 0x100, NEXT)).toBe(false);
    expect(heard(6)(100, HEAD, NEXT ^ 0x10000)).toBe(false);
  });
});
