/** What `report` claims: only what was counted, and *safe to remove* on canaries only. */
import { beforeEach, describe, expect, it } from 'vitest';
import { ALL, type Destination, History, nameOf } from '../../src/telemetry/history.ts';
import { CANARIES_WANTED, judgeDestination } from '../../src/telemetry/removal.ts';
import { reportOf, reportText } from '../../src/telemetry/repair-report.ts';

const DAY = 86_400_000;
const NOW = Date.parse('2026-03-04T05:30:00.000Z');
const FROM = NOW - 7 * DAY;

function destination(changed: Partial<Destination>): Destination {
  const none = { lastFault: 0, canaries: 0, canariesClean: 0, sackBlind: false };
  return { address: '10.0.0.2', port: 22, ...none, ...changed };
}

const judged = (changed: Partial<Destination>) => judgeDestination(destination(changed), FROM);

describe('judgeDestination()', () => {
  it('needs it where a fault was seen and no canary has ended well since', () => {
    expect(judged({ lastFault: NOW - DAY, canaries: 4 })).toEqual({
      verdict: 'needed',
      because: 'last fault 2026-03-03T05:30:00.000Z, and no canary has ended well since',
    });
  });

  it('does not know where the fault is long ago, and no canary has told', () => {
    expect(judged({ lastFault: FROM - 1 }).verdict).toBe('unknown');
  });

  it('does not know before thirty canaries have ended well, however long ago the fault is', () => {
    const clean = { lastFault: NOW - DAY, canaries: 40, canariesClean: CANARIES_WANTED - 1 };
    expect(judged(clean).verdict).toBe('unknown');
    expect(judged({ ...clean, lastFault: 1 }).verdict).toBe('unknown');
    expect(judged(clean).because).toContain(
      '29 of 40 canaries since have ended well, 30 are wanted',
    );
  });

  it('is safe with as many as say something, and says how much', () => {
    const { verdict, because } = judged({ lastFault: 1, canaries: 31, canariesClean: 30 });
    expect(verdict).toBe('safe');
    expect(because).toContain('30 of 31 canaries since have ended well and met none');
    expect(because).toContain('fewer than 1 connection in 10 meets it (95 % confidence)');
    expect(judged({ lastFault: 1, canariesClean: 300 }).because).toContain('1 connection in 100');
  });

  it('claims no more than the rule of three: 0.95 = 1 - (1 - p)^n, p below 3/n', () => {
    for (const n of [30, 45, 300, 3000]) {
      const p = 1 - 0.05 ** (1 / n);
      expect(p).toBeLessThan(3 / n);
      expect(judged({ lastFault: 1, canariesClean: n }).because).toContain(
        `fewer than 1 connection in ${Math.floor(n / 3)} `,
      );
    }
  });

  it('does not know of SACK blocks that no canary has shown', () => {
    const clean = { lastFault: 1, canaries: 90, canariesClean: 90 };
    expect(judged({ ...clean, sackBlind: true }).verdict).toBe('unknown');
  });
});

describe('reportOf()', () => {
  let history: History;
  beforeEach(() => {
    history = new History(NOW - 30 * DAY);
    history.add(ALL, 'connections', 500, NOW - DAY);
    history.add(ALL, 'synack-conflict', 3, NOW - DAY);
    history.add(ALL, 'segment-translated', 900, NOW - DAY);
    history.add(nameOf('10.0.0.2', 22), 'synack-conflict', 3, NOW - DAY);
    history.add(nameOf('10.0.0.2', 22), 'would synack-dropped', 3, NOW - DAY);
    history.add(nameOf('fd00::2', 22), 'rst-foreign', 1, NOW - DAY);
  });

  function fault(changed: Partial<Destination>): void {
    Object.assign(history.destination('10.0.0.2', 22), { lastFault: NOW - DAY, ...changed });
  }

  it('has these keys', () => {
    fault({});
    const report = reportOf(history, FROM, NOW);
    expect(Object.keys(report)).toEqual([
      'schema',
      'from',
      'to',
      'historySince',
      'connections',
      'eventsLost',
      'findings',
      'interventions',
      'adjustments',
      'wouldIntervene',
      'destinations',
      'verdict',
      'because',
    ]);
    expect(Object.keys(report.destinations[0] ?? {})).toEqual([
      'address',
      'port',
      'findings',
      'interventions',
      'adjustments',
      'wouldIntervene',
      'lastFault',
      'canaries',
      'canariesClean',
      'verdict',
      'because',
    ]);
  });

  it('keeps totals and destinations apart, and what was done from what would have been', () => {
    fault({});
    const report = reportOf(history, FROM, NOW);
    expect(report).toMatchObject({
      from: '2026-02-25T05:00:00.000Z',
      connections: 500,
      findings: { 'synack-conflict': 3 },
      interventions: { 'segment-translated': 900 },
      verdict: 'needed',
      because: '1 destination has shown a fault, and no clean canary since',
    });
    expect(report.destinations).toMatchObject([
      {
        address: '10.0.0.2',
        findings: { 'synack-conflict': 3 },
        interventions: {},
        wouldIntervene: { 'synack-dropped': 3 },
        verdict: 'needed',
      },
      { address: 'fd00::2', findings: { 'rst-foreign': 1 }, lastFault: null, verdict: null },
    ]);
  });

  it('does not know where no destination has shown a fault: no canary had anything to look for', () => {
    expect(reportOf(history, FROM, NOW)).toMatchObject({
      verdict: 'unknown',
      because: 'none of 500 connections has shown a fault: no canary had anything to look for',
    });
  });

  it('is as sure as the least sure destination', () => {
    fault({ canaries: 30, canariesClean: 30 });
    expect(reportOf(history, FROM, NOW).verdict).toBe('safe');
    history.destination('10.0.0.3', 22).lastFault = 1;
    expect(reportOf(history, FROM, NOW).verdict).toBe('unknown');
    history.destination('10.0.0.4', 22).lastFault = NOW;
    expect(reportOf(history, FROM, NOW).verdict).toBe('needed');
  });

  it('is not sure where events were lost: a fault may be among them', () => {
    fault({ canaries: 30, canariesClean: 30 });
    history.add(ALL, 'events-lost', 2, NOW - DAY);
    expect(reportOf(history, NOW - 3_600_000, NOW)).toMatchObject({
      eventsLost: 2,
      verdict: 'unknown',
      because: '2 events were lost: a fault may be among them',
    });
  });

  it('reads like this', () => {
    fault({ canaries: 30, canariesClean: 30 });
    expect(reportText(reportOf(history, FROM, NOW))).toBe(
      `from 2026-02-25T05:00:00.000Z to 2026-03-04T05:30:00.000Z, 500 connections
  found           synack-conflict 3
  did             segment-translated 900

10.0.0.2:22
  found           synack-conflict 3
  would have done synack-dropped 3
  safe to remove: last fault 2026-03-03T05:30:00.000Z; 30 of 30 canaries since have ended well \
and met none: fewer than 1 connection in 10 meets it (95 % confidence)

[fd00::2]:22
  found           rst-foreign 1

safe to remove: canaries met no fault at the destination that had shown one
`,
    );
  });
});
