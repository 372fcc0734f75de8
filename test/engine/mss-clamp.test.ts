/** `--mss-clamp`: what SYNs and SYN-ACKs offer is lowered, never raised, in both directions. */
import { describe, expect, it } from 'vitest';
import * as code from '../../src/engine/codes.ts';
import { MSS } from '../../src/engine/flow/layout.ts';
import { POLICY_MSS_CLAMP, POLICY_OBSERVE } from '../../src/engine/memory.ts';
import { VERDICT_ACCEPT, VERDICT_REWRITTEN } from '../../src/engine/verdict.ts';
import { SYN } from '../../src/engine/wire/segment.ts';
import { Rig } from './rig.ts';

const mss = (octets: number) => [1, 1, 2, 4, octets >> 8, octets & 255, 1, 1] as const;

function clamped(octets: number): Rig {
  const rig = new Rig();
  new Int32Array(rig.memory.policy)[POLICY_MSS_CLAMP] = octets;
  return rig;
}

/** The option's value in the packet as it stands in the arena. */
function offered(rig: Rig): number {
  const at = 64 + 20 + 20 + 4;
  return ((rig.arena[at] ?? 0) << 8) | (rig.arena[at + 1] ?? 0);
}

describe('an MSS clamp', () => {
  it('lowers the offer of both ends, each time they make it', () => {
    const rig = clamped(1200);
    for (let i = 1; i <= 2; i++) {
      expect(rig.out({ flags: SYN, seq: 1000, options: mss(1460) })).toBe(VERDICT_REWRITTEN);
      expect(offered(rig)).toBe(1200);
      const synAck = { flags: SYN, seq: 5000, ack: 1001, options: mss(8960) };
      expect(rig.in(synAck)).toBe(VERDICT_REWRITTEN);
      expect(offered(rig)).toBe(1200);
      expect(rig.count(code.MSS_CLAMPED)).toBe(2 * i);
    }
    const events = rig.events.filter((event) => event.code === code.MSS_CLAMPED);
    expect(events[1]?.args.slice(0, 2)).toEqual([8960, 1200]);
  });

  it('is what the flow is known by: that of its SYN, as it went on', () => {
    const nearMss = (rig: Rig) => rig.halves()[MSS];
    const rig = clamped(1200);
    rig.out({ flags: SYN, seq: 1000, options: mss(1460) });
    expect(nearMss(rig)).toBe(1200);
    const lower = clamped(1200);
    lower.out({ flags: SYN, seq: 1000, options: mss(1100) });
    expect(nearMss(lower)).toBe(1100);
    // It has changed its mind: what was offered first counts.
    lower.out({ flags: SYN, seq: 1000, options: mss(1460) });
    expect(offered(lower)).toBe(1200);
    expect(nearMss(lower)).toBe(1100);
  });

  it('leaves smaller offers, SYNs without one and everything else as they are', () => {
    const rig = clamped(1200);
    expect(rig.out({ flags: SYN, seq: 1000, options: mss(1200) })).toBe(VERDICT_ACCEPT);
    expect(rig.in({ flags: SYN, seq: 5000, ack: 1001 })).toBe(VERDICT_ACCEPT);
    expect(rig.out({ flags: 0, seq: 1001, ack: 5001, payload: 10 })).toBe(VERDICT_ACCEPT);
    expect(rig.count(code.MSS_CLAMPED)).toBe(0);
  });

  it('leaves Multipath TCP alone', () => {
    const rig = clamped(1200);
    const options = [...mss(1460), 30, 4, 0, 0];
    expect(rig.out({ flags: SYN, seq: 1000, options })).toBe(VERDICT_ACCEPT);
    expect(offered(rig)).toBe(1460);
  });

  it('is off by default, and changes nothing in observe mode', () => {
    expect(new Rig().out({ flags: SYN, seq: 1, options: mss(1460) })).toBe(VERDICT_ACCEPT);
    const rig = clamped(1200);
    new Int32Array(rig.memory.policy)[POLICY_OBSERVE] = 1;
    expect(rig.out({ flags: SYN, seq: 1, options: mss(1460) })).toBe(VERDICT_ACCEPT);
    expect(offered(rig)).toBe(1460);
    expect(rig.count(code.MSS_CLAMPED + code.WOULD)).toBe(1);
  });
});
