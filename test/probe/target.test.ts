/** `HOST:PORT`: what is understood, and the one line for what is not. */
import { describe, expect, it } from 'vitest';
import { parseHostPort, resolveHostPort } from '../../src/probe/target.ts';
import { operatorError } from '../config/operator-error.ts';

describe('parseHostPort()', () => {
  it.each([
    ['10.0.0.7:22', '10.0.0.7', 22],
    ['server.example:2222', 'server.example', 2222],
    ['[fd00::7]:22', 'fd00::7', 22],
  ])('reads %s', (written, host, port) => {
    expect(parseHostPort(written)).toEqual({ host, port });
  });

  it.each(['', '10.0.0.7', 'fd00::7:22', ':22', '10.0.0.7:0', '10.0.0.7:65536', '-x:22', 'a:b:1'])(
    'refuses "%s" with what to write instead',
    async (written) => {
      const line = await operatorError(() => parseHostPort(written), 2);
      expect(line).toContain('write HOST:PORT, for example 10.0.0.7:22 or [fd00::7]:22');
    },
  );

  it('knows no zones', async () => {
    const attempt = () => parseHostPort('[fe80::1%eth0]:22');
    expect(await operatorError(attempt, 2)).toContain('zone');
  });
});

describe('resolveHostPort()', () => {
  it('takes an address as it is', async () => {
    expect(await resolveHostPort('[::1]:7')).toEqual({
      name: '[::1]:7',
      family: 6,
      address: '::1',
      port: 7,
    });
  });
});
