/**
 * Connections that have ended make room: a capture with ten times as many as are held is analysed
 * whole, in bounded memory, and its totals stay true.
 */
import { describe, expect, it } from 'vitest';
import { collectGarbage } from '../../src/datapath/main-heap.ts';
import { diagnoseStream } from '../../src/diagnose/diagnose.ts';
import { END_KINDS, type EndedFlows, FAULTY_COUNT_MAX } from '../../src/diagnose/ended-flows.ts';
import { addressFindings } from '../../src/diagnose/find-address.ts';
import type { Flow } from '../../src/diagnose/flow.ts';
import { FLOW_COUNT_MAX, FlowBook } from '../../src/diagnose/flow-book.ts';
import { printReport } from '../../src/diagnose/print-report.ts';
import { connectionCount, type Report, reportJson } from '../../src/diagnose/report.ts';
import { ManyConnections } from './many-connections.ts';
import { type Facts, OPENED, record, stamped } from './records.ts';

/** Collecting takes longer than reading. */
const MEASURED_PIECES = 16;

function liveBytes(): number {
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

async function reportOf(pieces: AsyncIterable<Uint8Array>): Promise<Report> {
  const outcome = await diagnoseStream('x', pieces);
  if (outcome.kind !== 'report') throw new Error(outcome.problem);
  expect(outcome.problem).toBe(undefined);
  return outcome.report;
}

function countedOf(report: Report): Record<string, unknown> {
  const { inputs } = reportJson([report]) as { inputs: { counted: Record<string, unknown> }[] };
  return inputs[0]?.counted ?? {};
}

describe('a capture of 200,000 connections', () => {
  it('is analysed whole: faulty ones at its end are found, totals are true', async () => {
    const capture = new ManyConnections({ connections: 200_000, perSecond: 1000, faulty: 3 });
    const beforeBytes = liveBytes();
    let peakBytes = 0;
    let pieces = 0;
    async function* measured(): AsyncGenerator<Uint8Array> {
      for (const piece of capture.pieces()) {
        yield piece;
        pieces += 1;
        if (pieces % MEASURED_PIECES === 0) peakBytes = Math.max(peakBytes, liveBytes());
      }
    }
    const report = await reportOf(measured());
    expect(report.input.packets).toBe(capture.packets);
    expect(connectionCount(report)).toBe(200_003);
    expect(report.flows.length).toBeLessThanOrEqual(FLOW_COUNT_MAX);
    expect(report.input.tolerated).toEqual({});
    expect(report.findings.map(({ code }) => code).sort()).toEqual([
      ...Array<string>(3).fill('rst-after-conflict'),
      ...Array<string>(3).fill('synack-conflict'),
    ]);
    const counted = countedOf(report) as { connections: number; closed: number; packets: number };
    expect(counted.closed).toBe(counted.connections);
    expect(counted.packets).toBe(counted.connections * ManyConnections.PACKETS_EACH);
    const text = printReport(report);
    expect(text).toContain(`x: ${capture.packets} TCP packets, 200003 connections\n`);
    expect(text).toMatch(/ {2}ended, and only counted: \d+ connections \(closed \d+\)\n/);
    // 200,000 records would take more than a gigabyte.
    expect(peakBytes).toBeGreaterThan(beforeBytes);
    expect(peakBytes - beforeBytes).toBeLessThan(150e6);
  }, 120_000);

  it('that all stay open is counted beyond the limit, as ever', async () => {
    const connections = FLOW_COUNT_MAX + 100;
    const capture = new ManyConnections({ connections, perSecond: 1000, stayOpen: true });
    const report = await reportOf(capture.stream());
    expect(report.flows).toHaveLength(FLOW_COUNT_MAX);
    expect(report.enough).toBe(false);
    const [notKept] = Object.values(report.input.tolerated);
    expect(notKept).toBe(100 * (ManyConnections.PACKETS_EACH - 3));
  }, 30_000);
});

/** Of one connection, from port `port` on. */
function add(book: FlowBook, rows: readonly Facts[], port: number, startMs = 0): void {
  for (const facts of rows) {
    const ends = facts.from === 'c' ? { srcPort: String(port) } : { dstPort: String(port) };
    const moved = { ...facts, ms: facts.ms + startMs, more: { ...facts.more, ...ends } };
    book.add(record(moved, port * 100 + facts.ms), 0);
  }
}

const CLOSED: readonly Facts[] = [
  ...OPENED,
  stamped({ ms: 20, from: 'c', flags: 'F.', seq: 1 }, 120, 900),
  stamped({ ms: 30, from: 's', flags: 'F.', seq: 1, ack: 2 }, 920, 120),
  stamped({ ms: 31, from: 'c', seq: 2, ack: 2 }, 131, 920),
];
const SECOND_ANSWER: Facts = { ms: 12, from: 's', flags: 'S.', seq: 70_000 };

function fold(rows: readonly Facts[], afterMs: number): EndedFlows {
  const book = new FlowBook();
  add(book, rows, 1);
  const { ended, flows } = book;
  ended.fold(flows, (flows[0]?.lastUs ?? 0) + afterMs * 1000);
  return ended;
}

describe('a connection', () => {
  it.each<[string, readonly Facts[], number]>([
    ['closed', CLOSED, 2000],
    ['reset', [...OPENED, stamped({ ms: 20, from: 'c', flags: 'R.', seq: 1 }, 120, 900)], 20_000],
    ['unanswered', [{ ms: 0, from: 'c', flags: 'S' }], 30_000],
  ])('that is %s goes when it has been silent for long', (kind, rows, afterMs) => {
    const ends = fold(rows, afterMs);
    const wasFound = kind === 'reset';
    expect(ends.connections).toBe(wasFound ? 0 : 1);
    expect(fold(rows, afterMs - 1).connections).toBe(0);
    if (!wasFound) expect(ends.ends).toMatchObject({ [kind]: 1 });
  });

  it('that is open does not go, however silent it is', () => {
    expect(fold(OPENED, 1e9).connections).toBe(0);
  });

  it('with a fault stays, up to a bound; beyond it the fault is counted by its code', () => {
    const book = new FlowBook();
    for (let port = 1; port <= FAULTY_COUNT_MAX + 2; port++) {
      add(book, [...CLOSED, SECOND_ANSWER], port);
    }
    const { ended } = book;
    ended.fold(book.flows, 36_000_000_000 + 60e6);
    expect(ended.connections).toBe(2);
    expect([...ended.findings.values()]).toEqual([
      { code: 'synack-conflict', severity: 'error', count: 2 },
    ]);
    expect(Object.keys(ended.ends)).toEqual([...END_KINDS]);
  });
});

describe('what comes behind it', () => {
  /** A second passes between the last connection and those before it. */
  function filled(): FlowBook {
    const book = new FlowBook();
    for (let port = 1; port < FLOW_COUNT_MAX; port++) add(book, CLOSED, port);
    add(book, CLOSED, FLOW_COUNT_MAX, 3000);
    expect(book.ended.connections).toBe(FLOW_COUNT_MAX - 1);
    return book;
  }

  it('late, is counted and begins nothing', () => {
    const book = filled();
    add(book, OPENED, 60_000, 60_000);
    expect(book.flows.map(({ clientPort }) => clientPort)).toEqual(['16384', '60000']);
    add(book, CLOSED.slice(-1), 7, 60_000);
    expect(book.ended.latePackets).toBe(1);
    expect(book.flows).toHaveLength(2);
  });

  it('with a SYN is a connection of its own', () => {
    const book = filled();
    add(book, OPENED, 60_000, 60_000);
    add(book, OPENED, 7, 60_000);
    expect(book.flows.map(({ clientPort }) => clientPort)).toEqual(['16384', '60000', '7']);
    expect(book.notKept).toBe(0);
  });
});

describe('places that take turns', () => {
  const from = (ttl: number) =>
    CLOSED.map((one) => (one.from === 's' ? { ...one, more: { ttl } } : one));

  function addresses(flows: readonly Flow[], ended: EndedFlows): string[] {
    const wording = { frame: 'frame', captureInterface: '' };
    return addressFindings(flows, wording, ended.addresses).map(({ code }) => code);
  }

  function codes(ttls: readonly number[], foldAt: number): string[] {
    const book = new FlowBook();
    for (const [index, ttl] of ttls.entries()) {
      if (index === foldAt) book.ended.fold(book.flows, 1e12);
      add(book, from(ttl), index + 1);
    }
    const kept = book.flows.filter(({ isLetGo }) => !isLetGo);
    return addresses(kept, book.ended);
  }

  it.each([0, 1, 2, 3, 4, 5])('are seen over connections of which %i are gone', (foldAt) => {
    expect(codes([60, 57, 60, 57, 60], foldAt)).toEqual(['duplicate-address']);
    expect(codes([60, 60, 57, 57, 57], foldAt)).toEqual([]);
  });

  it('are not where old connections end after newer ones', () => {
    const book = new FlowBook();
    for (let port = 1; port <= 4; port++) add(book, from(60).slice(0, 3), port);
    for (let round = 0; round < 3; round++) {
      add(book, from(57), 10 + round);
      add(book, from(60).slice(3), 1 + round);
      book.ended.fold(book.flows, 1e12 + round);
    }
    expect(
      addresses(
        book.flows.filter(({ isLetGo }) => !isLetGo),
        book.ended,
      ),
    ).toEqual([]);
  });
});
