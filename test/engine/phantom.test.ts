/** A SYN-ACK that nobody stands behind: asking, re-anchoring, translating. DESIGN §4.1. */
import { describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import {
  HOOK_FORWARD,
  HOOK_INPUT,
  INJECT_FAR,
  INJECT_FAR_HOOKED,
  INJECT_NEAR,
  VERDICT_ACCEPT,
  VERDICT_DROP,
  VERDICT_REWRITTEN,
} from '../../src/engine/verdict.ts';
import { RST, SYN } from '../../src/engine/wire/segment.ts';
import { A, answering, B, C, phantom, reanchored, WSCALE } from './phantom-rig.ts';
import { Rig } from './rig.ts';

describe('phantom SYN-ACK', () => {
  it('moves the flow onto the server that insists, and sends the first data again', () => {
    const rig = reanchored();
    expect(rig.count(code.REANCHORED)).toBe(1);
    expect(rig.rules).toEqual(['add']);
    const hooked = rig.injected.filter((packet) => packet.path === INJECT_FAR_HOOKED);
    expect(hooked.map(({ seq, ack, payload }) => ({ seq, ack, payload }))).toEqual([
      { seq: C + 1, ack: (A + 1) | 0, payload: 0 },
      { seq: C + 1, ack: (A + 1) | 0, payload: 21 },
    ]);
  });

  it('translates both ways and rescales windows', () => {
    const rig = reanchored();
    expect(rig.out({ flags: 0, seq: C + 22, ack: A + 1, wnd: 100 })).toBe(VERDICT_REWRITTEN);
    expect(rig.wire()).toMatchObject({ ack: B + 1, wnd: 100 });
    const data = { flags: 0, seq: B + 1, ack: C + 22, wnd: 500, payload: 40 };
    expect(rig.in(data)).toBe(VERDICT_REWRITTEN);
    // 500 << 7 octets read with shift 2 would be 16000.
    expect(rig.wire()).toMatchObject({ seq: (A + 1) | 0, wnd: 16_000 });
  });

  it('sends the client’s own reset on in the server’s numbers', () => {
    const rig = reanchored();
    expect(rig.out({ flags: RST, seq: C + 22, ack: A + 1 })).toBe(VERDICT_REWRITTEN);
    expect(rig.wire()).toMatchObject({ seq: C + 22, ack: B + 1 });
  });

  it('translates arrivals in raw only: where they are forwarded new numbers go nowhere', () => {
    const rig = reanchored();
    rig.ruled = false;
    const data = { flags: 0, seq: B + 1, ack: C + 22, payload: 40 };
    for (const hook of [HOOK_INPUT, HOOK_FORWARD]) {
      rig.plainHook = hook;
      expect(rig.in(data)).toBe(VERDICT_DROP);
    }
  });

  it('swallows resets that answer the old numbers, and lets the real ones through', () => {
    const rig = reanchored();
    rig.out({ flags: 0, seq: C + 22, ack: A + 1 });
    rig.in({ flags: 0, seq: B + 1, ack: C + 22, payload: 40 });
    expect(rig.in({ flags: RST, seq: A + 1 })).toBe(VERDICT_DROP);
    rig.out({ flags: 0, seq: C + 22, ack: A + 41 });
    expect(rig.in({ flags: RST, seq: B + 41 })).toBe(VERDICT_DROP);
    rig.pass(200);
    const reset = rig.injected.filter((packet) => packet.path === INJECT_NEAR);
    expect(reset.map((packet) => packet.seq)).toEqual([(A + 41) | 0]);
  });

  it('ends the flow visibly when the phantom speaks after all', () => {
    const rig = reanchored();
    expect(rig.in({ flags: 0, seq: A + 1, ack: C + 22, payload: 10 })).toBe(VERDICT_DROP);
    expect(rig.count(code.ANCHOR_CONTRADICTED)).toBe(1);
    const reset = rig.injected.filter((packet) => packet.path === INJECT_NEAR);
    expect(reset.map((packet) => packet.seq)).toEqual([(A + 1) | 0]);
  });

  it('never moves a quiet server that answers the probe', () => {
    const rig = new Rig();
    phantom(rig);
    for (let t = 0; t < 5000; t += 2) {
      const before = rig.injected.length;
      rig.pass(2);
      const probed = rig.injected.slice(before).some((packet) => packet.path === INJECT_FAR);
      if (probed) {
        rig.in({ flags: RST, seq: A + 1 }); // the second end point is nearer
        expect(rig.in({ flags: 0, seq: A + 1, ack: C + 22 })).toBe(VERDICT_ACCEPT);
      }
      if (t === 1000 || t === 3000) rig.in({ flags: SYN, seq: B, ack: C + 1 });
    }
    expect(rig.count(code.REANCHORED)).toBe(0);
    expect(rig.injected.filter((packet) => packet.path === INJECT_NEAR)).toEqual([]);
  });

  it('asks anew when the first SYN-ACK comes again: it knows nothing of the client’s ACK', () => {
    const rig = new Rig();
    phantom(rig);
    answering(rig, 1000);
    const again = { flags: SYN, seq: A, ack: C + 1, options: WSCALE(2) };
    expect(rig.in(again)).toBe(VERDICT_ACCEPT);
    rig.in({ flags: SYN, seq: B, ack: C + 1 });
    answering(rig, 400);
    expect(rig.count(code.REANCHORED)).toBe(0);
    expect(rig.in({ flags: 0, seq: A + 1, ack: C + 22, payload: 39 })).toBe(VERDICT_ACCEPT);
    answering(rig, 3000);
    expect(rig.count(code.REANCHORED)).toBe(0);
  });

  it('moves all the same when nobody answers for it', () => {
    const rig = new Rig();
    phantom(rig);
    answering(rig, 1000);
    rig.in({ flags: SYN, seq: A, ack: C + 1, options: WSCALE(2) });
    rig.in({ flags: SYN, seq: B, ack: C + 1 });
    answering(rig, 1800);
    expect(rig.count(code.REANCHORED)).toBe(1);
  });

  it('takes no copy of it for that: copies come at once', () => {
    const rig = new Rig();
    phantom(rig);
    answering(rig, 50);
    rig.in({ flags: SYN, seq: A, ack: C + 1, options: WSCALE(2) });
    answering(rig, 950);
    rig.in({ flags: SYN, seq: B, ack: C + 1 });
    answering(rig, 10);
    expect(rig.count(code.REANCHORED)).toBe(1);
  });

  it('delivers the reset when B never comes again', () => {
    const rig = new Rig();
    phantom(rig);
    rig.in({ flags: RST, seq: A + 1 });
    answering(rig, 4000);
    expect(rig.count(code.REANCHORED)).toBe(0);
    const reset = rig.injected.filter((packet) => packet.path === INJECT_NEAR);
    expect(reset).toMatchObject([{ seq: (A + 1) | 0 }]);
  });

  it('does not wait for the retransmission on a path with a proven phantom', () => {
    const rig = reanchored();
    rig.out({ flags: 0, seq: C + 22, ack: A + 1 });
    rig.in({ flags: 0, seq: B + 1, ack: C + 22, payload: 40 });
    rig.ports = (40271 << 16) | 22;
    rig.ruled = false;
    phantom(rig);
    answering(rig, 700);
    expect(rig.count(code.REANCHORED)).toBe(2);
  });
});

/** ISNs are random: once in some thousand times two of them lie this close. */
describe.each([20, -20, 900_000, -900_000])('a server %d octets off the phantom', (ahead) => {
  const server = (A + ahead) | 0;

  it('gets the flow, and is not taken for the phantom', () => {
    const rig = reanchored(server);
    expect(rig.count(code.REANCHORED)).toBe(1);
    rig.out({ flags: 0, seq: C + 22, ack: A + 1 });
    let seq = 1;
    for (const payload of [40, 1400, 1400, 1400]) {
      const data = { flags: 0, seq: server + seq, ack: C + 22, payload };
      expect(rig.in(data)).toBe(VERDICT_REWRITTEN);
      expect(rig.wire()).toMatchObject({ seq: (A + seq) | 0 });
      seq += payload;
    }
    const again = { flags: 0, seq: server + 1, ack: C + 22, payload: 40 };
    expect(rig.in(again)).toBe(VERDICT_REWRITTEN);
    expect(rig.wire()).toMatchObject({ seq: (A + 1) | 0 });
    const later = { flags: 0, seq: server + seq + 1400, ack: C + 22, payload: 1400 };
    expect(rig.in(later)).toBe(VERDICT_REWRITTEN);
    expect(rig.count(code.ANCHOR_CONTRADICTED)).toBe(0);
  });

  it('does not prove the phantom by answering in its own numbers', () => {
    const rig = new Rig();
    phantom(rig, server);
    for (let t = 0; t < 1500; t += 2) {
      const before = rig.injected.length;
      rig.pass(2);
      const probed = rig.injected.slice(before).some((packet) => packet.path === INJECT_FAR);
      if (probed) rig.in({ flags: 0, seq: server + 1, ack: C + 1 });
      if (t === 1000) rig.in({ flags: SYN, seq: server, ack: C + 1 });
    }
    expect(rig.count(code.REANCHORED)).toBe(1);
  });
});
