/** Events become log lines: named by the registry, sequence numbers unsigned, limited per code. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import * as codes from '../../src/engine/codes.ts';
import { EVENT_SLOT_COUNT } from '../../src/engine/limits.ts';
import { EventLog, type EventRecord, endpoint } from '../../src/telemetry/event-log.ts';
import { openLog } from '../../src/telemetry/log.ts';
import { CODES } from '../../src/telemetry/registry.ts';
import { EventRing, Lines } from './event-ring.ts';

const ISN_A = 405921081;
const ISN_B = 4195986320; // as int32 it is negative

function rig(format: 'json' | 'text' = 'json') {
  const ring = new EventRing();
  const out = new Lines();
  return { ring, out, log: new EventLog([ring.buffer], openLog({ level: 'info', format }, out)) };
}

afterEach(() => vi.useRealTimers());

describe('EventLog', () => {
  it('writes a finding as JSON with everything that justifies it', () => {
    const { ring, out, log } = rig();
    ring.put({ code: codes.SYNACK_CONFLICT, args: [ISN_A, ISN_B | 0, 18, 64, 250] });
    log.drain();
    const [line, ...others] = out.json();
    expect(others).toEqual([]);
    expect(line).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      code: 'synack-conflict',
      kind: 'finding',
      flow: '10.0.0.1:40270 > 10.0.0.2:22',
      ageMs: 17,
      isn: ISN_A,
      otherIsn: ISN_B,
      afterMs: 18,
      ttl: 64,
      otherTtl: 250,
      summary: CODES[0]?.summary,
      msg: 'synack-conflict',
    });
  });

  it('writes what supports a finding as a list of words', () => {
    const { ring, out, log } = rig();
    for (const bits of [0, 7]) ring.put({ code: codes.RST_FOREIGN, args: [1, 200, 61, bits] });
    log.drain();
    const all = ['ip-id', 'no-timestamps', 'df'];
    expect(out.json()).toMatchObject([{ support: [] }, { ttl: 200, support: all }]);
  });

  it('writes an action with the finding that caused it, and says when it was only observed', () => {
    const { ring, out, log } = rig();
    const dropped = { code: codes.RST_DROPPED, cause: codes.RST_REFUTED, args: [-1, 5] };
    ring.put(dropped);
    ring.put({ ...dropped, would: true, ipv6: true });
    log.drain();
    const [done, observed] = out.json();
    expect(done).toMatchObject({
      level: 'info',
      code: 'rst-dropped',
      kind: 'intervention',
      cause: 'rst-refuted',
      seq: 4294967295,
      afterMs: 5,
    });
    expect(done).not.toHaveProperty('observeOnly');
    expect(observed).toMatchObject({
      observeOnly: true,
      flow: '[fd00::1]:40270 > [fd00::2]:22',
    });
  });

  it('writes every argument of every code: sequence numbers unsigned, others signed', () => {
    const { ring, out, log } = rig();
    for (const { code } of CODES) ring.put({ code, args: [-1, -2, -3, -4, -5] });
    log.drain();
    const lines = out.json();
    expect(lines.length).toBe(CODES.length);
    for (const [i, { name, args, severity }] of CODES.entries()) {
      const line = lines[i];
      expect(line?.['code']).toBe(name);
      expect(line?.['level']).toBe(severity === 'note' ? 'info' : 'warn');
      const wanted = args.map(([, kind], at) => {
        return kind === 'support' ? ['df'] : (kind === 'seq' ? 2 ** 32 : 0) - at - 1;
      });
      expect(args.map(([key]) => line?.[key])).toEqual(wanted);
    }
  });

  it('leaves out a number that is no code', () => {
    const { ring, out, log } = rig();
    ring.put({ code: 63 });
    ring.put({ code: codes.RST_HELD });
    log.drain();
    expect(out.json().map((line) => line['code'])).toEqual(['rst-held']);
  });

  it('writes a line for people in text', () => {
    const { ring, out, log } = rig('text');
    ring.put({ code: codes.RST_REFUTED, args: [ISN_B | 0, 7, 3, 1] });
    log.drain();
    expect(out.lines).toEqual([
      expect.stringMatching(
        /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z warn {2}rst-refuted 10\.0\.0\.1:40270 > 10\.0\.0\.2:22 .*\n$/,
      ),
    ]);
    expect(out.lines[0]).toContain(
      ` seq=${ISN_B} bySeq=7 afterMs=3 probes=1 | The connection that`,
    );
  });

  it('writes a hundred lines of one code, then one in 600 ms, and tells what it left out', () => {
    vi.useFakeTimers({ toFake: ['performance', 'Date'] });
    const { ring, out, log } = rig();
    for (let i = 0; i < 130; i++) ring.put({ code: codes.PROBE_SENT });
    ring.put({ code: codes.RST_HELD });
    log.drain();
    const count = (code: string) => out.json().filter(({ msg }) => msg === code).length;
    expect([count('probe-sent'), count('rst-held')]).toEqual([100, 1]);
    vi.advanceTimersByTime(600);
    for (let i = 0; i < 2; i++) ring.put({ code: codes.PROBE_SENT });
    log.drain();
    expect([count('probe-sent'), count('suppressed')]).toEqual([101, 0]);
    // However the clock of the wall is set meanwhile.
    vi.advanceTimersByTime(59_400);
    vi.setSystemTime(1_000_000);
    ring.put({ code: codes.PROBE_SENT });
    log.drain();
    log.drain();
    expect(out.json().slice(102)).toMatchObject([
      { msg: 'probe-sent' },
      { msg: 'suppressed', code: 'probe-sent', lines: 31 },
    ]);
  });

  it('tells at the end of the shim what it did not log', () => {
    const { ring, out, log } = rig();
    for (let i = 0; i < 103; i++) ring.put({ code: codes.PROBE_SENT });
    log.close();
    expect(out.json().slice(100)).toMatchObject([
      { msg: 'suppressed', code: 'probe-sent', lines: 3 },
    ]);
  });

  it('lets others hear of every event, logged or not, and of those that were lost', () => {
    const heard: EventRecord[] = [];
    let lost = 0;
    const ring = new EventRing();
    const hearer = {
      note: (record: EventRecord) => void heard.push(record),
      noteLost: (events: number) => {
        lost += events;
      },
    };
    const log = new EventLog(
      [ring.buffer],
      openLog({ level: 'error', format: 'json' }, new Lines()),
      hearer,
    );
    for (let i = 0; i < EVENT_SLOT_COUNT + 2; i++) ring.put({ code: codes.RST_HELD, ipv6: true });
    log.drain();
    expect([heard.length, lost]).toEqual([EVENT_SLOT_COUNT, 2]);
    expect(heard[0]).toMatchObject({
      code: 'rst-held',
      near: { address: 'fd00::1', port: 40270 },
      far: { address: 'fd00::2', port: 22 },
    });
  });

  it('tells once how many events the ring could not hold', () => {
    const { ring, out, log } = rig();
    let refused = 0;
    for (let i = 0; i < EVENT_SLOT_COUNT + 3; i++) {
      if (!ring.put({ code: i % 2 === 0 ? codes.RST_HELD : codes.PROBE_SENT })) refused++;
    }
    expect(refused).toBe(3);
    log.drain();
    log.drain();
    expect(out.json().filter(({ msg }) => msg === 'events lost')).toMatchObject([{ events: 3 }]);
  });
});

describe('endpoint()', () => {
  it('puts brackets around IPv6', () => {
    expect(endpoint('10.0.0.1', 22)).toBe('10.0.0.1:22');
    expect(endpoint('fd00::1', 22)).toBe('[fd00::1]:22');
  });
});
