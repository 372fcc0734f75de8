/**
 * Captures are hostile input: damaged bytes, and packets that overlap and repeat without end, never
 * crash the comparison or hold it up.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { OperatorError } from '../../../src/config/errors.ts';
import { compareSides } from '../../../src/diagnose/both/compare-sides.ts';
import { bothText, findingsOf } from '../../../src/diagnose/both/diagnose-both.ts';
import { sideOf } from '../../../src/diagnose/both/read-side.ts';
import { captures, conversation, type Sent } from './two-sides.ts';

const SEED = 20_260_728;

function survives(client: Uint8Array, server: Uint8Array): void {
  try {
    const comparison = compareSides(sideOf('c', client), sideOf('s', server));
    const report = { comparison, findings: findingsOf(comparison) };
    expect(JSON.parse(bothText(report, true)).schema).toBe(1);
    expect(bothText(report, false)).not.toMatch(/undefined|NaN|Infinity/);
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    expect(error.message).not.toContain('\n');
  }
}

it('damaged captures', () => {
  const [client, server] = captures(conversation());
  const damage = fc.array(fc.tuple(fc.nat(server.length - 1), fc.nat(255)), { maxLength: 40 });
  fc.assert(
    fc.property(damage, fc.nat(server.length), (places, bytes) => {
      const damaged = server.slice();
      for (const [at, value] of places) damaged[at] = value;
      survives(client, damaged);
      survives(damaged.subarray(0, bytes), client);
    }),
    { numRuns: 150, seed: SEED },
  );
});

it('any packets at all', () => {
  const packet = fc.record({
    atMs: fc.nat(1000),
    flags: fc.nat(255),
    seq: fc.oneof(fc.nat(4000), fc.integer()),
    ack: fc.oneof(fc.nat(4000), fc.integer()),
    octets: fc.nat(300),
    back: fc.boolean(),
    fate: fc.nat(3),
  });
  fc.assert(
    fc.property(fc.array(packet, { minLength: 1, maxLength: 60 }), (packets) => {
      const sent = packets.map(({ atMs, flags, seq, ack, octets, back }): Sent => {
        const ends = back ? { src: '10.0.0.2', dst: '10.0.0.1', srcPort: 22, dstPort: 40_000 } : {};
        const spec = { ...ends, flags, seq, ack, payload: new Uint8Array(octets) };
        return { atMs, from: back ? 'server' : 'client', spec };
      });
      const box = ({ spec }: Sent, index: number) =>
        Array.from({ length: packets[index]?.fate ?? 1 }, () => spec);
      survives(...captures(sent, box));
    }),
    { numRuns: 150, seed: SEED },
  );
});

it('thousands of segments that all overlap take seconds at most', () => {
  const sent = Array.from({ length: 6000 }, (_, index): Sent => {
    const spec = { seq: index % 50, payload: new Uint8Array(40 + (index % 60)), ipId: index + 1 };
    return { atMs: index, from: 'client', spec };
  });
  const box = ({ spec }: Sent) => [{ ...spec, seq: (spec.seq ?? 0) + 3, ipId: 0 }];
  const began = performance.now();
  survives(...captures(sent, box));
  expect(performance.now() - began).toBeLessThan(8000);
});
