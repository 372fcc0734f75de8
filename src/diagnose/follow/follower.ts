/**
 * `--follow`: tells each finding once, as soon as it has stood long enough, while packets come in.
 *
 * Owns which connections changed since the last look, and what was told of each. A look judges
 * those only, for a bounded time, so that it costs the same however long the capture is. Clocks:
 * `nowUs` is the capture's, `nowMs` ours, which goes on while no packet comes.
 */
import { flowFindings } from '../analyse.ts';
import { addressFindings } from '../find-address.ts';
import type { Finding } from '../finding.ts';
import { findingsByFlow } from '../findings-by-flow.ts';
import type { Flow, Seen } from '../flow.ts';
import type { FlowBook, Intake } from '../flow-book.ts';
import { UNKNOWN } from '../packet-record.ts';
import type { Report } from '../report.ts';
import type { Wording } from '../wording.ts';
import { settlesUs } from './settling.ts';

/** Packets wait meanwhile. */
const LOOK_BUDGET_MS = 40;
/** Harmless kinds are told once a server: so many of them are remembered, later ones not told. */
const NOTE_COUNT_MAX = 4096;

export interface Told {
  readonly kind: 'finding' | 'withdrawn';
  readonly flow: Flow;
  readonly finding: Finding;
}

interface Pending {
  finding: Finding;
  readonly sinceUs: number;
  readonly sinceMs: number;
}

/** Of one connection, by code and place among those of the same code. */
class Watch {
  readonly told = new Map<string, Finding>();
  readonly pending = new Map<string, Pending>();
}

export class Follower {
  private readonly tell: (told: Told) => void;
  private readonly clock: () => number;
  private readonly changed = new Set<Flow>();
  private readonly waiting = new Set<Flow>();
  /** A connection that the book lets go takes this with it. */
  private readonly watches = new WeakMap<Flow, Watch>();
  private readonly notes = new Set<string>();
  private book: Pick<FlowBook, 'flows' | 'ended'> | undefined;
  private wording: Wording = { frame: 'line', captureInterface: '', isLive: true };
  private nowUs = UNKNOWN;

  /** `clock`: milliseconds that only grow. */
  constructor(tell: (told: Told) => void, clock: () => number) {
    this.tell = tell;
    this.clock = clock;
  }

  /** What the book calls for each packet, before what the caller asks for. */
  intake(asked: Intake): Intake {
    return {
      ...asked,
      observe: (flow, seen, given) => {
        this.note(flow, seen);
        asked.observe?.(flow, seen, given);
      },
    };
  }

  begin(frame: Wording['frame'], book: FlowBook): void {
    this.wording = { ...this.wording, frame };
    this.book = book;
  }

  private note(flow: Flow, seen: Seen): void {
    this.changed.add(flow);
    if (seen.timeUs !== UNKNOWN) this.nowUs = seen.timeUs;
  }

  /** A few times a second. */
  look(): void {
    const nowMs = this.clock();
    if (this.changed.size > 0) {
      const { flows = [], ended } = this.book ?? {};
      const together = addressFindings(flows, this.wording, ended?.addresses);
      const byAddress = findingsByFlow(together);
      for (const flow of this.changed) {
        this.changed.delete(flow);
        const found = [...flowFindings(flow, this.wording), ...(byAddress.get(flow.id) ?? [])];
        this.judge(flow, found, nowMs);
        if (this.clock() - nowMs > LOOK_BUDGET_MS) break;
      }
    }
    for (const flow of this.waiting) if (!this.changed.has(flow)) this.tellDue(flow, nowMs);
  }

  /** At the end: what has not been told, and what was told and did not last. */
  finish({ findings, flows }: Pick<Report, 'findings' | 'flows'>): void {
    const groups = findingsByFlow(findings);
    for (const flow of flows) {
      const found = byKey(groups.get(flow.id) ?? []);
      const watch = this.watches.get(flow);
      for (const [key, finding] of watch?.told ?? []) {
        if (!found.has(key)) this.tell({ kind: 'withdrawn', flow, finding });
      }
      for (const [key, finding] of found) {
        if (watch?.told.has(key) !== true) this.tellOnce(flow, finding);
      }
    }
  }

  private judge(flow: Flow, findings: readonly Finding[], nowMs: number): void {
    const known = this.watches.get(flow);
    if (known === undefined && findings.length === 0) return;
    const watch = known ?? new Watch();
    if (known === undefined) this.watches.set(flow, watch);
    const { told, pending } = watch;
    const found = byKey(findings);
    for (const key of pending.keys()) if (!found.has(key)) pending.delete(key);
    for (const [key, finding] of found) {
      if (told.has(key)) continue;
      const waits = pending.get(key);
      if (waits !== undefined) waits.finding = finding;
      else pending.set(key, { finding, sinceUs: this.nowUs, sinceMs: nowMs });
    }
    if (pending.size > 0) this.waiting.add(flow);
    else this.waiting.delete(flow);
  }

  private tellDue(flow: Flow, nowMs: number): void {
    const watch = this.watches.get(flow);
    if (watch === undefined) return;
    const { told, pending } = watch;
    for (const [key, { finding, sinceUs, sinceMs }] of pending) {
      const stoodUs = Math.max(this.nowUs - sinceUs, (nowMs - sinceMs) * 1000);
      if (stoodUs < settlesUs(finding.code)) continue;
      pending.delete(key);
      told.set(key, finding);
      this.tellOnce(flow, finding);
    }
    if (pending.size === 0) this.waiting.delete(flow);
  }

  /** What is harmless, and the same at every connection to a server, is said once. */
  private tellOnce(flow: Flow, finding: Finding): void {
    if (finding.severity === 'note') {
      const kind = `${finding.code} ${flow.server} ${flow.serverPort}`;
      if (this.notes.has(kind) || this.notes.size >= NOTE_COUNT_MAX) return;
      this.notes.add(kind);
    }
    this.tell({ kind: 'finding', flow, finding });
  }
}

function byKey(findings: readonly Finding[]): Map<string, Finding> {
  const keyed = new Map<string, Finding>();
  for (const finding of findings) {
    let place = 1;
    while (keyed.has(`${finding.code} ${place}`)) place += 1;
    keyed.set(`${finding.code} ${place}`, finding);
  }
  return keyed;
}
