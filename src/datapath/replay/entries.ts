/**
 * From a step of the replay to one entry for each thing that was found or done in it: the frame,
 * the code, and what was delivered instead. Owns the words. Actions that have counters and no
 * events (a translated segment) get an entry too.
 */
import { KEEPALIVE_SENT, PROBE_SENT } from '../../engine/codes.ts';
import { TO_FAR, VERDICT_ACCEPT, VERDICT_DROP } from '../../engine/verdict.ts';
import type { CodeKind } from '../../telemetry/code-entry.ts';
import type { EventRecord } from '../../telemetry/event-log.ts';
import { codeEntry } from '../../telemetry/registry.ts';
import type { Injected, Step } from './replayer.ts';
import { changeText, segmentText } from './segment-text.ts';

export interface Entry {
  /** Of the input; null: a timer, between two frames. */
  readonly frame: number | null;
  readonly timeUs: number;
  /** Near end first; null: not told. */
  readonly flow: string | null;
  readonly code: string;
  readonly kind: CodeKind;
  /** The finding behind an action. */
  readonly cause: string | null;
  /** Decided and not done (`--mode observe`). */
  readonly observed: boolean;
  readonly args: EventRecord['args'];
  readonly summary: string;
  readonly delivered: string;
}

/** Actions that are all there is to a packet of ours. */
const QUESTIONS: readonly (string | undefined)[] = [PROBE_SENT, KEEPALIVE_SENT].map(
  (code) => codeEntry(code)?.name,
);

export function entriesOf(step: Step): readonly Entry[] {
  const { events, counted } = step;
  if (events.length + counted.done.length + counted.would.length === 0) return [];
  const delivered = deliveredText(step);
  const told = events.map((event) => entryOf(step, event, delivered));
  return [...told, ...untold(step, delivered)];
}

/** What became of the frame, and what was sent besides. */
function deliveredText(step: Step): string {
  const parts = step.frame === undefined ? [] : [verdictText(step)];
  for (const sent of step.injected) parts.push(injectedText(sent));
  return parts.length === 0 ? 'nothing was sent' : parts.join('; ');
}

export function verdictText({ frame, verdict, rewritten }: Step): string {
  if (verdict === VERDICT_DROP) return 'not delivered';
  if (verdict === VERDICT_ACCEPT || frame === undefined || rewritten === undefined) {
    return 'delivered unchanged';
  }
  const before = frame.bytes.subarray(frame.off, frame.off + frame.len);
  return `delivered with ${changeText(before, rewritten)}`;
}

export function injectedText({ dir, bytes }: Injected): string {
  return `sent to the ${dir === TO_FAR ? 'far' : 'near'} end: ${segmentText(bytes)}`;
}

function entryOf(step: Step, event: EventRecord, delivered: string): Entry {
  const asks = QUESTIONS.includes(event.code) && step.injected.length === 1;
  const [question] = step.injected;
  return {
    frame: step.frame?.frame ?? null,
    timeUs: step.timeUs,
    flow: event.flow,
    code: event.code,
    kind: event.kind as CodeKind,
    cause: event.cause ?? null,
    observed: event.observed,
    args: event.args,
    summary: event.summary,
    delivered: asks && question !== undefined ? injectedText(question) : delivered,
  };
}

/** Actions that were counted more often than told. Findings without an event are only counted. */
function untold(step: Step, delivered: string): readonly Entry[] {
  const { counted, events } = step;
  const entries: Entry[] = [];
  for (const observed of [false, true]) {
    for (const [code, count] of observed ? counted.would : counted.done) {
      const known = codeEntry(code);
      if (known === undefined || known.kind === 'finding') continue;
      const told = events.filter((event) => event.code === known.name);
      for (let i = told.length; i < count; i++) {
        entries.push({
          frame: step.frame?.frame ?? null,
          timeUs: step.timeUs,
          flow: step.connection?.flow ?? null,
          code: known.name,
          kind: known.kind,
          cause: null,
          observed,
          args: {},
          summary: known.summary,
          delivered,
        });
      }
    }
  }
  return entries;
}
