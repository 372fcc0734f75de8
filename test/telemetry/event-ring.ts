/** Puts events into an events ring as the engine does, and collects log lines. */
import type { DestinationStream } from 'pino';
import * as ev from '../../src/engine/events.ts';
import { EVENT_SLOT_COUNT, EVENT_WORDS } from '../../src/engine/limits.ts';
import { Ring } from '../../src/engine/ring.ts';

export interface EventSpec {
  readonly code: number;
  readonly cause?: number;
  readonly would?: boolean;
  readonly ipv6?: boolean;
  readonly args?: readonly number[];
}

export class EventRing {
  readonly buffer = new ArrayBuffer(Ring.byteLength(EVENT_SLOT_COUNT, EVENT_WORDS * 4));
  readonly ring = new Ring(this.buffer, EVENT_SLOT_COUNT, EVENT_WORDS * 4);

  /** 10.0.0.1:40270 > 10.0.0.2:22, or fd00::1 and fd00::2; 17 ms old. False when it is full. */
  put({ code, cause = 0, would = false, ipv6 = false, args = [] }: EventSpec): boolean {
    const at = this.ring.reserve();
    if (at < 0) return false;
    const { words } = this.ring;
    words.fill(0, at, at + EVENT_WORDS);
    words[at + ev.EV_CODE] = code;
    words[at + ev.EV_CAUSE] = cause;
    words[at + ev.EV_WOULD] = would ? 1 : 0;
    words[at + ev.EV_FAMILY] = ipv6 ? 6 : 4;
    const near = ipv6 ? [0xfd000000, 0, 0, 1] : [0x0a000001];
    const far = ipv6 ? [0xfd000000, 0, 0, 2] : [0x0a000002];
    words.set(near, at + ev.EV_NEAR_ADDR);
    words.set(far, at + ev.EV_FAR_ADDR);
    words[at + ev.EV_PORTS] = (40270 << 16) | 22;
    words[at + ev.EV_AGE_MS] = 17;
    words.set(args, at + ev.EV_ARG);
    this.ring.commit();
    return true;
  }
}

/** Where a log writes to: whole lines, in order. */
export class Lines implements DestinationStream {
  readonly lines: string[] = [];

  write(line: string): void {
    this.lines.push(line);
  }

  json(): Record<string, unknown>[] {
    return this.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }
}
