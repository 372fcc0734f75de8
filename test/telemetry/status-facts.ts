/** What a running shim knows of itself, as an example. */
import type { EngineMemory } from '../../src/engine/memory.ts';
import type { StatusFacts } from '../../src/telemetry/status.ts';
import { VERSION } from '../../src/version.ts';

export function factsOf(memory: EngineMemory, changed: Partial<StatusFacts> = {}): StatusFacts {
  return {
    version: VERSION,
    mode: 'enforce',
    hook: 'host',
    targets: ['10.0.0.0/8', 'bastion.example'],
    ready: true,
    reasons: [],
    startedMs: performance.now() - 5000,
    endsAt: undefined,
    expires: undefined,
    expired: false,
    ticket: undefined,
    inspect: 'auto',
    fullBecause: '',
    translate: 'user',
    userBecause: '',
    kernelFlows: 0,
    rules: { installed: true, backend: 'nft', reinstalled: 0 },
    budgetUs: 200,
    memories: [memory],
    packetsByQueue: [1234],
    runtime: {
      packets: 1234,
      latencyUs: { p50: 21, p99: 80, p999: 170, max: 900 },
      gcPauseUs: { count: 3, p50: 210, p99: 480, p999: 480, max: 481 },
      budgetExceeded: 2,
      shed: 3,
      injected: 4,
      injectFailed: 5,
      heartbeatMs: 6,
    },
    eventsLost: 7,
    knownFaults: { phantom: 1 },
    evidence: { recording: true, dir: '/var/lib/seqshim/evidence', files: 1, packets: 8, lost: 0 },
    removal: 'needed',
    ...changed,
  };
}
