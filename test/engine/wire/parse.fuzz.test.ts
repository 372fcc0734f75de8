/**
 * A million damaged packets through the parser: it never throws, never reads outside its packet,
 * never writes, and what it calls understood is consistent.
 */
import { describe, expect, it } from 'vitest';
import { parseSegment, WIRE_OK } from '../../../src/engine/wire/parse.ts';
import { Segment } from '../../../src/engine/wire/segment.ts';
import { corpus, MUTANT_BYTES_MAX, mutate } from '../../helpers/mutate.ts';
import { Random, SEED, SEED_HINT } from '../../helpers/seed.ts';

const COUNT = 1_000_000;
const OFF = 64;
const ROOM = MUTANT_BYTES_MAX + 64;

/** Same bytes, other surroundings: whoever reads outside sees another world. */
function surround(from: Uint8Array, to: Uint8Array, len: number): void {
  for (let i = OFF - 8; i < OFF; i++) to[i] = ~(from[i] ?? 0);
  for (let i = OFF; i < OFF + len; i++) to[i] = from[i] ?? 0;
  for (let i = OFF + len; i < OFF + len + 64; i++) to[i] = ~(from[i] ?? 0);
}

function sameFields(a: Segment, b: Segment): boolean {
  for (const key of Object.keys(a) as Array<keyof Segment>) if (a[key] !== b[key]) return false;
  return true;
}

/** Where everything lies, when the parser says it has understood. */
function consistent(seg: Segment, len: number): boolean {
  const end = seg.ipOff + seg.ipBytes;
  const optionsEnd = seg.payloadOff;
  return (
    seg.ipBytes <= len &&
    seg.tcpOff >= seg.ipOff + 20 &&
    seg.tcpHeaderBytes >= 20 &&
    seg.tcpHeaderBytes <= 60 &&
    seg.payloadOff === seg.tcpOff + seg.tcpHeaderBytes &&
    seg.payloadOff + seg.payloadBytes === end &&
    seg.payloadBytes >= 0 &&
    (seg.tsOff === 0 || (seg.tsOff >= seg.tcpOff + 22 && seg.tsOff + 8 <= optionsEnd)) &&
    (seg.sackOff === 0 ||
      (seg.sackOff >= seg.tcpOff + 22 && seg.sackOff + seg.sackCount * 8 <= optionsEnd)) &&
    seg.wndScale >= -1 &&
    seg.wndScale <= 14
  );
}

describe(`parseSegment() (${SEED_HINT})`, () => {
  it(`survives ${COUNT} damaged packets`, { timeout: 120_000 }, () => {
    const packets = corpus();
    const random = new Random(SEED);
    const buf = new Uint8Array(OFF + ROOM + 64);
    const other = new Uint8Array(OFF + ROOM + 64);
    const view = new Segment();
    const otherView = new Segment();
    let understood = 0;
    let wrong = '';
    for (let i = 0; i < COUNT && wrong === ''; i++) {
      const packet = packets[random.below(packets.length)];
      if (packet === undefined) throw new Error('empty corpus');
      const len = mutate(buf, OFF, packet, random);
      surround(buf, other, len);
      const result = parseSegment(buf, OFF, len, view);
      if (result === WIRE_OK) understood++;
      if (result !== parseSegment(other, OFF, len, otherView)) wrong = 'result from outside';
      else if (result === WIRE_OK && !sameFields(view, otherView)) wrong = 'field from outside';
      else if (result === WIRE_OK && !consistent(view, len)) wrong = 'inconsistent';
      for (let k = OFF; wrong === '' && k < OFF + len; k++) {
        if (buf[k] !== other[k]) wrong = 'written to';
      }
      if (wrong !== '')
        wrong += `: packet ${i}, ${Buffer.from(buf.subarray(OFF, OFF + len)).toString('hex')}`;
    }
    expect(wrong).toBe('');
    // Both sides of the parser were exercised.
    expect(understood).toBeGreaterThan(COUNT / 4);
    expect(understood).toBeLessThan((COUNT * 3) / 4);
  });
});
