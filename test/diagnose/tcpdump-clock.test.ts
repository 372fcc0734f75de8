/** The times of tcpdump in every form it prints them. Times: µs. */
import { describe, expect, it } from 'vitest';
import { UNKNOWN } from '../../src/diagnose/packet-record.ts';
import { TcpdumpClock } from '../../src/diagnose/tcpdump-clock.ts';

const DAY = Date.parse('2018-12-23T00:00:00Z') * 1000;
const MORNING = ((10 * 60 + 50) * 60 + 9) * 1e6;

describe('TcpdumpClock', () => {
  it.each([
    ['10:50:09', MORNING],
    ['10:50:09.891237', MORNING + 891_237],
    // --time-stamp-precision=nano, and files that have them
    ['10:50:09.891237490', MORNING + 891_237],
    ['2018-12-23 10:50:09.891237', DAY + MORNING + 891_237],
    ['2018-12-23 10:50:09.891237490', DAY + MORNING + 891_237],
    ['1545562209.891237', 1_545_562_209_891_237],
    ['1545562209.891237490', 1_545_562_209_891_237],
    ['', UNKNOWN],
    ['2018-99-99 10:50:09.891237', UNKNOWN],
  ])('reads "%s"', (text, us) => {
    const clock = new TcpdumpClock();
    clock.reset(0);
    expect(Math.floor(clock.read(text))).toBe(us);
  });

  it('goes on over midnight, in nanoseconds too', () => {
    const clock = new TcpdumpClock();
    clock.reset(0);
    const before = clock.read('23:59:59.999999000');
    expect(clock.read('00:00:00.000001000') - before).toBe(2);
  });
});
