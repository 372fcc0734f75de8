/** The pasted trace that the project exists for, and the same failure seen from the server. */
import { describe, expect, it } from 'vitest';
import { printReport } from '../../src/diagnose/print-report.ts';
import { reportJson } from '../../src/diagnose/report.ts';
import { diagnoseText, JUMPBOX, reportOf, SERVER_SIDE, VERDICTS } from './trace.ts';

const A = 405921081;
const B = 4195986320;

describe('the jumpbox trace', async () => {
  const report = await reportOf(JUMPBOX);
  const byCode = new Map(report.findings.map((finding) => [finding.code, finding]));
  const text = printReport(report);

  it('has exactly the three findings, cause before consequence', () => {
    expect(report.findings.map(({ code }) => code)).toEqual([
      'synack-conflict',
      'rst-after-conflict',
      'rst-refuted',
    ]);
    expect(report.findings.map(({ severity }) => severity)).toEqual(['error', 'error', 'error']);
  });

  it('names the lines', () => {
    expect(byCode.get('synack-conflict')?.frames).toEqual([4, 5, 6, 7, 11, 13, 15, 17, 19]);
    expect(byCode.get('rst-after-conflict')?.frames).toEqual([9]);
    expect(byCode.get('rst-refuted')?.frames).toEqual([9, 10]);
  });

  it('names both initial numbers, unsigned, and the time between', () => {
    expect(byCode.get('synack-conflict')?.numbers).toMatchObject({
      isn: A,
      otherIsn: B,
      afterUs: 18_181,
      synCount: 1,
      otherSynackCount: 6,
    });
    expect(byCode.get('rst-refuted')?.numbers).toEqual({ seq: A + 1, bySeq: A + 1, afterUs: 4 });
  });

  it('says that two end points answered one SYN', () => {
    expect(byCode.get('synack-conflict')?.summary).toContain('Two TCP end points answered one SYN');
    expect(byCode.get('synack-conflict')?.certainty).toBe('proven');
  });

  it('ranks the causes with reasons and leaves the choice open', () => {
    const conflict = byCode.get('synack-conflict');
    const causes = conflict?.causes.map(({ cause }) => cause) ?? [];
    expect(causes).toHaveLength(4);
    expect(causes[0]).toContain('two translations');
    expect(causes[1]).toContain('intercept');
    expect(causes[3]).toContain('same IP address');
    expect(conflict?.causes.every(({ reasons }) => reasons.length > 0)).toBe(true);
    expect(conflict?.undecided).toContain('MAC addresses and TTLs');
  });

  it('gives the one command that decides', () => {
    expect(byCode.get('synack-conflict')?.decide).toBe(
      "tcpdump -i eth0 -e -n -vvv -S 'host server and tcp port 22'",
    );
    expect(text.match(/^ {4}tcpdump /gm)).toHaveLength(1);
  });

  it('calls no packet the answer to one that is younger than a round trip', () => {
    const explanation = byCode.get('rst-after-conflict')?.explanation;
    expect(explanation).toContain('It can only be the answer to line 6, the only packet');
    expect(explanation).toContain('It is not the answer to line 8: that left only 13 µs before');
    expect(explanation).toContain('393 µs');
  });

  it('takes the client’s own resets for the consequence they are', () => {
    expect(byCode.get('synack-conflict')?.explanation).toContain(
      'own resets (lines 12, 14, 16, 18 and 20) are only the consequence',
    );
  });

  it('rules out only what a packet rules out', () => {
    const verdicts = Object.fromEntries(report.hypotheses.map(({ id, verdict }) => [id, verdict]));
    expect(verdicts).toEqual(VERDICTS);
    const unproven = report.hypotheses.filter(
      ({ verdict, frames }) => verdict === 'ruled-out' && frames.length === 0,
    );
    expect(unproven).toEqual([]);
  });

  it('names the packets that rule out', () => {
    const told = Object.fromEntries(
      report.hypotheses.map(({ id, because, frames }) => [id, `${because} [${frames}]`]),
    );
    expect(told['mtu']).toContain('the longest packet carried 39 octets (line 10)');
    expect(told['mtu']).toContain('the reset in line 9');
    for (const id of ['ssh-auth', 'ssh-kex', 'openssh-7.4', 'mux']) {
      expect(told[id], id).toContain('the client sent no octet before the reset in line 9');
      expect(told[id], id).toContain('[4,9]');
    }
    expect(told['usedns']).toContain('18.59 ms after the first packet (line 9)');
    expect(told['tcpkeepalive']).toContain('18.59 ms after the first packet (line 9)');
    expect(told['maxstartups']).toContain('greeted with 39 octets (line 10)');
    expect(told['tcp-timestamps']).toContain('the SYN-ACK in line 5 has none');
  });

  it('stays within 100 columns, commands apart', () => {
    const long = text
      .split('\n')
      .filter((row) => row.length > 100 && !/^ {4}tcpdump | decide: /.test(row));
    expect(long).toEqual([]);
  });

  it('has the same as JSON', () => {
    const json = JSON.parse(JSON.stringify(reportJson([report])));
    expect(json.schema).toBe(1);
    expect(json.flows).toHaveLength(1);
    expect(json.flows[0]).toMatchObject({ serverIsns: [A, B], clientIsns: [3882361678] });
    for (const finding of json.findings) {
      expect(Object.keys(finding)).toEqual(
        expect.arrayContaining([
          'code',
          'severity',
          'flow',
          'frames',
          'summary',
          'explanation',
          'remedy',
          'certainty',
          'decide',
        ]),
      );
    }
    for (const hypothesis of json.hypotheses) {
      expect(Object.keys(hypothesis)).toEqual(
        expect.arrayContaining(['id', 'verdict', 'because', 'frames', 'decide']),
      );
    }
  });
});

describe('the server-side trace', async () => {
  const report = await reportOf(SERVER_SIDE);
  const [reset, offload] = report.findings;

  it('finds the client’s side without a connection, and harmless checksums', () => {
    expect(report.findings.map(({ code, severity }) => [code, severity])).toEqual([
      ['rst-no-connection', 'warning'],
      ['checksum-offload', 'note'],
    ]);
  });

  it('names the lines although all addresses are cut away', () => {
    expect(reset?.frames).toEqual([8, 9]);
    expect(reset?.numbers).toMatchObject({ seq: 3260569026, sentOctets: 40 });
    expect(offload?.frames).toEqual([4, 7, 8]);
    expect(report.input.tolerated).toMatchObject({ 'packets without addresses': 7, ARP: 4 });
  });

  it('proves the checksums harmless by the packet that was accepted', () => {
    expect(offload?.certainty).toBe('proven');
    expect(offload?.explanation).toContain('accepted line 4 and answered it in line 5');
  });

  it('rules out by its packets what the client’s end had not come to', () => {
    const verdicts = Object.fromEntries(report.hypotheses.map(({ id, verdict }) => [id, verdict]));
    expect(verdicts).toMatchObject({
      mtu: 'ruled-out',
      'ssh-auth': 'ruled-out',
      'ssh-kex': 'ruled-out',
      offload: 'ruled-out',
      'checksum-fill': 'ruled-out',
      'tcp-timestamps': 'ruled-out',
      'duplicate-ip': 'undecided',
      xlate: 'possible',
    });
  });

  it('does not claim who reset the client', () => {
    expect(reset?.certainty).toBe('likely');
    expect(reset?.undecided).toContain('by whom, is not in a capture from this side');
  });
});

it('anything else is unusable, in one line', async () => {
  const outcome = await diagnoseText('hello\nthis is a poem\n');
  expect(outcome).toMatchObject({
    kind: 'unusable',
    problem: expect.stringMatching(/^Cannot diagnose "test": no tcpdump packet in 2 lines[^\n]*$/),
  });
});
