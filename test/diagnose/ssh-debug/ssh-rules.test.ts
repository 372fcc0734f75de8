/** The table of suspects and evidence in `ssh -v`, cell by cell; and what it does to a report. */
import { describe, expect, it } from 'vitest';
import type { Verdict } from '../../../src/diagnose/finding.ts';
import { printReport } from '../../../src/diagnose/print-report.ts';
import { reportJson } from '../../../src/diagnose/report.ts';
import { judgeAttempt } from '../../../src/diagnose/ssh-debug/judge-ssh.ts';
import { SSH_EVIDENCE } from '../../../src/diagnose/ssh-debug/ssh-evidence.ts';
import { SSH_RULES } from '../../../src/diagnose/ssh-debug/ssh-rules.ts';
import { SUSPECT_IDS, type SuspectId } from '../../../src/diagnose/suspects.ts';
import { JUMPBOX, reportOf, SSH_DEBUG, VERDICTS } from '../trace.ts';
import { AUTH, attemptOf, CONNECTED, KEX, SESSION, sshText } from './fixtures.ts';

const other74 = (rows: readonly string[]) =>
  rows.map((row) => row.replace('software version OpenSSH_7.4', 'software version OpenSSH_9.9'));
const timed = (rows: readonly string[]) => rows.map((row) => `10:00:00.100 ${row}`);
const RESET = 'Connection reset by 10.0.0.2 port 22';
const CLOSED = 'Connection closed by 10.0.0.2 port 22';

const TEXTS = {
  unresolved: sshText('unresolved'),
  refused: sshText('refused'),
  unanswered: ['ssh: connect to host srv port 22: Connection timed out'],
  failing: SSH_DEBUG,
  reset: sshText('reset'),
  closed: [...CONNECTED, 'kex_exchange_identification: Connection closed by remote host'],
  bannerTimeout: sshText('banner-timeout'),
  turnedAway: sshText('turned-away'),
  quick: timed([...CONNECTED, 'kex_exchange_identification: read: Connection reset by peer']),
  kexHang: sshText('kex-hang'),
  kexReset: sshText('kex-reset'),
  kexReset99: other74([...KEX, RESET]),
  noCipher: sshText('no-cipher'),
  corrupted: [...KEX, 'Bad packet length 1349676916.'],
  denied: sshText('denied'),
  noMutual: [
    ...AUTH,
    'debug1: send_pubkey_test: no mutual signature algorithm',
    'op@srv: Permission denied (publickey).',
  ],
  authStuck: [...AUTH, CLOSED],
  killed: sshText('killed'),
  sessionReset: [...SESSION, 'client_loop: send disconnect: Connection reset by peer'],
  sessionPipe: [...SESSION, 'client_loop: send disconnect: Broken pipe'],
  master: sshText('through-master'),
  jump: sshText('jump'),
} as const satisfies Record<string, string | readonly string[]>;

type Text = keyof typeof TEXTS;

const textOf = (name: Text): string => {
  const text: string | readonly string[] = TEXTS[name];
  return typeof text === 'string' ? text : text.join('\n');
};

const CELLS: readonly (readonly [SuspectId, string, Verdict, Text])[] = [
  ['mtu', 'unresolved', 'ruled-out', 'unresolved'],
  ['mtu', 'refused', 'ruled-out', 'refused'],
  ['mtu', 'unanswered', 'ruled-out', 'unanswered'],
  ['mtu', 'before-banner', 'ruled-out', 'failing'],
  ['mtu', 'kex-stalled', 'possible', 'kexHang'],
  ['mtu', 'other', 'undecided', 'kexReset'],
  ['ssh-auth', 'denied', 'confirmed', 'denied'],
  ['ssh-auth', 'unresolved', 'ruled-out', 'unresolved'],
  ['ssh-auth', 'refused', 'ruled-out', 'refused'],
  ['ssh-auth', 'unanswered', 'ruled-out', 'unanswered'],
  ['ssh-auth', 'before-banner', 'ruled-out', 'failing'],
  ['ssh-auth', 'before-keys', 'ruled-out', 'kexReset'],
  ['ssh-auth', 'authenticated', 'ruled-out', 'killed'],
  ['ssh-auth', 'auth-stuck', 'possible', 'authStuck'],
  ['ssh-auth', 'other', 'undecided', 'jump'],
  ['ssh-kex', 'no-common', 'confirmed', 'noCipher'],
  ['ssh-kex', 'unresolved', 'ruled-out', 'unresolved'],
  ['ssh-kex', 'refused', 'ruled-out', 'refused'],
  ['ssh-kex', 'unanswered', 'ruled-out', 'unanswered'],
  ['ssh-kex', 'before-banner', 'ruled-out', 'failing'],
  ['ssh-kex', 'keys', 'ruled-out', 'denied'],
  ['ssh-kex', 'before-keys', 'possible', 'kexReset'],
  ['ssh-kex', 'other', 'undecided', 'jump'],
  ['openssh-7.4', 'unresolved', 'ruled-out', 'unresolved'],
  ['openssh-7.4', 'refused', 'ruled-out', 'refused'],
  ['openssh-7.4', 'unanswered', 'ruled-out', 'unanswered'],
  ['openssh-7.4', 'before-banner', 'ruled-out', 'failing'],
  ['openssh-7.4', 'server-other', 'ruled-out', 'kexReset99'],
  ['openssh-7.4', 'before-keys', 'ruled-out', 'kexReset'],
  ['openssh-7.4', 'authenticated', 'ruled-out', 'sessionPipe'],
  ['openssh-7.4', 'no-mutual-7.4', 'confirmed', 'noMutual'],
  ['openssh-7.4', 'server-7.4', 'possible', 'authStuck'],
  ['openssh-7.4', 'other', 'undecided', 'jump'],
  ['usedns', 'unresolved', 'ruled-out', 'unresolved'],
  ['usedns', 'refused', 'ruled-out', 'refused'],
  ['usedns', 'unanswered', 'ruled-out', 'unanswered'],
  ['usedns', 'first-write-reset', 'ruled-out', 'failing'],
  ['usedns', 'quick-end', 'ruled-out', 'quick'],
  ['usedns', 'banner-late', 'possible', 'bannerTimeout'],
  ['usedns', 'auth-stuck', 'possible', 'authStuck'],
  ['usedns', 'authenticated', 'ruled-out', 'killed'],
  ['usedns', 'other', 'undecided', 'reset'],
  ['maxstartups', 'turned-away', 'confirmed', 'turnedAway'],
  ['maxstartups', 'unresolved', 'ruled-out', 'unresolved'],
  ['maxstartups', 'refused', 'possible', 'refused'],
  ['maxstartups', 'unanswered', 'possible', 'unanswered'],
  ['maxstartups', 'first-write-reset', 'ruled-out', 'failing'],
  ['maxstartups', 'greeted', 'ruled-out', 'kexReset'],
  ['maxstartups', 'closed-unsaid', 'possible', 'closed'],
  ['maxstartups', 'before-banner-reset', 'possible', 'reset'],
  ['maxstartups', 'other', 'undecided', 'jump'],
  ['offload', 'corrupted', 'possible', 'corrupted'],
  ['offload', 'other', 'undecided', 'failing'],
  ['checksum-fill', 'unanswered', 'possible', 'unanswered'],
  ['checksum-fill', 'other', 'undecided', 'failing'],
  ['tcpkeepalive', 'unresolved', 'ruled-out', 'unresolved'],
  ['tcpkeepalive', 'refused', 'ruled-out', 'refused'],
  ['tcpkeepalive', 'unanswered', 'ruled-out', 'unanswered'],
  ['tcpkeepalive', 'first-write-reset', 'ruled-out', 'failing'],
  ['tcpkeepalive', 'quick-end', 'ruled-out', 'quick'],
  ['tcpkeepalive', 'session-died', 'possible', 'sessionPipe'],
  ['tcpkeepalive', 'other', 'undecided', 'reset'],
  ['duplicate-ip', 'other', 'undecided', 'failing'],
  ['tcp-timestamps', 'refused', 'ruled-out', 'refused'],
  ['tcp-timestamps', 'ended-by-reset', 'ruled-out', 'failing'],
  ['tcp-timestamps', 'unanswered', 'possible', 'unanswered'],
  ['tcp-timestamps', 'other', 'undecided', 'closed'],
  ['isn-randomization', 'ended-by-reset', 'possible', 'failing'],
  ['isn-randomization', 'other', 'undecided', 'closed'],
  ['xlate', 'unanswered', 'possible', 'unanswered'],
  ['xlate', 'ended-by-reset', 'possible', 'sessionReset'],
  ['xlate', 'session-died', 'possible', 'sessionPipe'],
  ['xlate', 'other', 'undecided', 'closed'],
  ['port-reuse', 'refused', 'ruled-out', 'refused'],
  ['port-reuse', 'unanswered', 'possible', 'unanswered'],
  ['port-reuse', 'other', 'undecided', 'failing'],
  ['mux', 'through-master', 'possible', 'master'],
  ['mux', 'unresolved', 'ruled-out', 'unresolved'],
  ['mux', 'own-connection', 'ruled-out', 'failing'],
  ['mux', 'other', 'undecided', 'jump'],
];

describe('the table', () => {
  for (const [id, evidence, verdict, text] of CELLS) {
    it(`${id}, ${evidence}: ${verdict} (${text})`, () => {
      const attempt = attemptOf(textOf(text));
      const decides = SSH_RULES[id].find(([when]) => SSH_EVIDENCE[when](attempt) !== undefined);
      expect(decides?.[0]).toBe(evidence);
      const hypothesis = judgeAttempt(attempt).find((one) => one.id === id);
      expect(hypothesis?.verdict).toBe(verdict);
      expect(hypothesis?.because).not.toMatch(/%|undefined|NaN|line 0/);
      expect(hypothesis?.frames).not.toContain(0);
      if (verdict === 'ruled-out') expect(hypothesis?.frames.length).toBeGreaterThan(0);
      else expect(hypothesis?.decide).not.toBe('');
    });
  }

  it('has a test for every cell, and no test without one', () => {
    const cells = SUSPECT_IDS.flatMap((id) => SSH_RULES[id].map(([when]) => `${id} ${when}`));
    expect(CELLS.map(([id, evidence]) => `${id} ${evidence}`).sort()).toEqual(cells.sort());
  });
});

describe('the failing ssh -v of the original case', async () => {
  const report = await reportOf(SSH_DEBUG);

  it('gives the answers of the trace, as far as text can', () => {
    expect(report.input.kind).toBe('ssh-debug');
    expect(Object.fromEntries(report.hypotheses.map(({ id, verdict }) => [id, verdict]))).toEqual(
      VERDICTS,
    );
    expect(report.enough).toBe(false);
  });

  it('says how far it came and gives the exact capture', () => {
    const text = printReport(report);
    expect(text).toContain('the connection was established; no version of the server’s came');
    expect(text).toContain('(line 26: “Connection reset by peer”)');
    expect(text).toContain("    tcpdump -i any -e -n -vvv -S 'host fenix-storage and tcp port 22'");
    expect(text).not.toContain('Nothing wrong found');
  });

  it('has the same as JSON', () => {
    const json = JSON.parse(JSON.stringify(reportJson([report])));
    expect(json.sshAttempts[0]).toMatchObject({
      host: 'fenix-storage',
      port: '22',
      clientVersion: 'OpenSSH_7.4p1',
      stage: 'connected',
      failed: true,
      end: { kind: 'reset', line: 26 },
      multiplexing: 'no-master',
    });
    expect(json.hypotheses).toHaveLength(SUSPECT_IDS.length);
  });
});

describe('both in one text', () => {
  it('are used: packets first, the text for what they leave open', async () => {
    const report = await reportOf(`${SSH_DEBUG}\n${JUMPBOX}`);
    expect(report.input.kind).toBe('tcpdump-text');
    expect(report.findings.map(({ code }) => code)).toContain('synack-conflict');
    expect(report.sshAttempts).toHaveLength(1);
    const verdicts = Object.fromEntries(report.hypotheses.map(({ id, verdict }) => [id, verdict]));
    expect(verdicts).toMatchObject({ mux: 'ruled-out', 'duplicate-ip': 'undecided' });
  });

  it('settle by the text what the packets cannot tell', async () => {
    const middle = JUMPBOX.split('\n').slice(5).join('\n');
    const alone = await reportOf(middle);
    const both = await reportOf(`${SSH_DEBUG}\n${middle}`);
    const of = (report: typeof alone) => report.hypotheses.find(({ id }) => id === 'ssh-auth');
    expect(of(alone)?.verdict).toBe('undecided');
    expect(of(both)?.verdict).toBe('ruled-out');
  });

  it('are kept apart when they are of different servers’ ports', async () => {
    const middle = JUMPBOX.split('\n').slice(5).join('\n');
    const report = await reportOf(`${sshText('reset')}\n${middle}`);
    expect(report.hypotheses.find(({ id }) => id === 'ssh-auth')?.verdict).toBe('undecided');
  });
});

describe('where nothing failed', () => {
  it.each(['session', 'session-vvv', 'through-master'])('%s: nobody is suspected', async (name) => {
    const report = await reportOf(sshText(name));
    expect(report.hypotheses).toEqual([]);
    expect(report.enough).toBe(true);
    expect(printReport(report)).toContain('nothing failed here');
  });
});

it('a name from a stranger does not get into a command', async () => {
  const report = await reportOf(SSH_DEBUG.replaceAll('fenix-storage', "x';reboot;'"));
  expect(report.hypotheses.map(({ decide }) => decide).join('\n')).not.toContain('reboot');
});
