/** Inputs that the golden texts of the rules are made from. */
import type { RuleInput } from '../../src/datapath/rules/rule-input.ts';

const BASE: RuleInput = {
  version: '0.1.0',
  targets: [
    { family: 4, cidr: '10.0.0.0/8' },
    { family: 6, cidr: 'fd00::/8' },
  ],
  excludes: [],
  ports: [22],
  direction: 'out',
  hooks: ['host'],
  queueNum: 5011,
  queueCount: 1,
  marks: { bypass: 0x1000, inject: 0x2000 },
  removeScript: '/run/seqshim/remove.sh',
};

export const SAMPLES: Readonly<Record<string, RuleInput>> = {
  out: BASE,
  in: { ...BASE, direction: 'in' },
  both: {
    ...BASE,
    direction: 'both',
    targets: [
      { family: 4, cidr: '0.0.0.0/0' },
      { family: 6, cidr: '::/0' },
    ],
    excludes: [
      { family: 4, cidr: '10.9.0.0/16' },
      { family: 6, cidr: 'fd09::/16' },
    ],
  },
  // multiport takes fifteen.
  'many-ports': { ...BASE, ports: Array.from({ length: 17 }, (_, i) => 7000 + i) },
  settled: { ...BASE, settledBypass: true },
  gateway: { ...BASE, hooks: ['gateway'] },
  'gateway-settled': { ...BASE, hooks: ['gateway'], settledBypass: true },
  queues: { ...BASE, queueCount: 4 },
  'host-gateway': { ...BASE, hooks: ['host', 'gateway'], settledBypass: true },
};

export function sample(change: Partial<RuleInput> = {}): RuleInput {
  return { ...BASE, ...change };
}
