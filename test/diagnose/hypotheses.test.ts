/**
 * The table of suspects and evidence in packets, cell by cell: each row is one cell, made by a
 * trace. Nothing is ruled out without a packet.
 */
import { describe, expect, it } from 'vitest';
import { type Finding, makeFinding, type Verdict } from '../../src/diagnose/finding.ts';
import type { Flow } from '../../src/diagnose/flow.ts';
import { judgeHypotheses, mayBeSsh } from '../../src/diagnose/hypotheses.ts';
import { caseOf, EVIDENCE } from '../../src/diagnose/hypotheses-evidence.ts';
import { PACKET_RULES } from '../../src/diagnose/hypotheses-rules.ts';
import { printReport } from '../../src/diagnose/print-report.ts';
import { SUSPECT_IDS, type SuspectId } from '../../src/diagnose/suspects.ts';
import { HANDSHAKE, JUMPBOX, line, reportOf, SERVER_SIDE } from './trace.ts';

const SYN = line(
  0,
  'c',
  '[S], seq 1000, win 64240, options [mss 1460,sackOK,TS val 1 ecr 0], length 0',
);
const SYN_PLAIN = SYN.replace(',TS val 1 ecr 0', '');
const SYN_ACK = line(10, 's', '[S.], seq 5000, ack 1001, win 65160, options [mss 1460], length 0');
const SYN_ACK_TS = SYN_ACK.replace('mss 1460', 'mss 1460,sackOK,TS val 9 ecr 1');
const ACK = line(10.1, 'c', '[.], ack 1, win 502, length 0');
const REFUSED = [SYN, line(1, 's', '[R.], seq 0, ack 1001, win 0, length 0')];
const UNANSWERED = [SYN, line(1000, 'c', SYN.slice(SYN.indexOf('[S]')))];
const GREETING = line(20, 's', '[P.], seq 1:22, ack 1, win 509, length 21');
const LONG_SAID = line(21, 'c', '[P.], seq 1:1301, ack 1, win 502, length 1300');
const LONG_HEARD = line(31, 's', '[.], ack 1301, win 502, length 0');
const LATE_RESET = line(90_000, 's', '[R], seq 5001, win 0, length 0');
const otherPort = (rows: readonly string[]) => rows.map((row) => row.replaceAll('.2.22', '.2.443'));

/** `tcpdump -e`. */
const of = (mac: string, row: string) =>
  row.replace(' IP ', ` ${mac} > 02:00:00:00:00:77, ethertype IPv4 (0x0800), length 66: `);

/** The SYN-ACK from one MAC address, data from another. */
function macs(mac: string): string[] {
  return [of('02:00:00:00:00:99', SYN), of('02:00:00:00:00:01', SYN_ACK), of(mac, GREETING)];
}

/** With MAC addresses of the two answers. */
function conflict(macA: string, macB: string): string[] {
  const client = '02:00:00:00:00:99';
  return [
    of(client, SYN),
    of(macA, SYN_ACK),
    of(client, ACK),
    of(macB, line(15, 's', '[S.], seq 900000, ack 1001, win 65160, options [mss 1460], length 0')),
    of(macA, line(40, 's', '[R], seq 5001, win 0, length 0')),
  ];
}

/** `tcpdump -v`, with what it says of the checksum. */
function checked(ms: number, from: 'c' | 's', rest: string, checksum: string): string {
  const row = line(ms, from, rest);
  const octets = Number(/length (\d+)/.exec(rest)?.[1] ?? 0);
  return row
    .replace(
      ' IP ',
      ` IP (tos 0x0, ttl 64, id 1, offset 0, flags [DF], proto TCP (6), length ${40 + octets})\n    `,
    )
    .replace(/(Flags \[[^\]]+\], )/, `$1${checksum}, `);
}
const GOOD = 'cksum 0x1234 (correct)';
const SHAKEN = [
  checked(0, 'c', '[S], seq 1000, win 64240, options [mss 1460], length 0', GOOD),
  checked(10, 's', '[S.], seq 5000, ack 1001, win 65160, options [mss 1460], length 0', GOOD),
];
const CHECKED_RESET = checked(40, 's', '[R], seq 5001, win 0, length 0', GOOD);

const TRACES = {
  jumpbox: JUMPBOX,
  serverSide: SERVER_SIDE,
  refused: REFUSED,
  refusedElsewhere: otherPort(REFUSED),
  unanswered: UNANSWERED,
  unansweredPlain: UNANSWERED.map((row) => row.replace(',TS val 1 ecr 0', '')),
  resetAtOnce: [SYN_PLAIN, SYN_ACK, ACK, line(40, 's', '[R], seq 5001, win 0, length 0')],
  resetOfStamped: [SYN, SYN_ACK_TS, ACK, line(40, 's', '[R], seq 5001, win 0, length 0')],
  resetLate: [...HANDSHAKE, GREETING, LONG_SAID, LONG_HEARD, LATE_RESET],
  resetLateAfterPause: [
    ...HANDSHAKE,
    LONG_SAID,
    LONG_HEARD,
    line(6_031, 's', '[P.], seq 1:22, ack 1301, win 509, length 21'),
    line(9_000, 's', '[R], seq 5022, win 0, length 0'),
  ],
  longInVain: [
    ...HANDSHAKE,
    GREETING,
    LONG_SAID,
    ...[300, 900, 2100].map((ms) => line(ms, 'c', LONG_SAID.slice(LONG_SAID.indexOf('[P.]')))),
    line(30_000, 's', '[R], seq 5022, win 0, length 0'),
  ],
  middle: [
    line(0, 's', '[P.], seq 700000:700100, ack 900000, win 502, length 100'),
    line(20, 's', '[R], seq 900000, win 0, length 0'),
    line(20.1, 's', '[P.], seq 1:101, ack 1, win 502, length 100'),
    line(900, 'c', '[R], seq 900000, win 0, length 0'),
  ],
  turnedAway: [
    ...HANDSHAKE,
    line(11, 'c', '[P.], seq 1:22, ack 1, win 502, length 21'),
    line(12, 's', '[P.], seq 1:27, ack 1, win 509, length 26'),
    line(12.1, 's', '[R.], seq 27, ack 1, win 0, length 0'),
  ],
  closedUnsaid: [
    ...HANDSHAKE,
    line(11, 'c', '[P.], seq 1:22, ack 1, win 502, length 21'),
    line(12.1, 's', '[R.], seq 1, ack 22, win 0, length 0'),
  ],
  twoMacs: conflict('02:00:00:00:00:01', '02:00:00:00:00:02'),
  oneMac: conflict('02:00:00:00:00:01', '02:00:00:00:00:01'),
  checksumsGood: [...SHAKEN, CHECKED_RESET],
  checksumsBad: [
    ...SHAKEN,
    checked(
      11,
      's',
      '[P.], seq 1:22, ack 1, win 509, length 21',
      'cksum 0x1111 (incorrect -> 0x2222)',
    ),
    CHECKED_RESET,
  ],
  twoMacsNoConflict: macs('02:00:00:00:00:02'),
  oneMacNoConflict: macs('02:00:00:00:00:01'),
  open: [...HANDSHAKE, GREETING],
} as const satisfies Record<string, string | readonly string[]>;

type Trace = keyof typeof TRACES;

/** Suspect, evidence, verdict, the trace that has it; with a code, that finding decides. */
const CELLS: readonly (readonly [SuspectId, string, Verdict, Trace, code?: string])[] = [
  ['mtu', 'refused', 'ruled-out', 'refused'],
  ['mtu', 'unanswered', 'ruled-out', 'unanswered'],
  ['mtu', 'small-quick-end', 'ruled-out', 'jumpbox'],
  ['mtu', 'long-in-vain', 'possible', 'longInVain'],
  ['mtu', 'other', 'undecided', 'resetLate'],
  ...(['ssh-auth', 'ssh-kex', 'openssh-7.4'] as const).flatMap(
    (id) =>
      [
        [id, 'no-ssh', 'undecided', 'refusedElsewhere'],
        [id, 'refused', 'ruled-out', 'refused'],
        [id, 'unanswered', 'ruled-out', 'unanswered'],
        [id, 'before-kex', 'ruled-out', 'jumpbox'],
        [id, 'other', 'undecided', 'resetLate'],
      ] as const,
  ),
  ['usedns', 'no-ssh', 'undecided', 'refusedElsewhere'],
  ['usedns', 'refused', 'ruled-out', 'refused'],
  ['usedns', 'unanswered', 'ruled-out', 'unanswered'],
  ['usedns', 'quick-end', 'ruled-out', 'jumpbox'],
  ['usedns', 'server-pause', 'possible', 'resetLateAfterPause'],
  ['usedns', 'other', 'undecided', 'resetLate'],
  ['maxstartups', 'no-ssh', 'undecided', 'refusedElsewhere'],
  ['maxstartups', 'refused', 'possible', 'refused'],
  ['maxstartups', 'unanswered', 'possible', 'unanswered'],
  ['maxstartups', 'greeted', 'ruled-out', 'jumpbox'],
  ['maxstartups', 'turned-away', 'possible', 'turnedAway'],
  ['maxstartups', 'closed-unsaid', 'possible', 'closedUnsaid'],
  ['maxstartups', 'other', 'undecided', 'resetAtOnce'],
  ['offload', 'unheard', 'undecided', 'open', 'half-open'],
  ['offload', 'checksums-answered', 'ruled-out', 'serverSide'],
  ['offload', 'checksums-unfinished', 'ruled-out', 'open', 'checksum-offload'],
  ['offload', 'checksums-bad', 'possible', 'checksumsBad'],
  ['offload', 'checksums-good', 'ruled-out', 'checksumsGood'],
  ['offload', 'other', 'undecided', 'jumpbox'],
  ['checksum-fill', 'checksums-partial', 'confirmed', 'checksumsGood', 'checksum-partial'],
  ['checksum-fill', 'checksums-bad', 'possible', 'checksumsBad'],
  ['checksum-fill', 'unheard', 'undecided', 'checksumsGood', 'retransmission-storm'],
  ['checksum-fill', 'checksums-answered', 'ruled-out', 'serverSide'],
  ['checksum-fill', 'checksums-good', 'ruled-out', 'checksumsGood'],
  ['checksum-fill', 'other', 'undecided', 'jumpbox'],
  ['tcpkeepalive', 'refused', 'ruled-out', 'refused'],
  ['tcpkeepalive', 'unanswered', 'ruled-out', 'unanswered'],
  ['tcpkeepalive', 'quick-end', 'ruled-out', 'jumpbox'],
  ['tcpkeepalive', 'idle-found', 'confirmed', 'resetLate', 'idle-drop'],
  ['tcpkeepalive', 'idle-end', 'possible', 'resetLate'],
  ['tcpkeepalive', 'other', 'undecided', 'resetLateAfterPause'],
  ['duplicate-ip', 'conflict-two-macs', 'possible', 'twoMacs'],
  ['duplicate-ip', 'conflict-one-mac', 'possible', 'oneMac'],
  ['duplicate-ip', 'macs-absent', 'undecided', 'jumpbox'],
  ['tcp-timestamps', 'timestamps-stripped', 'confirmed', 'resetAtOnce', 'timestamps-stripped'],
  ['tcp-timestamps', 'timestamps-absent', 'ruled-out', 'jumpbox'],
  ['tcp-timestamps', 'answered-then-reset', 'ruled-out', 'resetOfStamped'],
  ['tcp-timestamps', 'refused', 'ruled-out', 'refused'],
  ['tcp-timestamps', 'syn-in-vain', 'possible', 'unanswered'],
  ['tcp-timestamps', 'other', 'undecided', 'middle'],
  ['isn-randomization', 'sack-shifted', 'confirmed', 'resetLate', 'sack-out-of-window'],
  ['isn-randomization', 'conflict', 'possible', 'jumpbox'],
  ['isn-randomization', 'jumped', 'possible', 'resetLate', 'sequence-jump'],
  ['isn-randomization', 'other', 'undecided', 'resetLate'],
  ['xlate', 'conflict', 'possible', 'jumpbox'],
  ['xlate', 'jumped', 'possible', 'resetLate', 'sequence-jump'],
  ['xlate', 'refused', 'undecided', 'refused'],
  ['xlate', 'unanswered', 'possible', 'unanswered'],
  ['xlate', 'reset', 'possible', 'resetLate'],
  ['port-reuse', 'stale-ack', 'confirmed', 'resetLate', 'stale-ack'],
  ['port-reuse', 'refused', 'ruled-out', 'refused'],
  ['port-reuse', 'unanswered', 'possible', 'unanswered'],
  ['port-reuse', 'answered-at-once', 'undecided', 'jumpbox'],
  ['port-reuse', 'other', 'undecided', 'middle'],
  ['mux', 'no-ssh', 'undecided', 'refusedElsewhere'],
  ['mux', 'refused', 'ruled-out', 'refused'],
  ['mux', 'unanswered', 'ruled-out', 'unanswered'],
  ['mux', 'before-kex', 'ruled-out', 'jumpbox'],
  ['mux', 'other', 'undecided', 'resetLate'],
  ['duplicate-ip', 'two-macs', 'possible', 'twoMacsNoConflict'],
  ['duplicate-ip', 'other', 'undecided', 'oneMacNoConflict'],
  ['xlate', 'other', 'undecided', 'open'],
];

const WORDING = { frame: 'line', captureInterface: 'eth0' };

async function flowOf(trace: Trace, code?: string): Promise<[Flow, Finding[]]> {
  const text: string | readonly string[] = TRACES[trace];
  const report = await reportOf(typeof text === 'string' ? text : text.join('\n'));
  const [flow] = report.flows;
  if (flow === undefined) throw new Error('no connection in the trace');
  const findings = report.findings.filter((finding) => finding.flow === flow.id);
  if (code === undefined) return [flow, findings];
  const given = { flow: flow.id, frames: [flow.lastFrame], summary: '', explanation: '' };
  return [flow, [makeFinding({ ...given, code, certainty: 'proven' })]];
}

describe('the table', () => {
  for (const [id, evidence, verdict, trace, code] of CELLS) {
    it(`${id}, ${evidence}: ${verdict} (${trace})`, async () => {
      const [flow, findings] = await flowOf(trace, code);
      const about = caseOf(flow, findings, WORDING, mayBeSsh(flow, ''));
      const decides = PACKET_RULES[id].find(([when]) => EVIDENCE[when](about) !== undefined);
      expect(decides?.[0]).toBe(evidence);
      const hypothesis = judgeHypotheses(flow, findings, WORDING).find((one) => one.id === id);
      expect(hypothesis?.verdict).toBe(verdict);
      expect(hypothesis?.because).not.toMatch(/%|undefined|NaN/);
      if (verdict === 'ruled-out') expect(hypothesis?.frames.length).toBeGreaterThan(0);
      else expect(hypothesis?.decide).not.toBe('');
    });
  }

  it('has a test for every cell, and no test without one', () => {
    const cells = SUSPECT_IDS.flatMap((id) => PACKET_RULES[id].map(([when]) => `${id} ${when}`));
    expect(CELLS.map(([id, evidence]) => `${id} ${evidence}`).sort()).toEqual(cells.sort());
  });

  it('says the same of no suspect twice', () => {
    for (const id of SUSPECT_IDS) {
      const whens = PACKET_RULES[id].map(([when]) => when);
      expect(new Set(whens).size, id).toBe(whens.length);
      expect(whens.at(-1), id).toBe('other');
    }
  });
});

describe('every trace', () => {
  it.each(Object.keys(TRACES) as Trace[])(
    '%s: all suspects, ruled out by packets',
    async (trace) => {
      const [flow, findings] = await flowOf(trace);
      const hypotheses = judgeHypotheses(flow, findings, WORDING);
      expect(hypotheses.map(({ id }) => id)).toEqual([...SUSPECT_IDS]);
      const unproven = hypotheses.filter(
        ({ verdict, frames }) => verdict === 'ruled-out' && frames.length === 0,
      );
      expect(unproven).toEqual([]);
    },
  );
});

describe('ssh', () => {
  it('is not said of a connection to another port without a banner', async () => {
    const [flow, findings] = await flowOf('refusedElsewhere');
    const auth = judgeHypotheses(flow, findings, WORDING).find(({ id }) => id === 'ssh-auth');
    expect(auth?.because).toBe('no sign of ssh: port 443, and no ssh banner was seen');
  });

  it('may be on another port, where the server speaks first or ssh -v names it', async () => {
    const report = await reportOf(
      [...HANDSHAKE, GREETING].join('\n').replaceAll('.2.22', '.2.2222'),
    );
    const [flow] = report.flows;
    expect(flow && mayBeSsh(flow, '')).toBe(true);
    const [other] = await flowOf('refusedElsewhere');
    expect(mayBeSsh(other, '')).toBe(false);
    expect(mayBeSsh(other, '443')).toBe(true);
  });
});

describe('the end of a report', () => {
  it('says that nothing failed where nothing did, and suspects nobody', async () => {
    const report = await reportOf(TRACES.open.join('\n'));
    expect(report.hypotheses).toEqual([]);
    expect(printReport(report)).toContain('What it is not: nothing failed here');
  });

  it('has the deciding command on one line, with names that are safe to paste', async () => {
    const text = printReport(await reportOf(JUMPBOX));
    expect(text).toContain('decide: arping -I eth0 -c 5 server');
    const evil = printReport(await reportOf(JUMPBOX.replaceAll('server.', "x';reboot;'.")));
    expect(evil.match(/decide: .*reboot.*/g)).toBeNull();
  });
});
