/** Never more than the packets prove: cases in which it would be easy to say too much. */
import { describe, expect, it } from 'vitest';
import { printReport } from '../../src/diagnose/print-report.ts';
import { HANDSHAKE, JUMPBOX, line, reportOf } from './trace.ts';

async function said(rows: readonly string[]) {
  const report = await reportOf(rows.join('\n'));
  return {
    report,
    codes: report.findings.map(({ code, severity }) => `${code} ${severity}`),
    verdicts: Object.fromEntries(report.hypotheses.map(({ id, verdict }) => [id, verdict])),
    because: Object.fromEntries(report.hypotheses.map(({ id, because }) => [id, because])),
  };
}

describe('a capture that starts in the middle', () => {
  it('rules out nothing by what came before it', async () => {
    const { verdicts } = await said([
      line(0, 's', '[P.], seq 700000:700100, ack 900000, win 502, length 100'),
      line(20, 's', '[R], seq 900000, win 0, length 0'),
      line(20.1, 's', '[P.], seq 1:101, ack 1, win 502, length 100'),
      line(900, 'c', '[R], seq 900000, win 0, length 0'),
    ]);
    expect(Object.keys(verdicts).length).toBeGreaterThan(0);
    for (const id of ['mtu', 'ssh-auth', 'ssh-kex', 'usedns', 'maxstartups']) {
      expect(verdicts[id], id).toBe('undecided');
    }
  });
});

describe('MTU', () => {
  it('is open when a pause before the reset could hide a long packet that got lost', async () => {
    const { verdicts } = await said([
      ...HANDSHAKE,
      line(11, 'c', '[P.], seq 1:101, ack 1, win 502, length 100'),
      line(21, 's', '[.], ack 101, win 502, length 0'),
      line(60_000, 's', '[R], seq 5001, win 0, length 0'),
    ]);
    expect(verdicts['mtu']).toBe('undecided');
  });
});

describe('a reset with ACK on a connection that two end points answered', () => {
  it('is not explained as the refusal of an acknowledgement', async () => {
    const { report } = await said([
      line(0, 'c', '[S], seq 1000, win 64240, options [mss 1460], length 0'),
      line(10, 's', '[S.], seq 5000, ack 1001, win 65160, options [mss 1460], length 0'),
      line(10.1, 'c', '[.], ack 1, win 502, length 0'),
      line(15, 's', '[S.], seq 900000, ack 1001, win 65160, options [mss 1460], length 0'),
      line(15.1, 'c', '[.], ack 4294072297, win 502, length 0'),
      line(500, 's', '[R.], seq 4294072297, ack 1, win 0, length 0'),
    ]);
    const reset = report.findings.find(({ code }) => code === 'rst-after-conflict');
    expect(reset?.explanation).toContain('ACK flag');
    expect(reset?.explanation).not.toContain('never used');
    expect(reset?.explanation).not.toContain('the answer to');
  });
});

/** The original failure as `tcpdump -e -n -vvv` shows it: what the deciding command brings. */
function withOrigin(resetTtl: number, resetMac: string): string {
  let frame = 0;
  return JUMPBOX.replace(/^(\d\S+) IP (\S+) > (\S+): (.*), length (\d+)$/gm, (...parts) => {
    const [, time, from = '', to = '', rest = '', octets] = parts.map(String);
    frame += 1;
    const server = from.startsWith('server');
    const reset = server && rest.includes('[R]');
    const mac = reset ? resetMac : server ? '02:00:00:00:00:01' : '02:00:00:00:00:99';
    const ttl = reset ? resetTtl : server ? 57 : 64;
    return (
      `${time} ${mac} > 02:00:00:00:00:77, ethertype IPv4 (0x0800), length 66: ` +
      `(tos 0x0, ttl ${ttl}, id ${frame}, offset 0, flags [DF], proto TCP (6), ` +
      `length ${40 + Number(octets)})\n    ${from} > ${to}: ${rest}, length ${octets}`
    );
  });
}

describe('the original failure with MAC addresses and TTLs', () => {
  it('compares the reset with the packets of both end points', async () => {
    const { codes, report } = await said([withOrigin(255, '02:00:00:00:00:02')]);
    expect(codes).toContain('rst-foreign warning');
    const foreign = report.findings.find(({ code }) => code === 'rst-foreign');
    expect(foreign?.summary).toContain('TTL 255');
    expect(foreign?.summary).toContain('02:00:00:00:00:02');
  });

  it('says that they agree when they do, and what that does not prove', async () => {
    const { codes, report } = await said([withOrigin(57, '02:00:00:00:00:01')]);
    expect(codes.some((code) => code.startsWith('rst-foreign'))).toBe(false);
    const conflict = report.findings.find(({ code }) => code === 'synack-conflict');
    expect(conflict?.undecided).toContain('same TTL and MAC address');
  });
});

describe('advice', () => {
  it('is given once', async () => {
    const text = printReport(await reportOf(JUMPBOX));
    expect(text.split('--mode observe --for 10m').length - 1).toBe(1);
  });
});

describe('a client that aborts while data is on its way', () => {
  it('is not said to have left without telling', async () => {
    const { codes } = await said([
      ...HANDSHAKE,
      line(11, 'c', '[P.], seq 1:101, ack 1, win 502, length 100'),
      line(21, 's', '[P.], seq 1:1001, ack 101, win 502, length 1000'),
      line(21.1, 'c', '[R.], seq 101, ack 1001, win 0, length 0'),
      line(22, 's', '[P.], seq 1001:2001, ack 101, win 502, length 1000'),
      line(22.1, 'c', '[R], seq 1101, win 0, length 0'),
    ]);
    expect(codes).toEqual(['rst-by-owner note']);
  });
});

describe('a SYN answered by the ACK of an older connection on the same ports', () => {
  const OLD = [
    line(0, 'c', '[S], seq 1000, win 64240, options [mss 1460], length 0'),
    line(10, 's', '[.], ack 777777, win 502, length 0'),
    line(10.1, 'c', '[R], seq 777777, win 0, length 0'),
    line(1000, 'c', '[S], seq 1000, win 64240, options [mss 1460], length 0'),
    line(1010, 's', '[S.], seq 5000, ack 1001, win 65160, options [mss 1460], length 0'),
    line(1010.1, 'c', '[.], ack 1, win 502, length 0'),
  ];

  it('is legal (RFC 5961 §4.2) and a note', async () => {
    const { codes, report } = await said(OLD);
    expect(codes).toEqual(['stale-ack note']);
    expect(report.findings[0]?.frames).toEqual([1, 2, 3]);
  });
});

describe('the shortest round trip', () => {
  it('is not measured from a repetition that was not needed', async () => {
    const { report } = await said([
      ...HANDSHAKE,
      line(11, 'c', '[P.], seq 1:101, ack 1, win 502, length 100'),
      line(12, 'c', '[P.], seq 101:201, ack 1, win 502, length 100'),
      line(20.98, 'c', '[P.], seq 1:101, ack 1, win 502, length 100'),
      line(21, 's', '[.], ack 101, win 502, length 0'),
    ]);
    expect(report.flows[0]?.halves[1].shortestReplyUs).toBe(10_000);
  });
});

describe('one wrong checksum', () => {
  it('of a packet that was acknowledged is not called damage', async () => {
    const rows = [
      '10:00:00.000000 IP (tos 0x0, ttl 64, id 1, offset 0, flags [DF], proto TCP (6), length 44)',
      '    box.40000 > srv.ssh: Flags [S], cksum 0x1111 (incorrect -> 0x2222), seq 1000, ' +
        'win 64240, options [mss 1460], length 0',
      '10:00:00.010000 IP (tos 0x0, ttl 60, id 1, offset 0, flags [DF], proto TCP (6), length 44)',
      '    srv.ssh > box.40000: Flags [S.], cksum 0x3333 (correct), seq 5000, ack 1001, ' +
        'win 65160, options [mss 1460], length 0',
    ];
    const { codes } = await said(rows);
    expect(codes).toEqual(['checksum-offload note']);
  });
});

describe('a refusal of the SYN', () => {
  const REFUSED = [
    line(0, 'c', '[S], seq 1000, win 64240, options [mss 1460], length 0'),
    line(1, 's', '[R.], seq 0, ack 1001, win 0, length 0'),
  ];
  const ACCEPTED = line(
    511,
    's',
    '[S.], seq 5000, ack 1001, win 65160, options [mss 1460], length 0',
  );

  it('is no lie when the client asked again before it was accepted', async () => {
    const again = line(510, 'c', '[S], seq 1000, win 64240, options [mss 1460], length 0');
    const { codes } = await said([...REFUSED, again, ACCEPTED]);
    expect(codes).toEqual(['connection-refused warning']);
  });

  it('contradicts the acceptance of the same SYN', async () => {
    const { codes } = await said([...REFUSED, ACCEPTED]);
    expect(codes).toEqual(['rst-refuted error']);
  });
});

describe('a reset that answers a FIN', () => {
  it('is a note: the connection was ending', async () => {
    const { codes } = await said([
      ...HANDSHAKE,
      line(11, 'c', '[P.], seq 1:101, ack 1, win 502, length 100'),
      line(21, 's', '[.], ack 101, win 502, length 0'),
      line(30, 'c', '[F.], seq 101, ack 1, win 502, length 0'),
      line(40, 's', '[R], seq 5001, win 0, length 0'),
    ]);
    expect(codes).toEqual(['rst-no-connection note']);
  });
});

describe('a reset', () => {
  it('is called the possible answer to a packet, never the answer', async () => {
    const text = printReport(await reportOf(JUMPBOX));
    expect(text.replace(/\s+/g, ' ')).toContain('It can only be the answer to line 6');
    expect(text).not.toMatch(/It answers/);
  });
});

describe('more connections than are kept', () => {
  it('are not called healthy', async () => {
    const rows: string[] = [];
    for (let index = 0; index < 16_500; index++) {
      const client = `10.0.${index >> 8}.${index & 255}.40000`;
      rows.push(`IP ${client} > 10.9.9.9.22: Flags [S], seq ${index}, win 1, length 0`);
      rows.push(`IP 10.9.9.9.22 > ${client}: Flags [S.], seq 7, ack ${index + 1}, win 1, length 0`);
    }
    const { report } = await said(rows);
    expect(report.enough).toBe(false);
    expect(printReport(report)).toContain('232 packets of later ones were not looked at');
  });
});
