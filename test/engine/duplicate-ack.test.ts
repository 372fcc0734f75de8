/**
 * The duplicate ACK that a rival's SYN-ACK provokes (RFC 9293 §3.10.7.4), which acknowledges what
 * the server never said: it goes nowhere. Times: ms.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { VERDICT_ACCEPT, VERDICT_DROP } from '../../src/engine/verdict.ts';
import { ACK, FIN, SYN } from '../../src/engine/wire/segment.ts';
import { Rig } from './rig.ts';

const ISS = 1000;
const IRS = 500_000;
const RIVAL = 9_000_000;

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
  rig.out({ flags: SYN, seq: ISS });
  rig.in({ flags: SYN | ACK, seq: IRS, ack: ISS + 1 });
  rig.in({ flags: SYN | ACK, seq: RIVAL, ack: ISS + 1 });
  rig.out({ flags: ACK, seq: ISS + 1, ack: IRS + 1 });
});

const again = (octets: number) => ({ flags: ACK, seq: ISS + 1 + octets, ack: IRS + 1 });

describe('the ACK that a delivered rival provokes', () => {
  it('is swallowed once', () => {
    expect(rig.out(again(0))).toBe(VERDICT_DROP);
    expect(rig.count(code.ACK_SWALLOWED)).toBe(1);
    expect(rig.out(again(0))).toBe(VERDICT_ACCEPT);
  });

  it('is swallowed behind the first data, too', () => {
    expect(rig.out({ ...again(0), payload: 20 })).toBe(VERDICT_ACCEPT);
    expect(rig.out(again(20))).toBe(VERDICT_DROP);
  });

  it.each([
    ['with data', { ...again(0), payload: 20 }],
    ['with a FIN', { ...again(0), flags: ACK | FIN }],
    ['of new data', { ...again(0), ack: IRS + 41 }],
    ['that opens the window', { ...again(0), wnd: 65_000 }],
    ['that keeps the connection alive', { ...again(0), seq: ISS }],
  ])('is not taken for one %s', (_, segment) => {
    expect(rig.out(segment)).toBe(VERDICT_ACCEPT);
    expect(rig.count(code.ACK_SWALLOWED)).toBe(0);
  });

  it('is not waited for longer than a second', () => {
    rig.nowMs += 1000;
    expect(rig.out(again(0))).toBe(VERDICT_ACCEPT);
  });
});
