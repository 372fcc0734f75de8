/** What `--compare` demands of the shim that runs here. */
import { describe, expect, it } from 'vitest';
import { demandShim, type ShimBeside } from '../../src/probe/shim-beside.ts';
import { operatorError } from '../config/operator-error.ts';

const SHIM: ShimBeside = {
  pid: 77,
  control: '/nonexistent/control.sock',
  mode: 'enforce',
  targets: ['10.0.0.0/8'],
  rules: 'nft',
};

describe('demandShim()', () => {
  it('one that enforces', () => {
    expect(demandShim(SHIM)).toBe(SHIM);
  });

  it('none: exit 3', async () => {
    const line = await operatorError(() => demandShim(undefined), 3);
    expect(line).toContain('Start it with seqshim run, or leave out --compare');
  });

  it('one that only observes: exit 2, for it would change nothing', async () => {
    const line = await operatorError(() => demandShim({ ...SHIM, mode: 'observe' }), 2);
    expect(line).toContain('the shim (pid 77) only observes');
  });
});
