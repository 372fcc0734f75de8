/**
 * What is kept of the connections of one packet thread until something is found or done on them:
 * their first packets, and the last few that follow, as the ring had them.
 *
 * Owns one piece of memory, taken at the start: a flood of new connections costs no garbage and no
 * growth. A row of the flow table has a place by its number; where two rows share one the later has
 * it. Connections on which something was found are followed by `followed-flow.ts`.
 */
import * as tape from '../../engine/evidence-tape.ts';
import { EVIDENCE_SLOT_BYTES } from '../../engine/limits.ts';
import { FollowedFlow } from './followed-flow.ts';

/** Powers of two. */
const PLACE_COUNT = 1024;
const OPENING_COUNT = 4;
const RECENT_COUNT = 4;
const FOLLOWED_COUNT_MAX = 1024;

const SLOT_WORDS = EVIDENCE_SLOT_BYTES / 4;
/** Words of a place: row + 1, generation, packets so far; then the slots. */
const ROW = 0;
const GENERATION = 1;
const COUNT = 2;
const SLOTS = 4;
const PLACE_WORDS = SLOTS + (OPENING_COUNT + RECENT_COUNT) * SLOT_WORDS;

export class FlowWindows {
  private readonly words = new Int32Array(PLACE_COUNT * PLACE_WORDS);
  private readonly followed = new Map<number, FollowedFlow>();

  constructor() {
    this.words.fill(-1).fill(0); // now, not while somebody floods us
  }

  followedFlow(flow: number, generation: number): FollowedFlow | undefined {
    const found = this.followed.get(flow);
    return found?.generation === generation ? found : undefined;
  }

  /** Keeps the packet in the slot at word `at` of an evidence ring; false: its flow is followed. */
  hold(from: Int32Array, at: number): boolean {
    const flow = from[at + tape.EVD_FLOW] ?? 0;
    const generation = from[at + tape.EVD_GENERATION] ?? 0;
    if (this.followedFlow(flow, generation) !== undefined) return false;
    const { words } = this;
    const place = placeOf(flow);
    if (words[place + ROW] !== flow + 1 || words[place + GENERATION] !== generation) {
      words[place + ROW] = flow + 1;
      words[place + GENERATION] = generation;
      words[place + COUNT] = 0;
    }
    const count = words[place + COUNT] ?? 0;
    words[place + COUNT] = count + 1;
    const to = place + slotOf(count);
    const end = tape.EVD_PACKET + (((from[at + tape.EVD_BYTES] ?? 0) + 3) >> 2);
    for (let i = 0; i < end; i++) words[to + i] = from[at + i] ?? 0;
    return true;
  }

  /** From now on the flow is followed. `take` is given what was held, in order: words, where. */
  follow(
    flow: number,
    generation: number,
    take: (words: Int32Array, at: number) => void,
  ): FollowedFlow {
    const { words, followed } = this;
    const place = placeOf(flow);
    if (words[place + ROW] === flow + 1 && words[place + GENERATION] === generation) {
      const count = words[place + COUNT] ?? 0;
      const recentFrom = Math.max(OPENING_COUNT, count - RECENT_COUNT);
      for (let i = 0; i < Math.min(count, OPENING_COUNT); i++) take(words, place + slotOf(i));
      for (let i = recentFrom; i < count; i++) take(words, place + slotOf(i));
      words[place + ROW] = 0;
    }
    const fresh = new FollowedFlow(generation);
    followed.delete(flow);
    followed.set(flow, fresh);
    if (followed.size > FOLLOWED_COUNT_MAX) {
      const [oldest] = followed.keys();
      if (oldest !== undefined) followed.delete(oldest);
    }
    return fresh;
  }
}

function placeOf(flow: number): number {
  return (flow & (PLACE_COUNT - 1)) * PLACE_WORDS;
}

/** The first ones stay, the others take turns. */
function slotOf(count: number): number {
  const turn = (count - OPENING_COUNT) & (RECENT_COUNT - 1);
  const slot = count < OPENING_COUNT ? count : OPENING_COUNT + turn;
  return SLOTS + slot * SLOT_WORDS;
}
