/** Handshakes that are odd or stay unfinished. */
import { describe, expect, it } from 'vitest';
import { type Facts, findingsOf, OPENED } from './records.ts';

const [SYN, SYN_ACK, ACK] = OPENED as readonly [Facts, Facts, Facts];
const at = (facts: Facts, ms: number): Facts => ({ ...facts, ms });

describe('half-open', () => {
  it('is a SYN-ACK that is repeated and never acknowledged', () => {
    const rows = [SYN, SYN_ACK, at(SYN, 1000), at(SYN_ACK, 1010), at(SYN_ACK, 3010)];
    expect(findingsOf(rows)).toEqual(['half-open proven warning']);
  });

  it('is none where the capture just ends, or the client goes on', () => {
    expect(findingsOf([SYN, SYN_ACK])).toEqual([]);
    expect(findingsOf([SYN, SYN_ACK, at(SYN_ACK, 10.2)])).toEqual([]);
    expect(findingsOf([SYN, SYN_ACK, at(SYN_ACK, 1010), at(ACK, 1010.1)])).toEqual([]);
  });

  it('is none where the client refuses', () => {
    const refused: Facts = { ms: 10.1, from: 'c', flags: 'R', seq: 1 };
    expect(findingsOf([SYN, SYN_ACK, refused, at(SYN_ACK, 1010)]).join()).not.toContain(
      'half-open',
    );
  });
});

describe('split-handshake', () => {
  it('is a SYN that a SYN answers', () => {
    const rows: Facts[] = [
      SYN,
      { ms: 10, from: 's', flags: 'S' },
      { ms: 10.1, from: 'c', flags: 'S.', seq: 0, ack: 1 },
      { ms: 20, from: 's', ack: 1 },
    ];
    expect(findingsOf(rows)).toEqual(['split-handshake proven warning']);
  });
});

describe('syn-data', () => {
  it('is a note, whether the data is taken or not', () => {
    const syn = { ...SYN, octets: 10 };
    expect(findingsOf([syn, { ...SYN_ACK, ack: 11 }, ACK])).toEqual(['syn-data proven note']);
    expect(findingsOf([syn, SYN_ACK, ACK])).toEqual(['syn-data proven note']);
  });
});

describe('synack-wrong-ack', () => {
  it('is a note', () => {
    const stray = { ...SYN_ACK, ms: 5, ack: 77_777, more: { segSeq: 4242 } };
    expect(findingsOf([SYN, stray, SYN_ACK, ACK])).toEqual(['synack-wrong-ack likely note']);
  });
});
