/** Numbers and names that scripts and colleagues rely on: released, never changed. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as exitCodes from '../../src/config/exit-codes.ts';
import * as ruleInput from '../../src/datapath/rules/rule-input.ts';
import { VERSION } from '../../src/version.ts';
import { ROOT } from './cli-run.ts';

describe('exit codes', () => {
  it('are these', () => {
    expect({ ...exitCodes }).toEqual({
      EXIT_OK: 0,
      EXIT_NO: 1,
      EXIT_USAGE: 2,
      EXIT_NOT_RUNNING: 3,
      EXIT_IMPOSSIBLE: 4,
      EXIT_BUG: 70,
    });
  });
});

describe('tables and chains', () => {
  it('have these names', () => {
    const names = Object.entries(ruleInput).filter(([, value]) => typeof value === 'string');
    expect(Object.fromEntries(names)).toEqual({
      NFT_TABLE: 'seqshim',
      PROBE_PREFIX: 'seqshim-probe-',
      CHAIN_PREFIX: 'SEQSHIM-',
      CHAIN_RAW: 'SEQSHIM-RAW',
      CHAIN_IN: 'SEQSHIM-IN',
      CHAIN_ICMP: 'SEQSHIM-ICMP',
      CHAIN_ICMP_RULES: 'SEQSHIM-ICMP-RULES',
      CHAIN_FORWARD: 'SEQSHIM-FWD',
      CHAIN_OUT: 'SEQSHIM-OUT',
      CHAIN_RAW_RULES: 'SEQSHIM-RAW-RULES',
      CHAIN_IN_RULES: 'SEQSHIM-IN-RULES',
      CHAIN_FORWARD_RULES: 'SEQSHIM-FWD-RULES',
      CHAIN_OUT_RULES: 'SEQSHIM-OUT-RULES',
      CHAIN_RAW_REPAIR: 'SEQSHIM-RAW-REPAIR',
      CHAIN_IN_REPAIR: 'SEQSHIM-IN-REPAIR',
      CHAIN_FORWARD_REPAIR: 'SEQSHIM-FWD-REPAIR',
      CHAIN_OUT_REPAIR: 'SEQSHIM-OUT-REPAIR',
      CHAIN_SAVE: 'SEQSHIM-SAVE',
      CHAIN_SETTLE: 'SEQSHIM-SETTLE',
    });
  });

  it('fit the 28 characters that iptables takes', () => {
    for (const [name, value] of Object.entries(ruleInput)) {
      if (name.startsWith('CHAIN_')) expect(String(value).length).toBeLessThanOrEqual(28);
    }
  });
});

describe('version', () => {
  it('is the same in package.json and in the program', () => {
    const text = readFileSync(join(ROOT, 'package.json'), 'utf8');
    expect((JSON.parse(text) as { version: string }).version).toBe(VERSION);
  });
});
