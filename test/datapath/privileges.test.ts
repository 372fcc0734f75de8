/** Which capabilities are missing, as the kernel writes them. */
import { describe, expect, it } from 'vitest';
import { missingIn } from '../../src/datapath/privileges.ts';

describe('missingIn()', () => {
  it.each([
    ['root', '000001ffffffffff', []],
    ['the two of the service', '0000000000003000', []],
    ['no CAP_NET_RAW', '0000000000001000', ['CAP_NET_RAW']],
    ['no CAP_NET_ADMIN', '00000000a80425fb', ['CAP_NET_ADMIN']],
    ['nobody', '0000000000000000', ['CAP_NET_ADMIN', 'CAP_NET_RAW']],
  ])('%s', (_who, bits, missing) => {
    const status = `Name:\tnode\nCapPrm:\t000001ffffffffff\nCapEff:\t${bits}\nCapBnd:\t0\n`;
    expect(missingIn(status)).toEqual(missing);
  });

  it('takes what it cannot read for none', () => {
    expect(missingIn('')).toEqual(['CAP_NET_ADMIN', 'CAP_NET_RAW']);
  });
});
