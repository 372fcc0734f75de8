/** `status`: its JSON keys are API and written out; its page is for people. */
import { describe, expect, it } from 'vitest';
import * as codes from '../../src/engine/codes.ts';
import { FLOW_TRANSLATED } from '../../src/engine/flow/layout.ts';
import { STATS } from '../../src/telemetry/registry.ts';
import { type StatusFacts, statusOf, statusText } from '../../src/telemetry/status.ts';
import { VERSION } from '../../src/version.ts';
import { memoryOf } from './flow-memory.ts';
import { factsOf } from './status-facts.ts';

function busyMemory() {
  const memory = memoryOf([{ flags: FLOW_TRANSLATED }]);
  const counters = new Float64Array(memory.counters);
  counters[codes.SYNACK_CONFLICT] = 7;
  counters[codes.RST_REFUTED] = 1;
  counters[codes.RST_DROPPED] = 2;
  counters[codes.RST_RELEASED] = 3;
  counters[codes.REANCHORED + codes.WOULD] = 4;
  counters[codes.RST_HELD + codes.WOULD] = 5;
  counters[codes.STAT_FLOW_CREATED] = 6;
  return memory;
}

describe('statusOf()', () => {
  const status = statusOf(factsOf(busyMemory()));

  it('has these keys and no others', () => {
    expect(Object.keys(status)).toEqual([
      'schema',
      'version',
      'pid',
      'state',
      'reasons',
      'mode',
      'hook',
      'targets',
      'ready',
      'uptimeMs',
      'endsAt',
      'expires',
      'expired',
      'ticket',
      'inspect',
      'fullBecause',
      'rules',
      'packets',
      'packetsByQueue',
      'flows',
      'translate',
      'userBecause',
      'translated',
      'findings',
      'interventions',
      'adjustments',
      'wouldIntervene',
      'counters',
      'offloaded',
      'injected',
      'injectFailed',
      'latencyUs',
      'gcPauseUs',
      'budgetUs',
      'budgetExceeded',
      'shed',
      'heartbeatMs',
      'eventsLost',
      'knownFaults',
      'evidence',
      'removal',
    ]);
  });

  it('has these values, through JSON', () => {
    const { counters, uptimeMs, ...rest } = JSON.parse(JSON.stringify(status)) as Record<
      string,
      unknown
    >;
    expect(rest).toEqual({
      schema: 1,
      version: VERSION,
      pid: process.pid,
      state: 'ok',
      reasons: [],
      mode: 'enforce',
      hook: 'host',
      targets: ['10.0.0.0/8', 'bastion.example'],
      ready: true,
      packetsByQueue: [1234],
      endsAt: null,
      expires: null,
      expired: false,
      ticket: null,
      inspect: 'auto',
      fullBecause: null,
      translate: 'user',
      userBecause: null,
      rules: { installed: true, backend: 'nft', reinstalled: 0 },
      packets: 1234,
      flows: { current: 1, peak: 2, capacity: 64, evicted: 3 },
      translated: { kernel: 0, userspace: 1 },
      findings: { 'synack-conflict': 7, 'rst-refuted': 1 },
      interventions: { 'rst-dropped': 2 },
      adjustments: { 'rst-released': 3 },
      wouldIntervene: { reanchored: 4, 'rst-held': 5 },
      offloaded: 0,
      injected: 4,
      injectFailed: 5,
      latencyUs: { p50: 21, p99: 80, p999: 170, max: 900 },
      gcPauseUs: { count: 3, p50: 210, p99: 480, p999: 480, max: 481 },
      budgetUs: 200,
      budgetExceeded: 2,
      shed: 3,
      heartbeatMs: 6,
      eventsLost: 7,
      knownFaults: { phantom: 1 },
      evidence: {
        recording: true,
        dir: '/var/lib/seqshim/evidence',
        files: 1,
        packets: 8,
        lost: 0,
      },
      removal: 'needed',
    });
    expect(Object.keys(counters as object)).toEqual(STATS.map(([, name]) => name));
    expect(counters).toMatchObject({ flowsCreated: 6, packets: 0 });
    expect(uptimeMs).toBeGreaterThanOrEqual(5000);
  });

  it('is degraded exactly when there is a reason', () => {
    const reasons = ['packet loop is stuck'];
    expect(statusOf(factsOf(busyMemory(), { reasons })).state).toBe('degraded');
  });
});

describe('statusText()', () => {
  it('is one page', () => {
    expect(statusText({ ...statusOf(factsOf(busyMemory())), pid: 77, uptimeMs: 5000 })).toBe(
      `seqshim ${VERSION} (pid 77) ok
  mode            enforce, hook host, rules by nft
  targets         10.0.0.0/8, bastion.example
  running         5 s
  packets         1234 inspected, 3 shed under load
  bypassed        0 packets, 0 octets; 0 connections now
  flows           1 now, 2 at most, room for 64
  latency         p50 21 µs, p99 80 µs, max 900 µs
  found           synack-conflict 7
                  rst-refuted 1
  did             rst-dropped 2
  also            rst-released 3
  would have done reanchored 4
                  rst-held 5
  evidence        8 packets in 1 file: /var/lib/seqshim/evidence
`,
    );
  });

  it('says who translates, and why not the kernel', () => {
    const text = (changed: Partial<StatusFacts>) =>
      statusText(statusOf(factsOf(memoryOf([]), changed)));
    expect(text({})).not.toContain('translated');
    expect(text({ translate: 'kernel', kernelFlows: 2 })).toContain(
      '\n  translated      2 by the kernel (rule KEEP-SEQSHIM stays until they end), 0 by seqshim\n',
    );
    expect(text({ userBecause: 'no ctnetlink' })).toContain(
      '\n  translated      by seqshim: no ctnetlink\n',
    );
  });

  it('says that every packet is inspected, and why', () => {
    const text = (because: string) =>
      statusText(statusOf(factsOf(memoryOf([]), { inspect: 'full', fullBecause: because })));
    expect(text('')).toContain('\n  inspected       every packet\n');
    expect(text('no marks here')).toContain('\n  inspected       every packet: no marks here\n');
  });

  it('says what is wrong and when it ends', () => {
    const endsAt = '2026-01-02T03:04:05.000Z';
    const reasons = ['rules were removed by somebody else', 'packet loop is stuck'];
    const text = statusText(statusOf(factsOf(memoryOf([]), { reasons, endsAt })));
    expect(text).toContain(
      ') degraded: rules were removed by somebody else; packet loop is stuck\n',
    );
    expect(text).toContain(' s, ends at 2026-01-02T03:04:05.000Z unless: seqshim keep\n');
    expect(text).not.toContain('found');
  });
});

describe('the stay', () => {
  it('is told with its ticket and its last day, and when that is over', () => {
    const stay = { expires: '2027-03-31', ticket: 'OPS-7 "first"' };
    const fresh = statusOf(factsOf(busyMemory(), stay));
    expect(fresh).toMatchObject({ ...stay, expired: false, state: 'ok' });
    expect(statusText(fresh)).toContain('\n  ticket          OPS-7 "first"\n');
    expect(statusText(fresh)).toContain('\n  until           2027-03-31\n');
    const over = statusOf(factsOf(busyMemory(), { ...stay, expired: true }));
    expect(statusText(over)).toContain('2027-03-31, which is over: is it still needed?');
    expect(over.state).toBe('ok');
  });
});
