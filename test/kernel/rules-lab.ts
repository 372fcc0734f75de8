/**
 * What tests of the rules in a real kernel share: the lab, the driver inside it, what they put in
 * and how they read back what stands. One lab per test. Needs root.
 */
import { rmSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import type { RuleInput } from '../../src/datapath/rules/rule-input.ts';
import { sample } from '../rules/rule-input-samples.ts';
import { buildProgram, FAR, Lab, NEAR, QUEUE_NUM } from './nfqueue-lab.ts';

/** What the driver prints. */
export interface Report {
  readonly error?: string;
  readonly backend?: string;
  readonly because?: string;
  readonly families?: number[];
  readonly repeatMark?: number;
  readonly outcomes?: unknown[];
}

export type Ops = readonly (readonly unknown[])[];

export const FLOW = {
  family: 4,
  nearAddr: NEAR,
  nearPort: 40000,
  farAddr: FAR,
  farPort: 22,
} as const;
export const FLOW_6 = { ...FLOW, family: 6, nearAddr: 'fd91::1', farAddr: 'fd91::2' } as const;

export const INPUT = sample({
  targets: [
    { family: 4, cidr: '10.91.0.0/24' },
    { family: 6, cidr: 'fd91::/64' },
  ],
  queueNum: QUEUE_NUM,
});

/** The lab of the test that runs, and the driver's path. */
export const at = {} as { lab: Lab; driver: string };

/** Call once in a test file. */
export function useRulesLab(name: string): void {
  beforeAll(async () => {
    at.driver = await buildProgram('rules-driver.ts');
  });
  afterAll(() => rmSync(at.driver, { force: true }));
  beforeEach(() => {
    at.lab = new Lab(name);
  });
  afterEach(() => at.lab.close());
}

/** Does to a RuleBook what `ops` say; `before` is put before the command. */
export function drive(ops: Ops, input: RuleInput = INPUT, before: readonly string[] = []): Report {
  const job = JSON.stringify({ firewall: 'iptables', input, ops });
  return JSON.parse(at.lab.inNear(...before, process.execPath, at.driver, job)) as Report;
}

export function outcomes(ops: Ops, input?: RuleInput, before?: readonly string[]): unknown[] {
  const report = drive(ops, input, before);
  if (report.outcomes === undefined) throw new Error(report.error);
  return report.outcomes;
}

/** Tables, chains and rules of both families, without counters and dates. */
export function saved(): string[] {
  return ['iptables-save', 'ip6tables-save'].flatMap((command) =>
    at.lab
      .inNear(command)
      .split('\n')
      .filter((line) => /^[-:*]/.test(line))
      .map((line) => line.replace(/ \[\d+:\d+\]$/, '')),
  );
}
