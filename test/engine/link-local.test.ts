/** Connections between link-local addresses pass untouched: what is injected has no interface. */
import { expect, it } from 'vitest';
import { TO_FAR, TO_NEAR, VERDICT_ACCEPT, VERDICT_DROP } from '../../src/engine/verdict.ts';
import { ACK, RST, SYN } from '../../src/engine/wire/segment.ts';
import { EngineRun } from '../helpers/engine-run.ts';
import { seg } from '../helpers/segment-builder.ts';

it.each([
  ['fd00', VERDICT_DROP],
  ['fe80', VERDICT_ACCEPT],
  ['febf', VERDICT_ACCEPT],
  ['fec0', VERDICT_DROP],
])('%s: a second SYN-ACK, and the reset behind it', (prefix, verdict) => {
  const run = new EngineRun(64, 7);
  const there = { family: 6, src: `${prefix}::1`, dst: `${prefix}::2` } as const;
  const ends = { src: `${prefix}::2`, dst: `${prefix}::1`, srcPort: 22, dstPort: 40_000 } as const;
  const back = { family: 6, ...ends } as const;
  run.feed(seg({ ...there, flags: SYN, seq: 1000 }), TO_FAR, 0, 1);
  run.feed(seg({ ...back, flags: SYN | ACK, seq: 5000, ack: 1001 }), TO_NEAR, 0, 2);
  run.feed(seg({ ...there, flags: ACK, seq: 1001, ack: 5001 }), TO_FAR, 0, 3);
  const second = seg({ ...back, flags: SYN | ACK, seq: 900_000, ack: 1001 });
  expect(run.feed(second, TO_NEAR, 0, 4)).toBe(verdict);
  const reset = seg({ ...back, flags: RST, seq: 5001 });
  expect(run.feed(reset, TO_NEAR, 0, 5)).toBe(verdict);
});
