/** Plots of long connections: bounded, and true to what they leave out. */
import { describe, expect, it } from 'vitest';
import { PlotLane, POINT_COUNT_MAX, type Point } from '../../../src/diagnose/html/plot-lane.ts';
import { columnOf, rowOf, type Scale } from '../../../src/diagnose/html/plot-scale.ts';
import { stepsOf, strokesOf } from '../../../src/diagnose/html/plot-strokes.ts';
import { line } from '../trace.ts';
import { longTrace, pageFrom } from './pages.ts';

function point(index: number, more: Partial<Point> = {}): Point {
  const lo = index * 100;
  return {
    frame: index + 1,
    timeUs: index,
    lo,
    hi: lo + 100,
    ack: 7,
    edge: 9,
    flags: 0,
    kind: 0,
    packets: 1,
    ...more,
  };
}

describe('PlotLane', () => {
  it('keeps every packet until it is full', () => {
    const lane = new PlotLane({ pointsLeft: 100_000 });
    for (let index = 0; index < POINT_COUNT_MAX; index++) lane.add(point(index));
    expect(lane.count).toBe(POINT_COUNT_MAX);
    expect([...lane.points()].at(-1)).toEqual(point(POINT_COUNT_MAX - 1));
  });

  it('merges neighbours then: no octet and no packet is lost, control packets stay', () => {
    const lane = new PlotLane({ pointsLeft: 100_000 });
    const count = 100_000;
    for (let index = 0; index < count; index++) {
      lane.add(point(index, index === 777 ? { flags: 2 } : {}));
    }
    const points = [...lane.points()];
    expect(lane.count).toBeLessThanOrEqual(POINT_COUNT_MAX);
    expect(points.reduce((sum, { packets }) => sum + packets, 0)).toBe(count);
    expect(points.filter(({ flags }) => flags === 2)).toEqual([point(777, { flags: 2 })]);
    for (const [index, { lo }] of points.entries()) {
      if (index > 0) expect(lo).toBe(points[index - 1]?.hi);
    }
    expect(points.at(-1)?.hi).toBe(count * 100);
  });

  it('stays bounded where all packets are special', () => {
    const lane = new PlotLane({ pointsLeft: 100_000 });
    for (let index = 0; index < 50_000; index++) lane.add(point(index, { flags: 4 }));
    expect(lane.count).toBeLessThanOrEqual(POINT_COUNT_MAX);
    expect(lane.packets).toBe(50_000);
  });

  it('gives its points back when its connection is let go', () => {
    const budget = { pointsLeft: 24 };
    const lane = new PlotLane(budget);
    for (let index = 0; index < 1000; index++) lane.add(point(index));
    expect(budget.pointsLeft).toBe(0);
    lane.release();
    expect(budget.pointsLeft).toBe(24);
  });

  it('does not grow beyond what all lanes may hold together', () => {
    const budget = { pointsLeft: 24 };
    const lanes = [new PlotLane(budget), new PlotLane(budget)];
    for (let index = 0; index < 1000; index++) for (const lane of lanes) lane.add(point(index));
    expect(lanes.reduce((sum, lane) => sum + lane.count, 0)).toBeLessThanOrEqual(2 * 8 + 24);
  });
});

describe('strokes', () => {
  const scale: Scale = { fromUs: 0, toUs: 1e6, from: 0, to: 1e6, edgeShown: false };

  it('one per column, from the lowest to the highest octet', () => {
    const spans = Array.from({ length: 10_000 }, (_none, at) => {
      return { timeUs: at * 100, lo: at * 100, hi: at * 100 + 50 };
    });
    const outlier = { timeUs: 500_000, lo: 900_000, hi: 900_100 };
    const { path, drawn, spans: count } = strokesOf(scale, [...spans, outlier]);
    expect(count).toBe(10_001);
    expect(drawn).toBeLessThanOrEqual(660);
    const column = columnOf(scale, 500_000);
    const [, bottom, top] = new RegExp(`M${column} ([\\d.]+)V([\\d.]+)`).exec(path) ?? [];
    expect(Number(top)).toBe(rowOf(scale, 900_100));
    expect(Number(bottom)).toBeGreaterThanOrEqual(rowOf(scale, 500_000));
  });

  it('a step line keeps the dips within a column', () => {
    const path = stepsOf(scale, [
      [0, 500_000],
      [1, 100_000],
      [2, 500_000],
    ]);
    expect(path).toContain(`V${rowOf(scale, 100_000)}`);
    expect(path).toMatch(new RegExp(`V${rowOf(scale, 500_000)}$`));
  });
});

describe('a connection of 10,000 packets', () => {
  it('makes a page of less than 2 MB, and says how many packets a stroke stands for', async () => {
    const { page, report } = await pageFrom(longTrace(10_000));
    expect(report.input.packets).toBe(10_005);
    expect(report.findings.map(({ code }) => code)).toContain('rst-refuted');
    expect(page.length).toBeLessThan(2e6);
    const [, shown, of, strokes] =
      /(\d+) of (\d+) packets with data, SYN or FIN are drawn, as (\d+) strokes/.exec(page) ?? [];
    // Without the SYN-ACK, all of them.
    expect([Number(shown), Number(of)]).toEqual([5002, 5002]);
    expect(Number(strokes)).toBeLessThanOrEqual(660);
  });

  it('marks the packets that decide, whatever was merged', async () => {
    const { page, report } = await pageFrom(longTrace(20_000));
    const reset = report.findings.find(({ code }) => code === 'rst-refuted');
    for (const frame of reset?.frames ?? []) expect(page).toContain(`line ${frame}: `);
    expect(page).toContain(`<title>line ${reset?.frames[0]}: RST</title>`);
  });
});

describe('plots', () => {
  it('keep numbers of another space off the scale, and say so', async () => {
    const { JUMPBOX } = await import('../trace.ts');
    const { page } = await pageFrom(JUMPBOX);
    expect(page).toMatch(/marked packets? lie off this scale/);
  });

  it('need times', async () => {
    const bare = longTrace(20)
      .split('\n')
      .map((text) => text.replace(/^\S+ /, ''))
      .join('\n');
    const { page } = await pageFrom(bare);
    expect(page).toContain('No plot: ');
  });

  it('go on where the 32 bits begin again', async () => {
    const trace = [
      line(0, 'c', '[S], seq 1000, win 64240, options [mss 1460], length 0'),
      line(10, 's', '[S.], seq 4294967000, ack 1001, win 65160, options [mss 1460], length 0'),
      line(10.1, 'c', '[.], ack 1, win 502, length 0'),
      line(20, 's', '[.], seq 1:1001, ack 1, win 509, length 1000'),
      line(20.5, 's', '[.], seq 1001:2001, ack 1, win 509, length 1000'),
      line(30, 's', '[R], seq 2001, win 0, length 0'),
      line(30.1, 's', '[P.], seq 2001:2040, ack 1, win 509, length 39'),
    ].join('\n');
    const { plots, report } = await pageFrom(trace);
    const [flow] = report.flows;
    const points = flow === undefined ? [] : [...(plots.of(flow)?.lanes[1].points() ?? [])];
    const data = points.filter(({ flags }) => flags === 0).map(({ lo, hi }) => [lo, hi]);
    expect(data).toEqual([
      [4294967001, 4294968001],
      [4294968001, 4294969001],
      [4294969001, 4294969040],
    ]);
  });
});
