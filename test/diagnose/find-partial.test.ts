/** Unfinished checksums: on what was sent, on what arrived and was taken, on what was refused. */
import { describe, expect, it } from 'vitest';
import { type Facts, findingsOf, OPENED } from './records.ts';

/** Pseudo-header sum of 10.0.0.1, 10.0.0.2 and TCP, without the length. */
const BASE = 0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 6;

function bare(facts: Facts, ttl: number): Facts {
  const tcpBytes = 20 + (facts.octets ?? 0);
  return {
    ...facts,
    more: { checksum: 'bad', checksumField: (BASE + tcpBytes) % 0xffff, tcpBytes, ttl },
  };
}
const good = (facts: Facts, ttl: number): Facts => ({ ...facts, more: { checksum: 'good', ttl } });

const [SYN, SYN_ACK, ACK] = OPENED as readonly [Facts, Facts, Facts];
const again = (facts: Facts, ms: number): Facts => ({ ...facts, ms });

describe('checksum-partial', () => {
  it('is what arrives unfinished, comes again and is not acknowledged', () => {
    const rows = [0, 1000, 3000].flatMap((ms) => [
      good(again(SYN, ms), 64),
      bare(again(SYN_ACK, ms + 10), 63),
    ]);
    expect(findingsOf(rows)).toEqual(['checksum-partial likely warning']);
  });

  it('is an artefact on what the capturing machine sent', () => {
    const rows = [0, 1000, 3000].flatMap((ms) => [
      good(again(SYN, ms), 63),
      bare(again(SYN_ACK, ms + 10), 64),
    ]);
    expect(findingsOf(rows)).toEqual(['checksum-offload proven note', 'half-open proven warning']);
  });

  it('is harmless on what is acknowledged: a virtual network', () => {
    const rows = [bare(SYN, 64), bare(SYN_ACK, 63), bare(ACK, 64)];
    expect(findingsOf(rows)).toEqual([
      'checksum-offload proven note',
      'checksum-offload proven note',
    ]);
  });

  it('is not said of a copy that the capture doubled', () => {
    const rows = [good(SYN, 64), bare(SYN_ACK, 63), bare(again(SYN_ACK, 10.01), 63)];
    expect(findingsOf(rows)).toEqual(['checksum-offload proven note']);
  });
});
