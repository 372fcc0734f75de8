/** Rules before our jump that erase our bit, so that NF_REPEAT would go round for ever. */
import { describe, expect, it } from 'vitest';
import { findEraser } from '../../src/datapath/rules/repeat-safety.ts';

const BIT = 0x1000;

function table(name: string, ...rules: string[]): string {
  return `*${name}\n:PREROUTING ACCEPT [0:0]\n${rules.map((r) => `${r}\n`).join('')}COMMIT\n`;
}

describe('findEraser()', () => {
  const JUMP = '-A POSTROUTING -p tcp -j SEQSHIM-OUT';

  it('finds a rule that sets the whole mark before our jump', () => {
    const rule = '-A POSTROUTING -j MARK --set-xmark 0x1/0xffffffff';
    expect(findEraser(table('mangle', rule, JUMP), BIT)).toBe(rule);
    expect(findEraser(table('mangle', JUMP, rule), BIT)).toBeUndefined();
  });

  it('follows the chains of others, and their circles', () => {
    const rule = '-A DEEP -j CONNMARK --restore-mark --nfmask 0xffffffff --ctmask 0xffffffff';
    const rules = ['-A INPUT -j OTHER', '-A OTHER -g DEEP', '-A DEEP -j OTHER', rule];
    expect(findEraser(table('mangle', ...rules), BIT)).toBe(rule);
  });

  it('lets marks pass that keep the bit, and those of other hooks and tables', () => {
    const kept = [
      '-A INPUT -j MARK --set-xmark 0x1/0xff',
      '-A INPUT -j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff',
      '-A INPUT -j CONNMARK --save-mark --nfmask 0xffffffff --ctmask 0xffffffff',
      '-A INPUT -m mark --mark 0x1 -j ACCEPT',
      '-A PREROUTING -j MARK --set-xmark 0x1/0xffffffff',
      '-A OUTPUT -j MARK --set-xmark 0x1/0xffffffff',
    ];
    expect(findEraser(table('mangle', ...kept), BIT)).toBeUndefined();
    const nat = '-A POSTROUTING -j MARK --set-xmark 0x1/0xffffffff';
    expect(findEraser(table('nat', nat), BIT)).toBeUndefined();
  });
});
