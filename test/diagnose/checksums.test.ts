/** Which wrong checksums are harmless, and why: pattern, empty field, or the receiver's answer. */
import { describe, expect, it } from 'vitest';
import { reportOf } from './trace.ts';

/** Pseudo-header sum of 10.0.0.1, 10.0.0.2 and TCP, without the length. */
const BASE = 0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 6;

function packet(ms: number, names: readonly [string, string], field: string, rest: string): string {
  const payload = Number(/length (\d+)$/.exec(rest)?.[1] ?? 0);
  const time = `10:00:00.${String(ms).padStart(3, '0')}000`;
  const ip = `(tos 0x0, ttl 64, id 1, offset 0, flags [DF], proto TCP (6), length ${payload + 40})`;
  const fields = rest.replace('], ', `], cksum ${field}, `);
  return `${time} IP ${ip}\n    ${names[0]} > ${names[1]}: Flags ${fields}`;
}

const OUT = ['10.0.0.1.40000', '10.0.0.2.22'] as const;
const BACK = ['10.0.0.2.22', '10.0.0.1.40000'] as const;
const GOOD = '0x1234 (correct)';
const bad = (field: number) => `0x${field.toString(16).padStart(4, '0')} (incorrect -> 0x1111)`;

const SYN = '[S], seq 1000, win 64240, length 0';
const SYN_ACK = '[S.], seq 5000, ack 1001, win 65160, length 0';
const DATA = '[P.], seq 1:31, ack 1, win 502, length 30';

async function codes(lines: readonly string[]): Promise<string[]> {
  const { findings } = await reportOf(lines.join('\n'));
  return findings.map(({ code, certainty }) => `${code} ${certainty}`);
}

describe('wrong checksums', () => {
  it('that hold the sum of the pseudo-header are unfinished, one packet is enough', async () => {
    expect(await codes([packet(0, OUT, bad(BASE + 20), SYN)])).toEqual(['checksum-offload proven']);
  });

  it('that hold anything else and get no answer are bad', async () => {
    expect(await codes([packet(0, OUT, bad(BASE + 21), SYN)])).toEqual(['checksum-bad likely']);
  });

  it('that are all empty are unfinished', async () => {
    expect(await codes([packet(0, OUT, bad(0), SYN)])).toEqual(['checksum-offload proven']);
  });

  it('whose packet was answered cannot have arrived wrong', async () => {
    const lines = [packet(0, OUT, bad(0x4242), SYN), packet(10, BACK, GOOD, SYN_ACK)];
    expect(await codes(lines)).toEqual(['checksum-offload proven']);
  });

  it('of a packet that was answered only after a good copy are bad', async () => {
    const lines = [
      packet(0, OUT, GOOD, SYN),
      packet(10, BACK, GOOD, SYN_ACK),
      packet(11, OUT, bad(0x4242), DATA),
      packet(300, OUT, GOOD, DATA),
      packet(310, BACK, GOOD, '[.], ack 31, win 509, length 0'),
    ];
    expect(await codes(lines)).toEqual(['checksum-bad likely']);
  });

  it('of one packet between names are left open', async () => {
    const named = ['client.40000', 'server.22'] as const;
    expect(await codes([packet(0, named, bad(0x4242), SYN)])).toEqual(['checksum-bad possible']);
  });
});
