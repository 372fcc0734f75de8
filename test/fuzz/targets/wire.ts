/**
 * One packet through the parser: nothing is read outside it, nothing is written, and what is called
 * understood lies within it.
 */
import { arenaWords, tcpChecksumOk } from '../../../src/engine/wire/checksum.ts';
import { parseSegment, WIRE_OK } from '../../../src/engine/wire/parse.ts';
import { Segment } from '../../../src/engine/wire/segment.ts';
import { corpus, MUTANT_BYTES_MAX, mutate } from '../../helpers/mutate.ts';
import type { Random } from '../../helpers/seed.ts';
import { seg } from '../../helpers/segment-builder.ts';
import { demand, type Target } from '../target.ts';

const OFF = 64;
const ROOM = OFF + MUTANT_BYTES_MAX + 128;

const buf = new Uint8Array(ROOM);
const other = new Uint8Array(ROOM);
const room = new Uint8Array(ROOM);
const view = new Segment();
const otherView = new Segment();

export const wire: Target = {
  name: 'wire',
  about: 'one IP packet for the parser',
  bytesMax: MUTANT_BYTES_MAX,
  seeds: () => [seg({}), seg({ family: 6 }), ...corpus().filter(({ length }) => length < 120)],

  mutate(input: Uint8Array, random: Random): Uint8Array {
    const length = mutate(room, 0, input.subarray(0, MUTANT_BYTES_MAX), random);
    return room.slice(0, length);
  },

  run(input: Uint8Array): void {
    const { length } = input;
    buf.fill(0).set(input, OFF);
    other.fill(0xff).set(input, OFF);
    const result = parseSegment(buf, OFF, length, view);
    demand(result === parseSegment(other, OFF, length, otherView), 'a result from outside');
    demand(Buffer.compare(buf.subarray(OFF, OFF + length), input) === 0, 'written to');
    if (result !== WIRE_OK) return;
    for (const key of Object.keys(view) as (keyof Segment)[]) {
      demand(view[key] === otherView[key], `${key} is from outside`);
    }
    demandWithin(length);
    const sound = tcpChecksumOk(buf, arenaWords(buf), view);
    demand(sound === tcpChecksumOk(other, arenaWords(other), otherView), 'summed outside');
  },
};

function demandWithin(length: number): void {
  const { ipOff, ipBytes, tcpOff, tcpHeaderBytes, payloadOff, payloadBytes } = view;
  const { tsOff, sackOff, sackCount } = view;
  demand(ipBytes <= length, 'longer than it is');
  demand(tcpOff >= ipOff + 20 && tcpHeaderBytes >= 20 && tcpHeaderBytes <= 60, 'no header');
  demand(payloadOff === tcpOff + tcpHeaderBytes && payloadBytes >= 0, 'no payload');
  demand(payloadOff + payloadBytes === ipOff + ipBytes, 'an end that is none');
  const options = tcpOff + 20;
  demand(tsOff === 0 || (tsOff >= options && tsOff + 8 <= payloadOff), 'timestamps outside');
  const sackEnd = sackOff + 8 * sackCount;
  demand(sackOff === 0 || (sackOff >= options && sackEnd <= payloadOff), 'blocks outside');
}
