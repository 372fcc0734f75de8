/**
 * How long a connection may say nothing before something on the path forgets it: several
 * connections side by side, each with another silence, then more between the longest that was
 * survived and the shortest that was not. Owns what was found. Times: ms, silences in seconds.
 */

import { CLIENT } from '../diagnose/flow.ts';
import { ATTEMPT_MS_MAX, attemptOnce, type Manners, type Outcome } from './attempt.ts';
import type { BarePath } from './bare-path.ts';
import { Greeting } from './greeting.ts';
import { ANSWER_MS, IdleConnection } from './idle-connection.ts';
import {
  type Bounds,
  boundsOf,
  isCoarse,
  isDead,
  longestMs,
  ROUND_COUNT_MAX,
  SILENCES_PER_ROUND,
  silencesFor,
  type Tried,
} from './idle-plan.ts';

/** Between two connections of a round. */
const STAGGER_MS = 250;
const OPEN_MS = 5000;
/** Opening, answers, the control connection behind a round that found something dead. */
const ROUND_MS = SILENCES_PER_ROUND * (STAGGER_MS + OPEN_MS) + ANSWER_MS + ATTEMPT_MS_MAX;
/** Those of all rounds, and a control behind each. */
export const IDLE_PORT_COUNT = ROUND_COUNT_MAX * (SILENCES_PER_ROUND + 1);

export interface IdleResult {
  readonly verdict: 'forgets' | 'not-within' | 'undecided';
  readonly aliveS: number;
  readonly deadS: number | null;
  readonly maxS: number;
  readonly because: string;
  readonly tried: readonly Tried[];
}

export function idleMsMax(maxS: number): number {
  return longestMs(maxS, ROUND_MS);
}

export interface IdleManners extends Manners {
  /** The server speaks first: that is over before a silence begins. */
  readonly greets: boolean;
}

export async function searchIdleLimit(
  path: BarePath,
  maxS: number,
  manners: IdleManners,
  progress: (line: string) => void,
): Promise<IdleResult> {
  const tried: Tried[] = [];
  let bounds: Bounds = { aliveS: 0, deadS: null };
  const result = (verdict: IdleResult['verdict'], because: string): IdleResult => {
    const inOrder = [...tried].sort((a, b) => a.silenceS - b.silenceS);
    return { verdict, ...bounds, maxS, because, tried: inOrder };
  };
  for (let round = 0; round < ROUND_COUNT_MAX; round++) {
    const silences = silencesFor(bounds, maxS);
    if (silences.length === 0) break;
    progress(`idle: silences of ${silences.join(', ')} s side by side`);
    const found = await tryRound(path, silences, manners);
    tried.push(...found);
    const next = boundsOf(tried);
    if (next === undefined) return result('undecided', 'a longer silence was survived');
    bounds = next;
    if (manners.signal.aborted) return result('undecided', 'interrupted');
    if (found.length === 0) return result('undecided', 'no connection could be opened for it');
    if (found.some(({ fate }) => isDead(fate)) && !(await isWell(path, manners))) {
      return result('undecided', 'a new connection fails as well: it is not the silence');
    }
    if (!isCoarse(bounds)) break;
  }
  return conclude(bounds, maxS, tried, result);
}

function conclude(
  { aliveS, deadS }: Bounds,
  maxS: number,
  tried: readonly Tried[],
  result: (verdict: IdleResult['verdict'], because: string) => IdleResult,
): IdleResult {
  if (deadS !== null) {
    const how = tried.some(({ fate }) => fate === 'refused') ? 'a reset answers' : 'nobody answers';
    return result('forgets', `behind a silence of ${deadS} s ${how}, a new connection works`);
  }
  if (aliveS >= maxS) return result('not-within', `alive behind ${aliveS} s of silence`);
  const spoiled = tried.filter(({ fate }) => fate === 'spoiled').map(({ silenceS }) => silenceS);
  if (spoiled.length === 0) return result('undecided', 'not every connection could be opened');
  const first = Math.min(...spoiled);
  const because = `the server itself spoke or ended in silences of ${first} s and more; alive behind ${aliveS} s`;
  return result('undecided', because);
}

/** Ends when the shortest silence that is not survived is known. */
async function tryRound(
  path: BarePath,
  silences: readonly number[],
  manners: IdleManners,
): Promise<Tried[]> {
  const open: IdleConnection[] = [];
  const silence = path.watch.listen((packet) => {
    for (const one of open) one.note(packet);
  });
  try {
    for (const silenceS of silences) {
      const one = await openQuiet(path, silenceS, manners);
      if (one !== undefined) open.push(one);
      if (manners.signal.aborted) break;
      await path.rest(STAGGER_MS);
    }
    const longest = Math.max(0, ...silences) * 1000 + ANSWER_MS;
    await path.rest(longest, () => {
      for (const one of open) one.look();
      const waiting = open.find(({ fate }) => fate === undefined);
      const dead = open.find(({ fate }) => fate !== undefined && isDead(fate));
      return waiting === undefined || (dead !== undefined && dead.silenceS < waiting.silenceS);
    });
    return open.flatMap(({ silenceS, fate }) => (fate === undefined ? [] : [{ silenceS, fate }]));
  } finally {
    silence();
    for (const one of open) one.close();
  }
}

/** Connected, and what the server says first has come. */
async function openQuiet(
  path: BarePath,
  silenceS: number,
  { target, signal, greets }: IdleManners,
): Promise<IdleConnection | undefined> {
  const socket = path.next();
  let failed = socket.connect(target.address, target.port) !== undefined;
  const heard = new Greeting();
  await path.rest(OPEN_MS, () => {
    const word = socket.hear();
    if (word.kind === 'data') heard.add(word.bytes);
    failed ||= word.kind === 'error' || word.kind === 'end';
    return failed || !heard.isEmpty || (!greets && socket.isEstablished());
  });
  if (failed || signal.aborted || !socket.isEstablished()) {
    socket.close();
    return undefined;
  }
  const sndNxt = path.watch.flowOf(socket.port)?.halves[CLIENT].sndNxt ?? 0;
  return new IdleConnection(socket, silenceS, sndNxt);
}

async function isWell(path: BarePath, manners: Manners): Promise<boolean> {
  const { outcome } = await attemptOnce(path.next(), 0, 'bare', manners);
  const well: readonly Outcome[] = ['greeted', 'quiet'];
  return well.includes(outcome);
}
