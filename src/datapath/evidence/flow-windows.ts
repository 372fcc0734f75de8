/**
 * What is kept of each connection until something is found or done on it: its first packets, and
 * the last few that follow. Behind that its packets are written as they come, so many and no more.
 *
 * Owns the windows; bounded in connections, packets and rate. Times: ms of the monotonic clock.
 */
const FLOW_COUNT_MAX = 2048;
const OPENING_COUNT = 6;
const RECENT_COUNT = 6;
/** Sentences that wait for a packet to stand at. */
const UNTOLD_COUNT_MAX = 8;
/** A flood of resets on one connection must not push out the evidence of all others. */
const FLOW_PACKETS = 512;
const FLOW_PACKET_MS = 10_000;

/** A packet as it goes into the file. */
export interface EvidencePacket {
  /** ARRIVED or DELIVERED. */
  readonly interfaceId: number;
  /** Engine time. */
  readonly atMs: number;
  readonly bytes: Uint8Array;
  readonly wireBytes: number;
  readonly direction: 'in' | 'out';
  readonly comments: readonly string[];
}

export class FlowWindow {
  readonly generation: number;
  isMarked = false;
  /** Said of the connection when no packet of it was in hand. */
  untold: string[] = [];
  private opening: EvidencePacket[] = [];
  private recent: EvidencePacket[] = [];
  private tokens = FLOW_PACKETS;
  private filledMs = 0;

  constructor(generation: number) {
    this.generation = generation;
  }

  hold(packet: EvidencePacket): void {
    if (this.opening.length < OPENING_COUNT) {
      this.opening.push(packet);
      return;
    }
    this.recent.push(packet);
    if (this.recent.length > RECENT_COUNT) this.recent.shift();
  }

  /** From now on packets are written; those that were held go first. */
  mark(): readonly EvidencePacket[] {
    const held = [...this.opening, ...this.recent];
    this.isMarked = true;
    this.opening = [];
    this.recent = [];
    return held;
  }

  sayLater(comment: string): void {
    if (this.untold.length < UNTOLD_COUNT_MAX) this.untold.push(comment);
  }

  takeUntold(): readonly string[] {
    const { untold } = this;
    if (untold.length > 0) this.untold = [];
    return untold;
  }

  /** May one more packet of it be written? */
  mayWrite(nowMs: number): boolean {
    const more = (nowMs - this.filledMs) / FLOW_PACKET_MS;
    this.tokens = Math.min(FLOW_PACKETS, this.tokens + more);
    this.filledMs = nowMs;
    if (this.tokens < 1) return false;
    this.tokens--;
    return true;
  }
}

export class FlowWindows {
  /** The one used last stands last. */
  private readonly windows = new Map<number, FlowWindow>();

  /** `flow` is a row of the table of packet thread `queue`. */
  of(queue: number, flow: number, generation: number): FlowWindow {
    const key = queue * 2 ** 32 + flow;
    let window = this.windows.get(key);
    if (window !== undefined) this.windows.delete(key);
    if (window?.generation !== generation) window = new FlowWindow(generation);
    this.windows.set(key, window);
    if (this.windows.size > FLOW_COUNT_MAX) {
      const [oldest] = this.windows.keys();
      if (oldest !== undefined) this.windows.delete(oldest);
    }
    return window;
  }
}
