/**
 * The `probe` object of `probe --json`, beside what `diagnose --json` has (schema 1, additive).
 * Owns the names; times are ms.
 */
import { bothJson } from '../diagnose/both/both-json.ts';
import { reportJson } from '../diagnose/report.ts';
import { handshakeOf } from './handshake.ts';
import type { ProbeResult } from './probe.ts';
import { successes, summarize } from './summary.ts';

export function probeJson(result: ProbeResult): object {
  const { plan, attempts, report } = result;
  const { target, shim, compare } = plan;
  const good = successes(attempts, target.port);
  // The last one first: a port that was used again belongs to its first connection.
  const flows = new Map(report.flows.toReversed().map((flow) => [flow.clientPort, flow.id]));
  const { reflect } = result;
  const told = reportJson([report]);
  const ends = reflect === null ? null : bothJson(reflect.comparison, reflect.findings);
  return {
    ...told,
    findings: [...told.findings, ...(ends?.findings ?? [])],
    probe: {
      target: target.name,
      address: target.address,
      port: target.port,
      interrupted: result.interrupted,
      shimPid: shim?.pid ?? null,
      attempts: attempts.map((one) => ({
        number: one.number,
        way: one.way,
        outcome: one.outcome,
        ok: good.has(one),
        localPort: one.localPort,
        flow: one.way === 'bare' ? (flows.get(String(one.localPort)) ?? null) : null,
        ms: Math.round(one.ms * 100) / 100,
        greeting: one.greeting === '' ? null : one.greeting,
        error: one.error === '' ? null : one.error,
      })),
      without: summarize(attempts, 'bare', target.port),
      with: compare ? summarize(attempts, 'shim', target.port) : null,
      handshake: handshakeOf(report.flows) ?? null,
      kernelCounters: result.kernel,
      sack: result.sack,
      portReuse: result.portReuse,
      idle: result.idle,
      reflect: ends?.both ?? null,
    },
  };
}
