/** A session on the bench that a firewall's new translation overtakes. Owns its rig. Times: ms. */
import { INJECT_FAR, VERDICT_ACCEPT } from '../../src/engine/verdict.ts';
import { SYN } from '../../src/engine/wire/segment.ts';
import { Rig } from './rig.ts';

export const C = 1_000_000;
export const S = 4_294_967_000 | 0; // the far end's numbers wrap on purpose
export const CLIENT_TS = 7_000_000;
export const SERVER_TS = 9_000_000;

export function stamp(tsVal: number, tsEcr: number): readonly number[] {
  const bytes = (n: number) => [n >>> 24, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];
  return [1, 1, 8, 10, ...bytes(tsVal), ...bytes(tsEcr)];
}

/** A session in which each end knows what it has: numbers relative to the initial ones. */
export class Talk {
  readonly rig = new Rig();
  /** What the firewall adds: to arriving SEQ, and to arriving ACK. */
  seqBy = 0;
  ackBy = 0;
  /** TSval of the client's last segment that the server accepted. */
  heard = CLIENT_TS;
  readonly stamped: boolean;

  constructor(stamped = true) {
    this.stamped = stamped;
    const { rig } = this;
    rig.out({ flags: SYN, seq: C, options: this.options(CLIENT_TS, 0) });
    rig.nowMs += 1;
    rig.in({ flags: SYN, seq: S, ack: C + 1, options: this.options(SERVER_TS, CLIENT_TS) });
    this.near(1, 1);
    this.hear();
  }

  options(tsVal: number, tsEcr: number): readonly number[] {
    return this.stamped ? stamp(tsVal, tsEcr) : [];
  }

  /** The client sends; `seq` and `ack` count from its and the server's initial number. */
  near(seq: number, ack: number, payload = 0): number {
    const tsVal = CLIENT_TS + this.rig.nowMs;
    const options = this.options(tsVal, SERVER_TS + this.rig.nowMs);
    return this.rig.out({ flags: 0, seq: (C + seq) | 0, ack: (S + ack) | 0, payload, options });
  }

  /** The server accepts what the client sent last. */
  hear(): void {
    this.heard = CLIENT_TS + this.rig.nowMs;
  }

  far(seq: number, ack: number, payload = 0, flags = 0, fill = 0): number {
    const options = this.options(SERVER_TS + this.rig.nowMs, this.heard);
    return this.rig.in({
      flags,
      seq: (S + seq + this.seqBy) | 0,
      ack: (C + ack + this.ackBy) | 0,
      payload,
      fill,
      options,
    });
  }

  probes(): number {
    return this.rig.injected.filter((packet) => packet.path === INJECT_FAR).length;
  }
}

/** A quiet session: 100 octets up, 200 down, everything acknowledged, long ago. */
export function session(stamped = true): Talk {
  const talk = new Talk(stamped);
  talk.rig.nowMs += 10;
  talk.near(1, 1, 100);
  talk.hear();
  talk.rig.nowMs += 10;
  talk.far(1, 101, 200);
  talk.near(101, 201);
  talk.hear();
  talk.rig.nowMs += 5000;
  return talk;
}

export function jumped(seqBy: number, ackBy: number): Talk {
  const talk = session();
  talk.seqBy = seqBy;
  talk.ackBy = ackBy;
  return talk;
}

/** The client types; the server answers each of its tries, and every probe, with an empty ACK. */
export function typing(talk: Talk, ms = 7000, answer = () => talk.far(201, 101)): number {
  let verdict = VERDICT_ACCEPT;
  for (let t = 0; t < ms && verdict === VERDICT_ACCEPT; t += 2) {
    const before = talk.probes();
    talk.rig.pass(2);
    if ([0, 200, 600, 1400, 3000, 6200].includes(t)) {
      talk.near(101, 201, 36);
      verdict = answer();
    } else if (talk.probes() > before) verdict = answer();
    if (verdict === VERDICT_ACCEPT && t % 200 === 0) talk.near(137, 201); // it refuses them
  }
  return verdict;
}
