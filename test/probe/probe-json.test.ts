/** The names of `probe --json`: released, never changed. */
import { describe, expect, it } from 'vitest';
import { FlowBook } from '../../src/diagnose/flow-book.ts';
import { printProbe } from '../../src/probe/print-probe.ts';
import type { ProbeResult } from '../../src/probe/probe.ts';
import { probeJson } from '../../src/probe/probe-json.ts';
import { judgeOffsets } from '../../src/probe/sack-calibration.ts';

const RESULT: ProbeResult = {
  plan: {
    target: { name: 'server:22', family: 4, address: '10.0.0.7', port: 22 },
    count: 1,
    shim: undefined,
    compare: true,
    idleMaxS: 60,
  },
  attempts: [
    {
      number: 1,
      way: 'shim',
      outcome: 'greeted',
      localPort: 40_000,
      ms: 18.004,
      greeting: 'SSH-2.0-x',
      error: '',
    },
    {
      number: 2,
      way: 'bare',
      outcome: 'reset',
      localPort: 40_001,
      ms: 5,
      greeting: '',
      error: 'ECONNRESET',
    },
  ],
  interrupted: false,
  kernel: { TCPChallengeACK: 2, PAWSEstab: 0 },
  report: {
    input: { name: 'server:22', kind: 'probe', packets: 0, lines: 0, tolerated: {} },
    flows: new FlowBook().flows,
    findings: [],
    hypotheses: [],
    enough: false,
    wording: { frame: 'packet', captureInterface: 'any' },
  },
  sack: judgeOffsets([7, 7]),
  portReuse: { verdict: 'works', localPort: 40_001, because: 'it went as from a fresh port' },
  idle: {
    verdict: 'forgets',
    aliveS: 20,
    deadS: 22,
    maxS: 60,
    because: 'nobody answers',
    tried: [{ silenceS: 22, fate: 'forgotten' }],
  },
  reflect: null,
};

describe('probeJson()', () => {
  it('adds these names to those of diagnose', () => {
    expect(probeJson(RESULT)).toEqual({
      schema: 1,
      inputs: [
        {
          name: 'server:22',
          kind: 'probe',
          packets: 0,
          lines: 0,
          tolerated: {},
          enough: false,
        },
      ],
      flows: [],
      findings: [],
      hypotheses: [],
      sshAttempts: [],
      probe: {
        target: 'server:22',
        address: '10.0.0.7',
        port: 22,
        interrupted: false,
        shimPid: null,
        attempts: [
          {
            number: 1,
            way: 'shim',
            outcome: 'greeted',
            ok: true,
            localPort: 40_000,
            flow: null,
            ms: 18,
            greeting: 'SSH-2.0-x',
            error: null,
          },
          {
            number: 2,
            way: 'bare',
            outcome: 'reset',
            ok: false,
            localPort: 40_001,
            flow: null,
            ms: 5,
            greeting: null,
            error: 'ECONNRESET',
          },
        ],
        without: { ok: 0, count: 1, p50Ms: null },
        with: { ok: 1, count: 1, p50Ms: 18 },
        handshake: null,
        kernelCounters: { TCPChallengeACK: 2, PAWSEstab: 0 },
        sack: {
          verdict: 'shifted',
          certainty: 'proven',
          offset: 7,
          because: expect.stringContaining('off by 7'),
        },
        portReuse: { verdict: 'works', localPort: 40_001, because: expect.any(String) },
        idle: {
          verdict: 'forgets',
          aliveS: 20,
          deadS: 22,
          maxS: 60,
          because: 'nobody answers',
          tried: [{ silenceS: 22, fate: 'forgotten' }],
        },
        reflect: null,
      },
    });
  });
});

describe('printProbe()', () => {
  it('says the same in lines that fit', () => {
    const text = printProbe(RESULT);
    for (const line of text.split('\n')) expect(line.length, line).toBeLessThanOrEqual(100);
    expect(text).toContain('Probe of server:22 (10.0.0.7), no shim runs here');
    expect(text).toContain('  without 0/1, with 1/1 (p50 18 ms)');
    expect(text).toContain('  attempt 2 (local port 40001): connection reset (ECONNRESET), 5.0 ms');
    expect(text).toContain('  SACK blocks: shifted (proven), ');
    expect(text).toContain('  the same port again: works, ');
    expect(text).toContain('  a silent connection: forgets after between 20 s and 22 s; ');
    expect(text).toContain('TCPChallengeACK +2 (of the whole host');
  });
});
