/** Flows as JSON and as lines: keys are API, numbers unsigned, trouble first. */
import { describe, expect, it } from 'vitest';
import { flowLine } from '../../src/cli/flows.ts';
import * as l from '../../src/engine/flow/layout.ts';
import { countFlows, viewFlows } from '../../src/telemetry/flow-view.ts';
import { memoryOf } from './flow-memory.ts';

const TRANSLATED = { flags: l.FLOW_TRANSLATED | l.FLOW_TAINTED | l.FLOW_PROVEN, delta: -5 };

describe('viewFlows()', () => {
  it('has these keys; a difference of sequence numbers is unsigned', () => {
    expect(viewFlows([memoryOf([TRANSLATED])], 2500, 10)).toEqual([
      {
        near: '10.0.0.1:40000',
        far: '10.0.0.2:22',
        nearState: 'ESTABLISHED',
        farState: 'ESTABLISHED',
        initiator: 'near',
        tainted: true,
        translated: true,
        translatedBy: 'userspace',
        proven: true,
        pickedUp: false,
        untouched: false,
        offloaded: false,
        deltaOctets: 4294967291,
        rttMs: 3,
        ageMs: 1500,
        idleMs: 1000,
      },
    ]);
  });

  it('tells the ends apart when this machine is the responder', () => {
    const flags = l.FLOW_NEAR_RESPONDS | l.FLOW_PICKED_UP;
    const [view] = viewFlows([memoryOf([{ flags, nearState: 3, farState: 2 }])], 2500, 10);
    expect(view).toMatchObject({
      nearState: 'SYN-RECEIVED',
      farState: 'SYN-SENT',
      initiator: 'far',
      pickedUp: true,
      deltaOctets: null,
    });
  });

  it('is right across the wrap of the engine’s clock', () => {
    const memory = memoryOf([{ flags: l.FLOW_PROVEN }]);
    new Int32Array(memory.flows)[l.BORN_MS] = 0x7ffffff0;
    const [view] = viewFlows([memory], (0x7ffffff0 + 100) | 0, 10);
    expect(view?.ageMs).toBe(100);
  });

  it('shows those in trouble first and at most as many as asked', () => {
    const fine = { flags: l.FLOW_PROVEN };
    const memory = memoryOf([fine, {}, fine, fine, TRANSLATED, fine, TRANSLATED]);
    const ports = (countMax: number) =>
      viewFlows([memory], 2500, countMax).map(({ near }) => Number(near.split(':')[1]) - 40000);
    expect(ports(100)).toEqual([4, 6, 0, 2, 3, 5]);
    expect(ports(3)).toEqual([4, 6, 0]);
    expect(ports(1)).toEqual([4]);
    expect(countFlows([memory])).toEqual({
      current: 6,
      peak: 8,
      capacity: 64,
      translated: 2,
      settled: 0,
      evicted: 3,
    });
  });
});

describe('flowLine()', () => {
  it('is one line that says what is special', () => {
    const memory = memoryOf([
      TRANSLATED,
      { flags: l.FLOW_PROVEN, nearState: 5, farState: 7 },
      { flags: l.FLOW_PICKED_UP | l.FLOW_UNTOUCHED },
    ]);
    expect(viewFlows([memory], 2500, 10).map(flowLine)).toEqual([
      '10.0.0.1:40000 > 10.0.0.2:22  ESTABLISHED  1.5 s old, idle 1.0 s  tainted, translated by 4294967291',
      '10.0.0.1:40001 > 10.0.0.2:22  FIN-WAIT-1/CLOSE-WAIT  1.5 s old, idle 1.0 s',
      '10.0.0.1:40002 > 10.0.0.2:22  ESTABLISHED  1.5 s old, idle 1.0 s  older than seqshim, untouched',
    ]);
  });
});
