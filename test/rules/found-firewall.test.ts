/** What is known of the firewall goes from one run to the next, once, and only where it holds. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type FoundFirewall,
  keepFirewall,
  recallFirewall,
} from '../../src/datapath/rules/found-firewall.ts';
import type { RuleInput } from '../../src/datapath/rules/rule-input.ts';
import { SAMPLES } from './rule-input-samples.ts';

const FOUND: FoundFirewall = {
  backend: 'iptables',
  because: 'nft cannot queue here',
  families: [4],
  repeatMark: 0x1000,
  fullBecause: '',
};
const INPUT = SAMPLES['out'] as RuleInput;
const ASKED = { input: INPUT, choice: 'auto' } as const;

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'seqshim-firewall-'));
  file = join(dir, 'firewall');
});
afterEach(() => rmSync(dir, { recursive: true }));

describe('what is known of the firewall', () => {
  it('is what the older run has found', () => {
    keepFirewall(file, ASKED, FOUND);
    expect(recallFirewall(file, ASKED)).toEqual(FOUND);
  });

  it('is read once: a start that fails leaves nothing to the next one', () => {
    keepFirewall(file, ASKED, FOUND);
    recallFirewall(file, ASKED);
    expect(existsSync(file)).toBe(false);
    expect(recallFirewall(file, ASKED)).toBeUndefined();
  });

  it.each([
    ['another choice', { ...ASKED, choice: 'nft' }],
    ['other ports', { ...ASKED, input: { ...INPUT, ports: [22, 2222] } }],
    ['other queues', { ...ASKED, input: { ...INPUT, queueCount: 4 } }],
  ] as const)('does not hold for %s', (_, asked) => {
    keepFirewall(file, ASKED, FOUND);
    expect(recallFirewall(file, asked)).toBeUndefined();
  });

  it('does not hold behind another boot', () => {
    keepFirewall(file, ASKED, FOUND);
    const text = readFileSync(file, 'utf8').replace(/[0-9a-f]{8}-/, '00000000-');
    writeFileSync(file, text);
    expect(recallFirewall(file, ASKED)).toBeUndefined();
  });

  it('is not believed where others may read or write it, or where it is cut short', () => {
    keepFirewall(file, ASKED, FOUND);
    chmodSync(file, 0o644);
    expect(recallFirewall(file, ASKED)).toBeUndefined();
    keepFirewall(file, ASKED, FOUND);
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, -20));
    expect(recallFirewall(file, ASKED)).toBeUndefined();
  });
});
