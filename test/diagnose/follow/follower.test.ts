/**
 * When `--follow` tells a finding: once, as soon as it has stood long enough by the capture's clock
 * or ours, and what a look costs. Time is virtual.
 */
import { describe, expect, it } from 'vitest';
import { analyse } from '../../../src/diagnose/analyse.ts';
import { FlowBook } from '../../../src/diagnose/flow-book.ts';
import { followJson, followLine } from '../../../src/diagnose/follow/follow-line.ts';
import { Follower, type Told } from '../../../src/diagnose/follow/follower.ts';
import { SETTLES_US } from '../../../src/diagnose/follow/settling.ts';
import { codeByName } from '../../../src/telemetry/registry.ts';
import { type Facts, OPENED, record } from '../records.ts';

class Live {
  readonly told: Told[] = [];
  readonly book: FlowBook;
  nowMs = 0;
  clockReads = 0;
  /** How long the judging of one connection takes. */
  stepMs = 0;
  private readonly follower: Follower;
  private frame = 0;

  constructor() {
    const clock = () => {
      this.clockReads += 1;
      this.nowMs += this.stepMs;
      return this.nowMs;
    };
    this.follower = new Follower((told) => this.told.push(told), clock);
    this.book = new FlowBook(this.follower.intake({}));
    this.follower.begin('frame', this.book);
  }

  packets(rows: readonly Facts[]): void {
    for (const facts of rows) {
      this.frame += 1;
      this.book.add(record(facts, this.frame), 0);
    }
  }

  look(afterMs: number): string[] {
    this.nowMs += afterMs;
    this.follower.look();
    return this.lines();
  }

  lines(): string[] {
    return this.told.splice(0).map(({ kind, finding }) => `${kind} ${finding.code}`);
  }

  finish(): string[] {
    this.follower.finish({
      ...analyse(this.book.flows, { frame: 'frame', captureInterface: '' }),
      flows: this.book.flows,
    });
    return this.lines();
  }
}

const SYN: Facts = { ms: 0, from: 'c', flags: 'S' };
const RESET: Facts = { ms: 20, from: 's', flags: 'R', seq: 1 };
const DATA: Facts = { ms: 30, from: 's', flags: 'P.', octets: 39 };

describe('Follower', () => {
  it('tells a finding once, when it has stood for a while', () => {
    const live = new Live();
    live.packets([SYN, { ...SYN, ms: 1000 }]);
    expect(live.look(0)).toEqual([]);
    expect(live.look(4900)).toEqual([]);
    expect(live.look(200)).toEqual(['finding syn-unanswered']);
    live.packets([{ ...SYN, ms: 3000 }]);
    expect(live.look(9000)).toEqual([]);
    expect(live.finish()).toEqual([]);
  });

  it('goes by the clock of the capture where that is ahead: a file through a pipe', () => {
    const live = new Live();
    live.packets([SYN, { ...SYN, ms: 1000 }]);
    live.look(0);
    live.packets([
      { ...SYN, ms: 3000 },
      { ...SYN, ms: 7000 },
    ]);
    expect(live.look(1)).toEqual(['finding syn-unanswered']);
  });

  it('does not tell what the next packet takes back', () => {
    const live = new Live();
    live.packets([SYN, { ...SYN, ms: 1000 }]);
    live.look(0);
    live.packets([
      { ms: 1010, from: 's', flags: 'S.' },
      { ms: 1011, from: 'c' },
    ]);
    expect(live.look(60_000)).toEqual([]);
    expect(live.finish()).toEqual([]);
  });

  it('tells the refuted reset, not the reset of a side that knows no connection', () => {
    const live = new Live();
    live.packets([...OPENED, RESET]);
    live.look(0);
    live.packets([DATA]);
    const told = [...live.look(250), ...live.look(5000), ...live.finish()];
    expect(told).toContain('finding rst-refuted');
    expect(told).not.toContain('finding rst-no-connection');
  });

  it('takes back at the end what did not last', () => {
    const live = new Live();
    live.packets([SYN, { ...SYN, ms: 1000 }]);
    live.look(0);
    expect(live.look(6000)).toEqual(['finding syn-unanswered']);
    live.packets([
      { ms: 8000, from: 's', flags: 'S.' },
      { ms: 8001, from: 'c' },
    ]);
    expect(live.look(9000)).toEqual([]);
    expect(live.finish()).toEqual(['withdrawn syn-unanswered']);
  });

  it('tells at the end what had not stood long enough', () => {
    const live = new Live();
    live.packets([SYN, { ...SYN, ms: 1000 }]);
    expect(live.look(0)).toEqual([]);
    expect(live.finish()).toEqual(['finding syn-unanswered']);
  });

  it('tells a note once a server, and a fault once a connection', () => {
    const live = new Live();
    for (const port of ['40001', '40002', '40003']) {
      const ends = { srcPort: port };
      const refusal = { dstPort: port };
      live.packets([
        { ...SYN, more: ends, octets: 5 },
        { ...SYN, ms: 1000, more: ends, octets: 5 },
        { ms: 1001, from: 's', flags: 'S.', seq: 0, ack: 1, more: refusal },
        { ms: 1002, from: 'c', more: ends },
        { ms: 1020, from: 's', flags: 'R', seq: 1, more: refusal },
      ]);
    }
    live.look(0);
    const told = [...live.look(10_000), ...live.finish()].sort();
    expect(told.filter((line) => line === 'finding syn-data')).toHaveLength(1);
    expect(told.filter((line) => line === 'finding rst-no-connection')).toHaveLength(3);
  });

  it('judges what changed since the last look, and nothing else', () => {
    const live = new Live();
    for (let port = 1; port <= 200; port++) {
      live.packets([{ ...SYN, more: { srcPort: String(40_000 + port) } }]);
    }
    live.look(0);
    const all = live.clockReads;
    live.packets([{ ...SYN, ms: 1000, more: { srcPort: '40001' } }]);
    live.look(0);
    expect(all).toBe(201);
    expect(live.clockReads - all).toBe(2);
  });

  it('leaves the rest for the next look when there is too much to judge', () => {
    const live = new Live();
    live.packets([SYN, { ...SYN, ms: 1000 }]);
    live.packets([0, 1000].map((ms) => ({ ...SYN, ms, more: { srcPort: '40001' } })));
    live.stepMs = 1000;
    live.look(0);
    expect(live.clockReads).toBe(2);
    live.look(0);
    expect(live.look(10_000)).toEqual(['finding syn-unanswered', 'finding syn-unanswered']);
  });
});

describe('a line', () => {
  function told(startUs: number): Told {
    const live = new Live();
    const more = (ms: number) => ({ more: { timeUs: startUs + ms * 1000 } });
    live.packets([
      { ...SYN, ...more(0) },
      { ...SYN, ...more(1000) },
    ]);
    live.look(0);
    live.nowMs += 6000;
    live.look(0);
    live.finish();
    const flow = live.book.flows[0];
    const [finding] = analyse(live.book.flows, { frame: 'frame', captureInterface: '' }).findings;
    if (flow === undefined || finding === undefined) throw new Error('no finding');
    return { kind: 'finding', flow, finding };
  }

  it('has time, severity, code, connection and summary', () => {
    expect(followLine(told(1_700_000_000_000_000))).toBe(
      '2023-11-14T22:13:21.000Z WARNING syn-unanswered 10.0.0.1:40000 → 10.0.0.2:22: ' +
        'Nobody answered: 2 SYNs in 1.00 s, no packet back\n',
    );
  });

  it('has the time of day where the input has no dates, and none where it has no times', () => {
    expect(followLine(told(36_000_000_000))).toMatch(/^10:00:01\.000 WARNING /);
    expect(followLine(told(-5_000_000))).toMatch(/^WARNING /);
  });

  it('of JSON has the finding, and names that stay', () => {
    const line = followJson('-', told(1_700_000_000_000_000));
    expect(line).toMatch(/^\{[^\n]*\}\n$/);
    const keys = Object.keys(JSON.parse(line));
    expect(keys).toEqual([
      ...['schema', 'event', 'time', 'severity', 'code', 'summary', 'input'],
      ...['client', 'clientPort', 'server', 'serverPort'],
      ...['looksTheSame', 'remedy', 'decide', 'numbers', 'causes', 'undecided', 'flow', 'frames'],
      ...['explanation', 'certainty'],
    ]);
    expect(JSON.parse(line)).toMatchObject({ schema: 1, event: 'finding', flow: 1 });
  });
});

it('only codes of the registry take longer to settle', () => {
  const unknown = Object.keys(SETTLES_US).filter((code) => codeByName(code) === undefined);
  expect(unknown).toEqual([]);
});
