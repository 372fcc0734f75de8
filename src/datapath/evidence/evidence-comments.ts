/**
 * What stands at a packet of an evidence file: what was found and done about it, and what was
 * delivered. Owns the words, and which actions a packet of ours can stand for.
 */
import * as code from '../../engine/codes.ts';
import { INJECT_NEAR, VERDICT_DROP, VERDICT_REWRITTEN } from '../../engine/verdict.ts';
import { eventComment } from '../../telemetry/event-comment.ts';
import type { EventRecord } from '../../telemetry/event-log.ts';
import { codeEntry } from '../../telemetry/registry.ts';
import { changeText, segmentText } from '../replay/segment-text.ts';

/** EVD_DONE and EVD_WOULD count actions from here. */
const ACTION_FIRST = 64;
const ACTION_BITS = 32;

const TO_NEAR_END: readonly number[] = [code.RST_RELEASED, code.FLOW_ENDED];
const TO_FAR_END: readonly number[] = [
  code.PROBE_SENT,
  code.KEEPALIVE_SENT,
  code.FIRST_DATA_RESENT,
  code.REANCHORED,
  code.RESYNCED,
  code.TRANSLATED_BY_KERNEL,
];

/** Can this action have sent a packet that way? `path` is INJECT_*. */
export function canSend(action: number, path: number): boolean {
  return (path === INJECT_NEAR ? TO_NEAR_END : TO_FAR_END).includes(action);
}

/** Does this action send packets of its own, at which it is told? */
export function sends(action: number): boolean {
  return TO_NEAR_END.includes(action) || TO_FAR_END.includes(action);
}

/** Codes of a mask of actions. */
export function actionsIn(mask: number): readonly number[] {
  const codes: number[] = [];
  for (let bit = 0; bit < ACTION_BITS; bit++) {
    if ((mask & (1 << bit)) !== 0) codes.push(ACTION_FIRST + bit);
  }
  return codes;
}

/** Events, and actions that have none for every packet. */
export function toldComments(
  events: readonly EventRecord[],
  done: number,
  would: number,
): readonly string[] {
  const comments = events.map(eventComment);
  for (const observed of [false, true]) {
    for (const action of actionsIn(observed ? would : done)) {
      const entry = codeEntry(action);
      if (entry === undefined || events.some((event) => event.code === entry.name)) continue;
      comments.push(eventComment({ code: entry.name, observed, summary: entry.summary, args: {} }));
    }
  }
  return comments;
}

/** At what went on in place of the packet before it: why, in one word each, and what is other. */
export function replacementComment(
  codes: readonly number[],
  bytes: Uint8Array,
  delivered: Uint8Array,
): string {
  const names = [...new Set(codes)].flatMap((action) => codeEntry(action)?.name ?? []);
  const why = names.length === 0 ? '' : ` (${names.join(', ')})`;
  return `seqshim: delivered in place of the packet before${why}: ${changeText(bytes, delivered)}`;
}

/** What became of a packet, if it is not what came: `delivered` is what went on in its place. */
export function verdictComments(
  verdict: number,
  bytes: Uint8Array,
  delivered: Uint8Array | undefined,
): readonly string[] {
  if (verdict === VERDICT_DROP) return ['seqshim: not delivered'];
  if (verdict !== VERDICT_REWRITTEN) return [];
  if (delivered === undefined) return ['seqshim: delivered otherwise'];
  return [`seqshim: delivered with ${changeText(bytes, delivered)}`];
}

export function injectedComment(path: number, bytes: Uint8Array): string {
  const end = path === INJECT_NEAR ? 'near' : 'far';
  return `seqshim: sent to the ${end} end: ${segmentText(bytes)}`;
}
