/** Crypto-PAn: its authors' own vectors, and its two promises for every address. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Anonymizer } from '../../../src/diagnose/anonymize/anonymizer.ts';
import { commonBits, PrefixCipher } from '../../../src/diagnose/anonymize/prefix-cipher.ts';
import { keptBits } from '../../../src/diagnose/anonymize/special-ranges.ts';
import { SEED, SEED_HINT } from '../../helpers/seed.ts';

/** Of the sample that Crypto-PAn 1.0 comes with. */
const SAMPLE_KEY = Uint8Array.of(
  ...[21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16],
  ...[216, 152, 143, 131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2],
);
const RUNS = { seed: SEED, numRuns: 300 };

const byte = fc.nat({ max: 255 });
const bytes = (count: number) =>
  fc.array(byte, { minLength: count, maxLength: count }).map((list) => Uint8Array.from(list));
const key = bytes(32);

describe('PrefixCipher', () => {
  it.each([
    ['128.11.68.132', '135.242.180.132'],
    ['129.118.74.4', '134.136.186.123'],
    ['130.132.252.244', '133.68.164.234'],
    ['141.223.7.43', '141.167.8.160'],
    ['152.163.225.39', '151.140.114.167'],
    ['192.102.249.13', '252.138.62.131'],
  ])('makes of %s what Crypto-PAn makes of it', (given, wanted) => {
    const octets = Uint8Array.from(given.split('.').map(Number));
    expect(new PrefixCipher(SAMPLE_KEY).encrypt(octets, 0).join('.')).toBe(wanted);
  });

  for (const [name, octets] of [
    ['IPv4', 4],
    ['IPv6', 16],
  ] as const) {
    it(`keeps exactly the common prefix of two ${name} addresses (${SEED_HINT})`, () => {
      // Two random addresses hardly ever share much: the second takes a part of the first.
      const pair = fc
        .tuple(bytes(octets), bytes(octets), fc.nat({ max: octets }))
        .map(([a, b, shared]) => {
          const second = Uint8Array.from(b);
          second.set(a.subarray(0, shared));
          return [a, second] as const;
        });
      fc.assert(
        fc.property(key, pair, (secret, [a, b]) => {
          const cipher = new PrefixCipher(secret);
          const [one, two] = [a, b].map((address) => cipher.encrypt(address, keptBits(address)));
          if (one === undefined || two === undefined) throw new Error('two addresses');
          expect(commonBits(one, two)).toBe(commonBits(a, b));
        }),
        RUNS,
      );
    });
  }
});

describe('Anonymizer', () => {
  const address4 = fc.ipV4();
  const address6 = fc.ipV6();

  it(`gives two addresses two names, and one always the same (${SEED_HINT})`, () => {
    fc.assert(
      fc.property(
        key,
        fc.oneof(address4, address6),
        fc.oneof(address4, address6),
        (secret, a, b) => {
          const first = new Anonymizer(secret);
          const again = new Anonymizer(secret);
          expect(first.host(a)).toBe(again.host(a));
          const plain = new Anonymizer(new Uint8Array(32));
          // Two ways of writing one address are one address.
          if (plain.host(a) !== plain.host(b)) expect(first.host(a)).not.toBe(first.host(b));
        },
      ),
      RUNS,
    );
  });

  const secret = Uint8Array.from({ length: 32 }, (_none, index) => index);
  const names = new Anonymizer(secret);

  it.each([
    ['10.1.2.3', /^10\./],
    ['172.20.1.1', /^172\.(1[6-9]|2\d|3[01])\./],
    ['192.168.7.8', /^192\.168\./],
    ['169.254.1.1', /^169\.254\./],
    ['100.64.0.9', /^100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./],
    ['127.0.0.1', /^127\./],
    ['224.0.0.18', /^2(2[4-9]|3\d)\./],
    ['fe80::1234:5678:9abc:def0', /^fe80::/],
    ['fd12:3456::1', /^f[cd]/],
    ['2a02:8108::1', /^[23]/],
    ['::1', /^::1$/],
    ['::ffff:10.1.2.3', /^::ffff:a/],
  ])('%s is still recognised for what it is', (given, wanted) => {
    expect(names.host(given)).toMatch(wanted);
    if (given !== '::1') expect(names.host(given)).not.toBe(given);
  });

  it('maps an IPv4 address inside IPv6 as it maps it alone', () => {
    const alone = names.host('198.51.100.77');
    const [a = 0, b = 0, c = 0, d = 0] = alone.split('.').map(Number);
    const groups = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
    expect(names.host('64:ff9b::198.51.100.77')).toBe(`64:ff9b::${groups}`);
  });

  it('keeps the manufacturer of a MAC address, and no more', () => {
    expect(names.mac('00:1b:54:0a:0b:0c')).toMatch(/^00:1b:54:(?!0a:0b:0c)/);
    expect(names.mac('')).toBe('');
  });

  it('replaces host names, ports that are words, and interfaces that people named', () => {
    expect(names.host('Jumbox.example')).toMatch(/^host-[0-9a-f]{12}$/);
    expect(names.host('jumbox.example')).toBe(names.host('Jumbox.example'));
    expect(names.interfaceName('eth0')).toBe('eth0');
    expect(names.interfaceName('enx001b540a0b0c')).toBe('');
    expect(names.interfaceName('acme-dmz')).toBe('');
  });
});
