/**
 * Text of a packet script to events. Owns the grammar; `test/scripts/README.md` tells it. A line
 * that is not understood is an error that names it.
 */
import { STATE_NAMES } from '../../telemetry/state-names.ts';
import { parseSegmentLine } from './parse-segment.ts';
import type { Action, Call, End, Script, ScriptEvent } from './script.ts';
import { ScriptError } from './script-error.ts';

/** How long what is expected at once may take, on a machine that has much else to do. */
export const PATIENCE_MS = 2000;
const LINES_MAX = 50;
const COMMENT = '#';
const ENDS: readonly End[] = ['eof', 'reset', 'refused', 'timeout', 'broken-pipe'];
const PLAIN_CALLS = ['listen', 'connect', 'accept', 'shutdown', 'close', 'abort'] as const;
const COUNTED_CALLS = ['read', 'write', 'receive-buffer'] as const;
const TIME = /^\+(\d+(?:\.\d+)?)(ms|s)(?:\.\.(\d+(?:\.\d+)?)(ms|s))?\s+/;

export function parseScript(text: string): Script {
  const lines = text.split('\n');
  const title = lines[0] ?? '';
  if (!title.startsWith(`${COMMENT} `)) {
    throw new ScriptError(`Cannot read line 1: it must say what is tested, behind "${COMMENT} "`);
  }
  if (lines.length > LINES_MAX) {
    throw new ScriptError(`Cannot read: ${lines.length} lines, must be at most ${LINES_MAX}`);
  }
  const events = lines.flatMap((line, i): ScriptEvent[] => {
    const bare = line.split(COMMENT)[0]?.trim() ?? '';
    return bare === '' ? [] : [parseEvent(bare, i + 1)];
  });
  return { title: title.slice(COMMENT.length).trim(), events };
}

function parseEvent(text: string, line: number): ScriptEvent {
  try {
    const time = TIME.exec(text);
    const action = parseAction(time === null ? text : text.slice(time[0].length));
    const afterMs = time === null ? 0 : milliseconds(time[1], time[2]);
    const ranged = time?.[3] !== undefined;
    if (ranged && !isAwaited(action)) throw new ScriptError('only what is waited for has a range');
    if (action.kind === 'expect' && time !== null && !ranged) {
      throw new ScriptError('an expected segment has a range of times, such as +200ms..400ms');
    }
    const beforeMs = ranged ? milliseconds(time?.[3], time?.[4]) : afterMs + PATIENCE_MS;
    if (beforeMs < afterMs) throw new ScriptError('the range ends before it begins');
    return { line, text, afterMs, beforeMs, action };
  } catch (error) {
    if (!(error instanceof ScriptError)) throw error;
    throw new ScriptError(`Cannot read line ${line} "${text}": ${error.message}`);
  }
}

function parseAction(text: string): Action {
  const [word = '', ...rest] = text.split(/\s+/);
  if (word === '<' || word === '>') {
    const segment = parseSegmentLine(rest.join(' '));
    const kind = word === '<' ? 'inject' : 'expect';
    if (kind === 'expect' && segment.seq.base !== 'zero') {
      throw new ScriptError('an expected segment has numbers, no edges');
    }
    return { kind, segment };
  }
  if (rest.length > 1) throw new ScriptError(`"${rest[1]}" is too much`);
  const argument = rest[0];
  if (word === 'silence' && argument === undefined) return { kind: 'silence' };
  if (word === 'state') return { kind: 'state', state: oneOf(STATE_NAMES, argument ?? '') };
  if (word === 'read' && ENDS.includes(argument as End)) {
    return { kind: 'end', end: argument as End };
  }
  return { kind: 'call', call: parseCall(word, argument) };
}

function parseCall(word: string, argument: string | undefined): Call {
  if (argument === undefined) return { name: oneOf(PLAIN_CALLS, word) };
  const name = oneOf(COUNTED_CALLS, word);
  const octets = Number(argument);
  if (!Number.isInteger(octets) || octets < 1) throw new ScriptError(`"${argument}" is no count`);
  return { name, octets };
}

/** What may come later than at once. */
function isAwaited(action: Action): boolean {
  if (action.kind !== 'call') return action.kind !== 'inject' && action.kind !== 'silence';
  return action.call.name === 'accept' || action.call.name === 'read';
}

function oneOf<T extends string>(words: readonly T[], word: string): T {
  const found = words.find((one) => one === word);
  if (found === undefined) throw new ScriptError(`"${word}" is none of ${words.join(', ')}`);
  return found;
}

function milliseconds(count: string | undefined, unit: string | undefined): number {
  return Number(count) * (unit === 's' ? 1000 : 1);
}
