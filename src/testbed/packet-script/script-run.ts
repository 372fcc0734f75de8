/**
 * One run of a script against one near end: what is due is done, what is expected is compared.
 * Knows no clock: whoever drives it says what time it is, so that real and virtual time do alike.
 *
 * Owns the place in the script and the transcript. Times: ms.
 */
import { type Packet, PSH } from '../../datapath/sim/packet.ts';
import { Conversation, type Sides } from './conversation.ts';
import { formatOptions, formatSegmentLine } from './parse-segment.ts';
import { octetsFrom, type Script, type ScriptEvent, type SegmentLine } from './script.ts';
import type { Heard, Subject } from './subject.ts';

interface Kept {
  readonly line: SegmentLine;
  readonly isWhole: boolean;
  readonly atMs: number;
}

/** What became of a script. */
export interface Outcome {
  /** Empty: everything was as it says. */
  readonly failure: string;
  /** Line of the failure; 0: none. */
  readonly line: number;
  /** Segments of both sides and what the near end's calls returned, in order. */
  readonly transcript: readonly string[];
  /** Behind the last event, as long as it was asked to look. */
  readonly observed: readonly string[];
  readonly state: string;
  /** What a read says at last. */
  readonly heard: string;
  /** From the last event to the last change of the state. */
  readonly settledMs: number;
}

export class ScriptRun {
  isOver = false;
  private readonly script: Script;
  private readonly subject: Subject;
  private readonly observeMs: number;
  private readonly conversation: Conversation;
  private readonly transcript: string[] = [];
  private readonly observed: string[] = [];
  private readonly backlog: Kept[] = [];
  private at = 0;
  private lastMs: number;
  private failure = '';
  private failedLine = 0;
  private readOctets = 0;
  private wantedOctets = 0;
  private state = '';
  private settledMs = 0;

  /** `observeMs`: for how long to look at what comes behind the last event. */
  constructor(script: Script, subject: Subject, sides: Sides, nowMs: number, observeMs: number) {
    this.script = script;
    this.subject = subject;
    this.conversation = new Conversation(sides);
    this.lastMs = nowMs;
    this.observeMs = observeMs;
  }

  outcome(): Outcome {
    const { failure, failedLine: line, transcript, observed, state, settledMs } = this;
    return { failure, line, transcript, observed, state, heard: this.heardAtLast, settledMs };
  }

  /** A packet of the near end. */
  arrive(packet: Packet, atMs: number): void {
    if (this.isOver) return;
    const line = this.conversation.read(packet);
    this.backlog.push({ line, isWhole: this.conversation.isWhole(packet), atMs });
  }

  /** When it has something to do by itself next. */
  get dueMs(): number {
    const event = this.script.events[this.at];
    if (event === undefined) return this.lastMs + this.observeMs;
    return this.lastMs + (this.isAwaited(event) ? event.beforeMs + 1 : event.afterMs);
  }

  advance(nowMs: number): void {
    while (!this.isOver && this.step(nowMs)) {}
  }

  private heardAtLast = '';

  /** True: something was done, look again. */
  private step(nowMs: number): boolean {
    const event = this.script.events[this.at];
    if (event === undefined) return this.observe(nowMs);
    const isEarly = nowMs < this.lastMs + event.afterMs;
    if (event.action.kind === 'expect') {
      const kept = this.backlog.shift();
      if (kept !== undefined) return this.compare(event, event.action.segment, kept);
    } else if (!isEarly && this.perform(event)) {
      this.pass(nowMs);
      return true;
    }
    if (this.failure === '' && nowMs > this.lastMs + event.beforeMs) {
      this.fail(event, `has not happened within ${event.beforeMs} ms${this.insteadText()}`);
    }
    return false;
  }

  /** What has to be waited for is waited for; the rest is done when it is due. */
  private isAwaited({ action }: ScriptEvent): boolean {
    if (action.kind === 'call') return action.call.name === 'accept' || action.call.name === 'read';
    return action.kind !== 'inject' && action.kind !== 'silence';
  }

  private pass(atMs: number): void {
    this.at++;
    this.lastMs = atMs;
  }

  private compare(event: ScriptEvent, wanted: SegmentLine, kept: Kept): boolean {
    this.transcript.push(`> ${formatSegmentLine(kept.line)}`);
    const ms = Math.round(kept.atMs - this.lastMs);
    const odd = kept.isWhole ? differenceOf(wanted, kept.line) : 'its octets are others';
    if (odd !== '') return this.fail(event, `${odd}: > ${formatSegmentLine(kept.line)}`);
    if (ms < event.afterMs || ms > event.beforeMs) return this.fail(event, `came after ${ms} ms`);
    this.pass(Math.max(kept.atMs, this.lastMs));
    return true;
  }

  private perform(event: ScriptEvent): boolean {
    const { action } = event;
    try {
      switch (action.kind) {
        case 'inject':
          this.transcript.push(`< ${formatSegmentLine(action.segment)}`);
          this.subject.inject(this.conversation.build(action.segment));
          return true;
        case 'call':
          if (action.call.name === 'read') return this.read(event, action.call.octets);
          if (!this.subject.call(action.call)) return false;
          this.transcript.push(action.call.name);
          return true;
        case 'end':
          return this.readEnd(event, action.end);
        case 'state':
          return this.subject.state() === action.state;
        default:
          return this.backlog.length === 0 || this.fail(event, `is broken${this.insteadText()}`);
      }
    } catch (error) {
      return this.fail(event, (error as Error).message);
    }
  }

  private read(event: ScriptEvent, octets: number): boolean {
    if (this.wantedOctets <= this.readOctets) this.wantedOctets = this.readOctets + octets;
    const heard = this.subject.hear(this.wantedOctets - this.readOctets);
    if (heard.kind === 'end') return this.fail(event, `read ${heard.end}`);
    if (heard.kind === 'waiting') return false;
    const expected = octetsFrom(this.readOctets, heard.bytes.length);
    if (heard.bytes.some((octet, i) => octet !== expected[i])) {
      return this.fail(event, 'read other octets');
    }
    this.readOctets += heard.bytes.length;
    if (this.readOctets < this.wantedOctets) return false;
    this.transcript.push(`read ${octets}`);
    return true;
  }

  private readEnd(event: ScriptEvent, end: string): boolean {
    const heard = this.subject.hear(1);
    if (heard.kind === 'waiting') return false;
    if (heardText(heard) !== end) return this.fail(event, `read ${heardText(heard)}`);
    this.transcript.push(`read ${end}`);
    return true;
  }

  /** Behind the last event nothing is expected: it is watched, or it is a failure. */
  private observe(nowMs: number): boolean {
    for (const kept of this.backlog.splice(0)) {
      if (this.observeMs > 0) this.observed.push(`> ${formatSegmentLine(kept.line)}`);
      else this.failLast(`> ${formatSegmentLine(kept.line)} was not expected`);
    }
    const state = this.subject.state();
    if (state !== this.state) {
      this.state = state;
      this.settledMs = Math.round(nowMs - this.lastMs);
    }
    if (nowMs < this.lastMs + this.observeMs) return false;
    if (this.observeMs > 0) this.heardAtLast = heardText(this.subject.hear(1));
    this.leave();
    return false;
  }

  private insteadText(): string {
    const kept = this.backlog[0];
    if (kept === undefined) {
      const event = this.script.events[this.at];
      return event?.action.kind === 'state' ? `, it is ${this.subject.state()}` : '';
    }
    return `: > ${formatSegmentLine(kept.line)}`;
  }

  private fail(event: ScriptEvent, why: string): false {
    this.failure = `line ${event.line} "${event.text}" ${why}`;
    this.failedLine = event.line;
    this.leave();
    return false;
  }

  private failLast(why: string): void {
    this.failure = why;
    this.failedLine = (this.script.events.at(-1)?.line ?? 0) + 1;
  }

  private leave(): void {
    this.isOver = true;
    this.subject.leave();
  }
}

function heardText(heard: Heard): string {
  if (heard.kind === 'end') return heard.end;
  return heard.kind === 'octets' ? 'octets' : 'waiting';
}

/** In what an expected segment differs, or nothing. PSH is nobody's business. */
function differenceOf(wanted: SegmentLine, got: SegmentLine): string {
  if ((wanted.flags & ~PSH) !== (got.flags & ~PSH)) return 'has other flags';
  if (wanted.seq.offset !== got.seq.offset) return 'begins elsewhere';
  if (wanted.octets !== got.octets) return 'is of another length';
  if (wanted.ack !== got.ack) return 'acknowledges something else';
  if (wanted.wnd >= 0 && wanted.wnd !== got.wnd) return 'has another window';
  if (wanted.options === null || got.options === null) return '';
  const same = formatOptions(wanted.options) === formatOptions(got.options);
  return same ? '' : 'has other options';
}
