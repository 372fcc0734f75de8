/**
 * Asks a `reflect` on the far end for what arrived and left there, and compares it with what left
 * and arrived here: what is different, the path has done. Owns the question; the comparison is that
 * of `diagnose --both`.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { OperatorError } from '../config/errors.ts';
import type { TcpSocket } from '../datapath/probe/tcp-socket.ts';
import type { BothFinding } from '../diagnose/both/both-findings.ts';
import { type Comparison, compareSides } from '../diagnose/both/compare-sides.ts';
import { findingsOf } from '../diagnose/both/diagnose-both.ts';
import { sideOf } from '../diagnose/both/read-side.ts';
import { ANSWER_OCTETS_MAX, ASK_HEADERS, readReflection } from './reflection.ts';

const ANSWER_MS = 3000;
const LOOK_MS = 5;

/** The capture of the far end, or undefined: it has not told. */
export async function askReflector(
  socket: TcpSocket,
  look: () => void,
): Promise<Uint8Array | undefined> {
  if (!socket.say(`${ASK_HEADERS}\r\n`)) return undefined;
  const decoder = new TextDecoder('latin1');
  let text = '';
  for (let waitedMs = 0; waitedMs < ANSWER_MS; ) {
    const word = socket.hear();
    if (word.kind === 'end' || word.kind === 'error') return undefined;
    if (word.kind === 'data') {
      text += decoder.decode(word.bytes, { stream: true });
      const line = text.split('\n').find((one) => one.startsWith('{'));
      if (text.includes('}\n') && line !== undefined) return readReflection(line);
      if (text.length > ANSWER_OCTETS_MAX) return undefined;
      continue;
    }
    await pause(LOOK_MS);
    look();
    waitedMs += LOOK_MS;
  }
  return undefined;
}

export interface BothEnds {
  readonly comparison: Comparison;
  readonly findings: readonly BothFinding[];
}

/** Undefined: the far end's capture is none, or of no connection of ours. */
export function compareEnds(
  name: string,
  here: Uint8Array,
  there: Uint8Array,
): BothEnds | undefined {
  try {
    const comparison = compareSides(sideOf('here', here), sideOf(`${name} (reflect)`, there));
    if (comparison.flows.length === 0) return undefined;
    return { comparison, findings: findingsOf(comparison) };
  } catch (error) {
    if (error instanceof OperatorError) return undefined;
    throw error;
  }
}
