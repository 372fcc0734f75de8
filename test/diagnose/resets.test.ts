/** Every finding about resets, conflicts and silence on a small trace; and what must not be one. */
import { describe, expect, it } from 'vitest';
import { HANDSHAKE, line, reportOf } from './trace.ts';

async function codesOf(lines: readonly string[]): Promise<string[]> {
  const report = await reportOf(lines.join('\n'));
  return report.findings.map(({ code, certainty }) => `${code} ${certainty}`);
}

const GREETING = line(20, 's', '[P.], seq 1:22, ack 1, win 509, length 21');
const REPLY = line(21, 'c', '[P.], seq 1:33, ack 22, win 502, length 32');

describe('healthy connections', () => {
  it('have no finding and are enough', async () => {
    const report = await reportOf(
      [
        ...HANDSHAKE,
        GREETING,
        REPLY,
        line(31, 's', '[.], ack 33, win 509, length 0'),
        line(40, 'c', '[F.], seq 33, ack 22, win 502, length 0'),
        line(50, 's', '[F.], seq 22, ack 34, win 509, length 0'),
        line(50.1, 'c', '[.], ack 23, win 502, length 0'),
      ].join('\n'),
    );
    expect(report.findings).toEqual([]);
    expect(report.hypotheses).toEqual([]);
    expect(report.enough).toBe(true);
  });

  it('may repeat a SYN-ACK with the same number', async () => {
    const again = line(12, 's', '[S.], seq 5000, ack 1001, win 65160, length 0');
    expect(await codesOf([...HANDSHAKE, again, GREETING])).toEqual([]);
  });

  it('may use the ports again with a new number', async () => {
    expect(
      await codesOf([
        ...HANDSHAKE,
        GREETING,
        line(900, 'c', '[S], seq 900000, win 64240, length 0'),
        line(910, 's', '[S.], seq 700000, ack 900001, win 65160, length 0'),
        line(910.1, 'c', '[.], ack 1, win 502, length 0'),
      ]),
    ).toEqual([]);
  });

  it('may be reset by a client that has closed already', async () => {
    expect(
      await codesOf([
        ...HANDSHAKE,
        line(20, 'c', '[F.], seq 1, ack 1, win 502, length 0'),
        line(29, 's', '[P.], seq 1:22, ack 2, win 509, length 21'),
        line(29.1, 'c', '[R], seq 1002, win 0, length 0'),
      ]),
    ).toEqual([]);
  });

  it('without their beginning are not enough to judge', async () => {
    const report = await reportOf(
      [
        line(1, 'c', '[P.], seq 100:133, ack 900, win 502, length 33'),
        line(9, 's', '[.], ack 33, win 509, length 0'),
      ].join('\n'),
    );
    expect(report.findings).toEqual([]);
    expect(report.enough).toBe(false);
  });
});

describe('resets', () => {
  it('of a killed server are the owner’s', async () => {
    expect(
      await codesOf([
        ...HANDSHAKE,
        GREETING,
        line(30, 's', '[R.], seq 22, ack 1, win 0, length 0'),
      ]),
    ).toEqual(['rst-by-owner likely']);
  });

  it('are not refuted by older data that they overtook', async () => {
    expect(
      await codesOf([
        ...HANDSHAKE,
        line(20, 's', '[R.], seq 22, ack 1, win 0, length 0'),
        line(20.1, 's', '[P.], seq 1:22, ack 1, win 509, length 21'),
      ]),
    ).toEqual(['rst-inexact likely']);
  });

  it('are refuted by a connection that goes on', async () => {
    expect(
      await codesOf([
        ...HANDSHAKE,
        GREETING,
        line(25, 's', '[R], seq 5022, win 0, length 0'),
        line(60, 's', '[P.], seq 22:40, ack 1, win 509, length 18'),
      ]),
    ).toEqual(['rst-refuted proven']);
  });

  it('are refuted, if less surely, by data right behind them', async () => {
    const codes = await codesOf([
      ...HANDSHAKE,
      GREETING,
      REPLY,
      line(22, 'c', '[.], ack 22, win 502, length 0'),
      line(40, 's', '[R], seq 5022, win 0, length 0'),
      line(40.01, 's', '[P.], seq 22:40, ack 33, win 509, length 18'),
    ]);
    expect(codes).toEqual(['rst-refuted likely']);
  });

  it('of a SYN are a refusal', async () => {
    expect(
      await codesOf([
        line(0, 'c', '[S], seq 1000, win 64240, length 0'),
        line(1, 's', '[R.], seq 0, ack 1001, win 0, length 0'),
      ]),
    ).toEqual(['connection-refused proven']);
  });

  it('of a SYN that is accepted afterwards are false', async () => {
    const codes = await codesOf([
      line(0, 'c', '[S], seq 1000, win 64240, length 0'),
      line(1, 's', '[R.], seq 0, ack 1001, win 0, length 0'),
      line(10, 's', '[S.], seq 5000, ack 1001, win 65160, length 0'),
    ]);
    expect(codes.map((code) => code.split(' ')[0])).toEqual(['rst-refuted']);
  });

  it('from another distance are foreign', async () => {
    const ip = (ttl: number, row: string) =>
      row.replace(
        'IP ',
        `IP (tos 0x0, ttl ${ttl}, id 7, offset 0, proto TCP (6), length 40)\n    `,
      );
    const lines = [...HANDSHAKE, GREETING].map((row) =>
      ip(row.includes('0.2.22 >') ? 55 : 64, row),
    );
    const reset = ip(253, line(30, 's', '[R], seq 5022, win 0, length 0'));
    expect(await codesOf([...lines, reset])).toEqual(['rst-foreign likely']);
    const own = ip(55, line(30, 's', '[R.], seq 22, ack 1, win 0, length 0'));
    expect(await codesOf([...lines, own])).toEqual(['rst-by-owner likely']);
  });

  it('with a number that fits nothing are inexact', async () => {
    expect(
      await codesOf([...HANDSHAKE, GREETING, line(30, 's', '[R], seq 9999, win 0, length 0')]),
    ).toEqual(['rst-inexact likely']);
  });

  it('of a side that knows no connection name the packet they answer', async () => {
    const report = await reportOf(
      [...HANDSHAKE, GREETING, REPLY, line(31.5, 's', '[R], seq 5022, win 0, length 0')].join('\n'),
    );
    const [finding] = report.findings;
    expect(finding?.code).toBe('rst-no-connection');
    expect(finding?.frames).toEqual([5, 6]);
    expect(finding?.explanation).toContain('It can only be the answer to line 5');
  });
});

describe('conflicts', () => {
  const second = line(28, 's', '[S.], seq 800000, ack 1001, win 65160, length 0');

  it('with one answer each are likely, not proven', async () => {
    expect(await codesOf([...HANDSHAKE, second])).toEqual(['synack-conflict likely']);
  });

  it('on a repeated SYN are only possible, and a warning', async () => {
    const [syn = '', ...rest] = HANDSHAKE;
    const lines = [syn, line(1, 'c', '[S], seq 1000, win 64240, length 0'), ...rest, second];
    const report = await reportOf(lines.join('\n'));
    expect(
      report.findings.map(({ code, certainty, severity }) => [code, certainty, severity]),
    ).toEqual([['synack-conflict', 'possible', 'warning']]);
  });

  it('do not count a SYN-ACK that acknowledges another SYN', async () => {
    const stale = line(28, 's', '[S.], seq 800000, ack 77, win 65160, length 0');
    expect(await codesOf([...HANDSHAKE, stale])).toEqual(['synack-wrong-ack likely']);
  });

  it('with the reset first are the same failure', async () => {
    const codes = await codesOf([
      ...HANDSHAKE,
      line(28, 's', '[R], seq 5001, win 0, length 0'),
      line(28.01, 's', '[S.], seq 800000, ack 1001, win 65160, length 0'),
    ]);
    expect(codes).toEqual(['synack-conflict likely', 'rst-after-conflict proven']);
  });

  it('whose first end point never speaks are a phantom', async () => {
    const codes = await codesOf([
      ...HANDSHAKE,
      line(28, 's', '[S.], seq 800000, ack 1001, win 512, options [mss 1460], length 0'),
      line(60, 's', '[P.], seq 1:22, ack 1, win 509, length 21'),
    ]);
    expect(codes).toEqual(['synack-conflict likely', 'phantom-synack likely']);
  });

  it('from two MAC addresses put the duplicate address first', async () => {
    const mac = (octet: string, row: string) =>
      row.replace(
        'IP ',
        `00:00:00:00:00:${octet} > 00:00:00:00:00:01, ethertype IPv4 (0x0800), length 74: `,
      );
    const [syn = '', synAck = '', ack = ''] = HANDSHAKE;
    const other = second.replace('win 65160', 'win 8192');
    const report = await reportOf(
      [mac('01', syn), mac('0a', synAck), mac('01', ack), mac('0b', other)].join('\n'),
    );
    const [conflict] = report.findings;
    expect(conflict?.causes[0]?.cause).toContain('same IP address');
    expect(report.hypotheses.find(({ id }) => id === 'duplicate-ip')?.verdict).toBe('possible');
  });
});

it('a SYN that nobody answers is said to be unanswered', async () => {
  const syns = [0, 1000, 3000].map((ms) => line(ms, 'c', '[S], seq 1000, win 64240, length 0'));
  expect(await codesOf(syns)).toEqual(['syn-unanswered proven']);
});
