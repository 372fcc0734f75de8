/**
 * A capture that lost packets: what rests on a packet that is not there is said less surely, each
 * finding and each suspect; what packets show stays as it is.
 */
import { describe, expect, it } from 'vitest';
import type { Verdict } from '../../src/diagnose/finding.ts';
import { EVIDENCE } from '../../src/diagnose/hypotheses-evidence.ts';
import { PACKET_RULES } from '../../src/diagnose/hypotheses-rules.ts';
import { EVIDENCE_OF_ABSENCE, RESTS_ON_ABSENCE, weakenVerdict } from '../../src/diagnose/lossy.ts';
import { LOST } from '../../src/diagnose/report.ts';
import { codeByName } from '../../src/telemetry/registry.ts';
import { analyseRecords, type Facts, OPENED, record, stamped } from './records.ts';
import { HANDSHAKE, line, reportOf } from './trace.ts';

const [SYN, SYN_ACK, ACK] = OPENED as readonly [Facts, Facts, Facts];
const at = (facts: Facts, ms: number): Facts => ({ ...facts, ms });
const say = (ms: number, from: 'c' | 's', seq: number, ack: number, octets = 0): Facts =>
  stamped({ ms, from, flags: octets > 0 ? 'P.' : '.', seq, ack, octets }, 100 + ms, 100);
const ALIVE = [...OPENED, say(20, 'c', 1, 1, 20), say(30, 's', 1, 21, 20), say(30.1, 'c', 21, 21)];
const backOff = (from: number, count: number, seq: number, ack: number) =>
  Array.from({ length: count }, (_, n) => say(from + 200 * (2 ** n - 1), 'c', seq, ack, 10));
const shut = (ms: number) => stamped({ ms, from: 's', ack: 21, seq: 21, wnd: 0 }, 900 + ms, 120);
const JUMPED = [0, 1, 2, 3].flatMap((n) => [
  say(1000 + n * 300, 's', 700_000_021, 21, 10),
  say(1000.1 + n * 300, 'c', 21, 21),
]);
const BARE = 0x0a00 + 0x0001 + 0x0a00 + 0x0002 + 6 + 20;

/** Each finding that rests on absence: what gives it, how sure it is, and how sure with losses. */
const FINDINGS: Readonly<Record<string, readonly [rows: readonly Facts[], ...string[]]>> = {
  'syn-unanswered': [[SYN, at(SYN, 1000)], 'proven', 'likely'],
  'half-open': [[SYN, SYN_ACK, at(SYN_ACK, 1010), at(SYN_ACK, 3010)], 'proven', 'likely'],
  'idle-drop': [[...ALIVE, ...backOff(3_600_000, 5, 21, 21)], 'likely', 'possible'],
  'retransmission-storm': [[...ALIVE, ...backOff(100, 7, 21, 21)], 'proven', 'likely'],
  'zero-window-stall': [
    [...ALIVE, say(40, 'c', 21, 21, 10), shut(50), shut(1050), shut(3050)],
    'likely',
    'possible',
  ],
  'rst-by-owner': [[...ALIVE, { ...say(90, 's', 21, 21), flags: 'R.' }], 'likely', 'possible'],
  'rst-no-connection': [
    [...ALIVE, { ms: 90, from: 's', flags: 'R', seq: 21 }],
    'likely',
    'possible',
  ],
  'rst-inexact': [[...ALIVE, { ms: 90, from: 's', flags: 'R', seq: 4999 }], 'likely', 'possible'],
  'sequence-jump': [[...ALIVE, ...JUMPED], 'proven', 'likely'],
  'split-handshake': [
    [SYN, { ms: 10, from: 's', flags: 'S' }, { ms: 10.1, from: 'c', flags: 'S.', seq: 0, ack: 1 }],
    'proven',
    'likely',
  ],
  'synack-wrong-ack': [
    [SYN, { ...SYN_ACK, ms: 5, ack: 77_777, more: { segSeq: 4242 } }, SYN_ACK, ACK],
    'likely',
    'possible',
  ],
  'phantom-synack': [
    [SYN, SYN_ACK, ACK, { ...SYN_ACK, ms: 28, seq: 800_000 }, say(60, 's', 800_001, 1, 21)],
    'likely',
    'possible',
  ],
  'checksum-partial': [
    [0, 1000, 3000].flatMap((ms) => [
      { ...at(SYN, ms), more: { checksum: 'good', ttl: 64 } },
      {
        ...at(SYN_ACK, ms + 10),
        more: { checksum: 'bad', checksumField: BARE, tcpBytes: 20, ttl: 63 },
      },
    ]),
    'likely',
    'possible',
  ],
};

function certaintyOf(code: string, rows: readonly Facts[], lostPackets: number): string {
  const records = rows.map((facts, index) => record(facts, index + 1));
  const { findings } = analyseRecords(records, { lostPackets });
  const found = findings.find((finding) => finding.code === code);
  if (found === undefined) throw new Error(`${code}: ${findings.map((one) => one.code)}`);
  const said = found.looksTheSame.some((same) => same.includes('lost 12 packets'));
  return `${found.certainty}${said ? ', says so' : ''}`;
}

describe('findings', () => {
  it.each(Object.entries(FINDINGS))('%s', (code, [rows, sure = '', less = '']) => {
    expect(certaintyOf(code, rows, 0)).toBe(sure);
    expect(certaintyOf(code, rows, 12)).toBe(`${less}, says so`);
  });

  it('that rest on absence all have a row, and a code of the registry', () => {
    expect(Object.keys(FINDINGS).sort()).toEqual(Object.keys(RESTS_ON_ABSENCE).sort());
    for (const code of Object.keys(FINDINGS)) expect(codeByName(code), code).toBeDefined();
  });

  it('that packets show stay as they are', () => {
    const conflict = [SYN, SYN_ACK, ACK, { ...SYN_ACK, ms: 28, seq: 800_000 }];
    const refused: Facts[] = [SYN, { ms: 1, from: 's', flags: 'R.', seq: 0, ack: 1 }];
    expect(certaintyOf('synack-conflict', conflict, 12)).toBe('likely');
    expect(certaintyOf('connection-refused', refused, 12)).toBe('proven');
  });

  it('are weaker where octets were acknowledged that nobody saw', () => {
    const reset: Facts = { ms: 90, from: 's', flags: 'R', seq: 21 };
    const rows = [...ALIVE.slice(0, 3), ...ALIVE.slice(4), reset];
    const records = rows.map((facts, index) => record(facts, index + 1));
    const [found] = analyseRecords(records).findings;
    expect(found).toMatchObject({ code: 'rst-no-connection', certainty: 'possible' });
    expect(found?.looksTheSame[0]).toContain(
      'octets were acknowledged that are not in the capture',
    );
  });
});

const GREETING = line(20, 's', '[P.], seq 1:22, ack 1, win 509, length 21');
const HEARD = line(21, 'c', '[.], ack 22, win 502, length 0');
const RESET = line(40, 's', '[R], seq 5022, win 0, length 0');
const LOSES = '12 packets dropped by kernel';

describe('text of tcpdump', () => {
  it('says what was lost, and the report says it', async () => {
    const rows = [...HANDSHAKE, GREETING, HEARD, RESET];
    const all = await reportOf([...rows, '0 packets dropped by kernel'].join('\n'));
    const some = await reportOf([...rows, LOSES, '3 packets dropped by interface'].join('\n'));
    expect(all.findings[0]?.certainty).toBe('likely');
    expect(some.findings[0]?.certainty).toBe('possible');
    expect(all.input.tolerated[LOST]).toBe(undefined);
    expect(some.input.tolerated[LOST]).toBe(15);
  });
});

describe('suspects', () => {
  async function verdicts(rows: readonly string[]): Promise<Record<string, string>> {
    const { hypotheses } = await reportOf(rows.join('\n'));
    return Object.fromEntries(hypotheses.map(({ id, verdict }) => [id, verdict]));
  }

  it('are ruled out by what was seen only', async () => {
    const rows = [...HANDSHAKE, GREETING, HEARD, RESET];
    const all = await verdicts(rows);
    const some = await verdicts([...rows, LOSES]);
    const changed = Object.keys(all).filter((id) => all[id] !== some[id]);
    // The client’s silence, and that nothing long was sent; the greeting itself was seen.
    expect(changed.sort()).toEqual(['mtu', 'mux', 'openssh-7.4', 'ssh-auth', 'ssh-kex']);
    for (const id of changed) expect([all[id], some[id]]).toEqual(['ruled-out', 'undecided']);
    expect(some['maxstartups']).toBe('ruled-out');
  });

  it('say why, and what decides then', async () => {
    const { hypotheses } = await reportOf([...HANDSHAKE, GREETING, HEARD, RESET, LOSES].join('\n'));
    const mtu = hypotheses.find(({ id }) => id === 'mtu');
    expect(mtu?.because).toMatch(/; but packets are missing from this capture$/);
    expect(mtu?.decide).not.toBe('');
  });

  it('are never ruled out or confirmed by absence, in any row of the table', () => {
    for (const rows of Object.values(PACKET_RULES)) {
      for (const [when, verdict] of rows) {
        if (!EVIDENCE_OF_ABSENCE.has(when)) continue;
        expect<Verdict[]>(['possible', 'undecided']).toContain(weakenVerdict(verdict));
      }
    }
    for (const when of EVIDENCE_OF_ABSENCE) expect(Object.keys(EVIDENCE)).toContain(when);
  });
});
