/** Names, choices and defaults of options are API: written out here so that a change is seen. */
import { describe, expect, it } from 'vitest';
import { OPTIONS, optionsMarkdown } from '../../src/config/options.ts';

describe('OPTIONS', () => {
  it('have these names, types, defaults and choices', () => {
    const rows = OPTIONS.map(({ name, type, fallback, choices }) =>
      [name, type, fallback ?? '-', ...(choices ?? [])].join(' '),
    );
    expect(rows).toEqual([
      'target list -',
      'exclude list -',
      'port list 22',
      'direction choice out out in both',
      'hook list host host gateway',
      'mode choice enforce enforce observe',
      'for duration -',
      'firewall choice auto auto nft iptables',
      'rules flag true',
      'queue-num number 5011',
      'queues number 1',
      'inspect choice auto auto full',
      'translate choice user user kernel',
      'inject choice auto auto raw-socket koffi',
      'checksum-fill choice auto off auto always',
      'sack choice auto auto repair strip off',
      'mss-clamp text off',
      'idle-action choice forget keepalive reset forget',
      'idle-after duration -',
      'budget microseconds 200',
      'busy-poll microseconds 50',
      'flows number 65536',
      'state-dir text -',
      'evidence choice on on off',
      'evidence-payload number 0',
      'control text -',
      'expires date -',
      'ticket text -',
      'metrics text -',
      'metrics-file text -',
      'log-level choice info debug info warn error',
      'log-format choice auto auto json text',
    ]);
  });

  it('are applied to a running shim by SIGHUP: these, and no others', () => {
    expect(OPTIONS.filter(({ live }) => live).map(({ name }) => name)).toEqual([
      'target',
      'exclude',
      'port',
      'direction',
      'mode',
      'checksum-fill',
      'sack',
      'mss-clamp',
      'idle-action',
      'idle-after',
      'budget',
      'busy-poll',
      'evidence',
      'evidence-payload',
      'expires',
      'ticket',
      'log-level',
    ]);
  });

  it('have one name each', () => {
    expect(new Set(OPTIONS.map(({ name }) => name)).size).toBe(OPTIONS.length);
  });

  it('have defaults that are among their choices and within their range', () => {
    for (const { name, fallback, choices, min, max } of OPTIONS) {
      if (choices !== undefined) expect(choices, name).toContain(fallback);
      if (min !== undefined) expect(Number(fallback), name).toBeGreaterThanOrEqual(min);
      if (max !== undefined) expect(Number(fallback), name).toBeLessThanOrEqual(max);
    }
  });

  it('each have a row in the documentation, with pipes escaped', () => {
    const rows = optionsMarkdown().split('\n').slice(2);
    expect(rows.length).toBe(OPTIONS.length);
    for (const row of rows) expect(row.match(/(?<!\\)\|/g)?.length, row).toBe(4);
    expect(rows[0]).toContain('`--target CIDR\\|NAME\\|all`');
    expect(rows.filter((row) => row.startsWith('| `--no-rules`')).length).toBe(1);
  });
});
