/** Two origins of one far address: what is reported, what is not, and what it does to resets. */
import { describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { VERDICT_ACCEPT, VERDICT_DROP } from '../../src/engine/verdict.ts';
import { RST, SYN } from '../../src/engine/wire/segment.ts';
import { Rig } from './rig.ts';

const C = 77;
const A = 5000;
const ONE = 0x1111;
const OTHER = 0x2222;

function session(rig: Rig): void {
  rig.out({ flags: SYN, seq: C });
  rig.nowMs += 1;
  rig.in({ flags: SYN, seq: A, ack: C + 1, mac: ONE });
  rig.out({ flags: 0, seq: C + 1, ack: A + 1 });
  from(rig, ONE);
}

function from(rig: Rig, mac: number, ttl = 61): number {
  return rig.in({ flags: 0, seq: A + 1, ack: C + 1, mac, ttl });
}

const reset = (rig: Rig, mac: number, ttl = 61) =>
  rig.in({ flags: RST, seq: A + 1, ack: C + 1, mac, ttl });

describe('noteOrigin()', () => {
  it('says nothing of a failover, nor of its return', () => {
    const rig = new Rig();
    session(rig);
    for (const mac of [OTHER, OTHER, ONE, ONE]) {
      rig.pass(1000);
      expect(from(rig, mac)).toBe(VERDICT_ACCEPT);
    }
    expect(rig.count(code.DUPLICATE_ADDRESS)).toBe(0);
    expect(reset(rig, ONE)).toBe(VERDICT_ACCEPT);
  });

  it('says nothing of sources that change once in two minutes', () => {
    const rig = new Rig();
    session(rig);
    for (const mac of [OTHER, ONE, OTHER, ONE, OTHER, ONE]) {
      rig.nowMs += 120_000;
      from(rig, mac);
    }
    expect(rig.count(code.DUPLICATE_ADDRESS)).toBe(0);
  });

  it('reports two MAC addresses that take turns, once, and changes no segment', () => {
    const rig = new Rig();
    session(rig);
    for (let i = 0; i < 20; i++) {
      expect(from(rig, i % 2 === 0 ? OTHER : ONE)).toBe(VERDICT_ACCEPT);
    }
    expect(rig.count(code.DUPLICATE_ADDRESS)).toBe(1);
    const [event] = rig.events.filter((entry) => entry.code === code.DUPLICATE_ADDRESS);
    expect(event?.args).toEqual([61, 61, 2, 2, 0]);
    expect(rig.injected).toEqual([]);
  });

  it('reports two TTLs that take turns', () => {
    const rig = new Rig();
    session(rig);
    for (const ttl of [57, 61, 57]) from(rig, ONE, ttl);
    const [event] = rig.events.filter((entry) => entry.code === code.DUPLICATE_ADDRESS);
    expect(event?.args).toEqual([57, 61, 1, 2, 0]);
  });

  it('counts no resets, and no SYN-ACK of another connection', () => {
    const rig = new Rig();
    session(rig);
    for (let i = 0; i < 6; i++) {
      rig.in({ flags: RST, seq: A + 700, ttl: 200, mac: OTHER });
      rig.in({ flags: SYN, seq: A + 1, ack: C + 99, ttl: 200, mac: OTHER });
      from(rig, ONE);
    }
    expect(rig.count(code.DUPLICATE_ADDRESS)).toBe(0);
  });
});

describe('an exact reset of an address with two origins', () => {
  it('is asked about although both origins are known, and delivered when all are silent', () => {
    const rig = new Rig();
    session(rig);
    for (const ttl of [57, 61, 57, 61, 57]) from(rig, ONE, ttl);
    rig.pass(600);
    expect(reset(rig, ONE, 57)).toBe(VERDICT_DROP);
    rig.pass(410);
    expect(rig.count(code.RST_RELEASED)).toBe(1);
  });

  it('passes at once when the turns are a minute old', () => {
    const rig = new Rig();
    session(rig);
    for (const ttl of [57, 61, 57, 61, 57]) from(rig, ONE, ttl);
    rig.nowMs += 61_000;
    expect(reset(rig, ONE, 57)).toBe(VERDICT_ACCEPT);
  });

  it('is asked about from another MAC address alone, of one origin and with the flow’s TTL', () => {
    const rig = new Rig();
    session(rig);
    rig.pass(600);
    expect(reset(rig, OTHER)).toBe(VERDICT_DROP);
    rig.pass(4);
    expect(from(rig, ONE)).toBe(VERDICT_ACCEPT);
    expect(rig.count(code.RST_REFUTED)).toBe(1);
  });
});
