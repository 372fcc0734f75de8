/** Addresses as text, against what Node makes of them. */
import { SocketAddress } from 'node:net';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OUT_FAMILY, OUT_FAR_ADDR, OUT_NEAR_ADDR, OUT_PORTS } from '../../src/engine/outbox.ts';
import { flowAddressOf, formatAddress } from '../../src/telemetry/flow-address.ts';

const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff }));

function words6(groups: readonly number[]): Int32Array {
  const words = new Int32Array(4);
  for (let i = 0; i < 4; i++) words[i] = ((groups[i * 2] ?? 0) << 16) | (groups[i * 2 + 1] ?? 0);
  return words;
}

describe('formatAddress()', () => {
  test('writes IPv6 in the canonical form', () => {
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        // Node writes the low half of these dotted, which RFC 5952 §5 leaves to known prefixes.
        fc.pre(groups.slice(0, 5).some((g) => g !== 0));
        const full = groups.map((g) => g.toString(16)).join(':');
        const want = new SocketAddress({ address: full, family: 'ipv6' }).address;
        expect(formatAddress(words6(groups), 0, 6)).toBe(want);
      }),
    );
  });

  test.each([
    [[0, 0, 0, 0, 0, 0, 0, 1], '::1'],
    [[0, 0, 0, 0, 0, 0, 0, 0], '::'],
    [[0x2001, 0xdb8, 0, 1, 1, 1, 1, 1], '2001:db8:0:1:1:1:1:1'],
    [[0x2001, 0, 0, 1, 0, 0, 0, 1], '2001:0:0:1::1'],
    [[0x2001, 0xdb8, 0, 0, 1, 0, 0, 1], '2001:db8::1:0:0:1'],
    [[0xfe80, 0, 0, 0, 0, 0, 0, 0], 'fe80::'],
  ])('follows RFC 5952 §4: %j is %s', (groups, text) => {
    expect(formatAddress(words6(groups), 0, 6)).toBe(text);
  });

  test('writes IPv4 unsigned', () => {
    expect(formatAddress(new Int32Array([0xfffefd01 | 0]), 0, 4)).toBe('255.254.253.1');
  });
});

test('flowAddressOf() reads an outbox slot anywhere in the ring', () => {
  const words = new Int32Array(64);
  const at = 30;
  words[at + OUT_FAMILY] = 4;
  words[at + OUT_NEAR_ADDR] = 0x0a000001;
  words[at + OUT_FAR_ADDR] = 0xc0000205 | 0;
  words[at + OUT_PORTS] = (50_000 << 16) | 22;
  expect(flowAddressOf(words, at)).toEqual({
    family: 4,
    nearAddr: '10.0.0.1',
    nearPort: 50_000,
    farAddr: '192.0.2.5',
    farPort: 22,
  });
});
