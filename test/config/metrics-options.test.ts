/** Where metrics may be served: on loopback, unless something else is written out. */
import { describe, expect, it } from 'vitest';
import { metricsFile, parseListenAddress } from '../../src/config/metrics-options.ts';
import { operatorError } from './operator-error.ts';

describe('parseListenAddress()', () => {
  it.each([
    ['9469', { host: '127.0.0.1', port: 9469 }],
    ['localhost:9469', { host: '127.0.0.1', port: 9469 }],
    ['10.0.0.1:80', { host: '10.0.0.1', port: 80 }],
    ['0.0.0.0:9469', { host: '0.0.0.0', port: 9469 }],
    ['[::1]:9469', { host: '::1', port: 9469 }],
  ])('reads %s', (written, at) => expect(parseListenAddress(written)).toEqual(at));

  it.each(['', '0', '65536', ':9469', 'host:9469', '::1', '::1:9469', '[10.0.0.1]:9', '1.2.3.4'])(
    'refuses %j in one line',
    async (written) => {
      expect(await operatorError(async () => parseListenAddress(written), 2)).toMatch(
        /^Cannot use --metrics ".*": it must be a port, or address:port such as /,
      );
    },
  );

  it('is off by itself', () => expect(parseListenAddress(undefined)).toBeUndefined());
});

describe('metricsFile()', () => {
  it('takes what the collector reads, as an absolute path', () => {
    expect(metricsFile('/var/lib/x/seqshim.prom')).toBe('/var/lib/x/seqshim.prom');
    expect(metricsFile('x.prom')).toMatch(/^\/.*\/x\.prom$/);
    expect(metricsFile(undefined)).toBeUndefined();
  });

  it('refuses other names', async () => {
    expect(await operatorError(async () => metricsFile('/tmp/x.txt'), 2)).toBe(
      'Cannot use --metrics-file "/tmp/x.txt": its name must end with .prom',
    );
  });
});
