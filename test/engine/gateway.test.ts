/**
 * What the engine does otherwise for connections that are forwarded: those whose other direction it
 * cannot see (NAT, another path) and bridged frames pass untouched.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { POLICY_GATEWAY } from '../../src/engine/memory.ts';
import {
  HOOK_FORWARD,
  HOOK_PREROUTING,
  INFO_BRIDGED,
  VERDICT_ACCEPT,
  VERDICT_DROP,
} from '../../src/engine/verdict.ts';
import { ACK, RST, SYN } from '../../src/engine/wire/segment.ts';
import { Rig } from './rig.ts';

const ISS = 1000;
const IRS = 5000;
const OTHER = 900_000;

let rig: Rig;
beforeEach(() => {
  rig = new Rig();
  rig.plainHook = HOOK_FORWARD;
  const policy = new Int32Array(rig.memory.policy);
  policy[POLICY_GATEWAY] = 1;
});

function dialogue(): void {
  rig.out({ flags: SYN, seq: ISS });
  rig.nowMs += 1;
  rig.in({ flags: SYN, seq: IRS, ack: ISS + 1 });
  rig.out({ flags: ACK, seq: ISS + 1, ack: IRS + 1 });
  rig.out({ flags: ACK, seq: ISS + 1, ack: IRS + 1, payload: 20 });
  rig.in({ flags: ACK, seq: IRS + 1, ack: ISS + 21 });
}

describe('a forwarded connection', () => {
  it('whose SYN-ACK came by another way, or under another address, is left alone', () => {
    rig.out({ flags: SYN, seq: ISS });
    rig.out({ flags: ACK, seq: ISS + 1, ack: IRS + 1 });
    rig.in({ flags: ACK, seq: IRS + 1, ack: ISS + 1, payload: 30 });
    expect(rig.in({ flags: SYN, seq: OTHER, ack: ISS + 1 })).toBe(VERDICT_ACCEPT);
    expect(rig.in({ flags: RST, seq: IRS + 31, ttl: 200 })).toBe(VERDICT_ACCEPT);
    rig.pass(3000);
    expect(rig.injected).toEqual([]);
    expect(rig.events).toEqual([]);
  });

  it('whose SYN-ACK was seen is not', () => {
    dialogue();
    expect(rig.in({ flags: SYN, seq: OTHER, ack: ISS + 1 })).toBe(VERDICT_DROP);
  });

  it('older than the shim begins where its address is known: not in raw', () => {
    rig.plainHook = HOOK_PREROUTING; // as a SACK is queued
    rig.in({ flags: ACK, seq: IRS + 1, ack: ISS + 1 });
    expect(rig.count(code.STAT_FLOW_PICKED_UP)).toBe(0);
    rig.plainHook = HOOK_FORWARD;
    rig.in({ flags: ACK, seq: IRS + 1, ack: ISS + 1 });
    expect(rig.count(code.STAT_FLOW_PICKED_UP)).toBe(1);
  });
});

describe('a bridged frame', () => {
  it('passes, and no connection begins with it', () => {
    rig.info = INFO_BRIDGED;
    dialogue();
    expect(rig.in({ flags: SYN, seq: OTHER, ack: ISS + 1 })).toBe(VERDICT_ACCEPT);
    expect(rig.count(code.STAT_PASSED_BRIDGED)).toBe(6);
    expect(rig.count(code.STAT_FLOW_CREATED)).toBe(0);
  });
});
