/** A bench on which a flow is moved off a phantom's SYN-ACK. Owns nothing. Times: ms. */
import { expect } from 'vitest';
import { INJECT_FAR, VERDICT_DROP } from '../../src/engine/verdict.ts';
import { RST, SYN } from '../../src/engine/wire/segment.ts';
import { Rig } from './rig.ts';

export const C = 1_000_000;
export const A = 4_000_000_000 | 0; // near the wrap on purpose
export const B = 500_000;
export const WSCALE = (shift: number) => [1, 3, 3, shift] as const;

/** Client connects to A, whose place B's server takes; the client has sent 21 octets. */
export function phantom(rig: Rig, server = B): void {
  rig.out({ flags: SYN, seq: C, options: WSCALE(7) });
  rig.nowMs += 1;
  rig.in({ flags: SYN, seq: A, ack: C + 1, options: WSCALE(2) });
  rig.out({ flags: 0, seq: C + 1, ack: A + 1 });
  expect(rig.in({ flags: SYN, seq: server, ack: C + 1, options: WSCALE(7) })).toBe(VERDICT_DROP);
  rig.out({ flags: 0, seq: C + 1, ack: A + 1, payload: 21 });
}

/** Lets `ms` pass; the server answers every probe with RST A+1. */
export function answering(rig: Rig, ms: number): void {
  for (let t = 0; t < ms; t += 2) {
    const before = rig.injected.length;
    rig.pass(2);
    const probed = rig.injected.slice(before).some((packet) => packet.path === INJECT_FAR);
    if (probed) expect(rig.in({ flags: RST, seq: A + 1 })).toBe(VERDICT_DROP);
  }
}

export function reanchored(server = B): Rig {
  const rig = new Rig();
  phantom(rig, server);
  rig.in({ flags: RST, seq: A + 1 });
  answering(rig, 1000);
  rig.in({ flags: SYN, seq: server, ack: C + 1, options: WSCALE(7) });
  answering(rig, 10);
  return rig;
}
