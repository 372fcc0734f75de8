import { expect, it } from 'vitest';
import { cancel, EventQueue, type Timer } from '../../src/datapath/sim/event-queue.ts';
import { Random } from '../../src/datapath/sim/random.ts';
import { SEED } from './seed.ts';

const TIMERS = 8;
const EVENTS = 3000;

/** What ran when, where timers are set, put off, brought forward and cancelled at random. */
function history(seed: number, putOff: (queue: EventQueue, timer: Timer | null) => Replace) {
  const queue = new EventQueue();
  const random = new Random(seed);
  const timers: (Timer | null)[] = Array.from({ length: TIMERS }, () => null);
  const ran: string[] = [];
  const act = (name: number): void => {
    ran.push(`${name} at ${queue.nowUs}`);
    for (let i = 0; i < 3; i++) {
      const which = random.between(0, TIMERS - 1);
      const timer = timers[which] ?? null;
      const replace = putOff(queue, timer);
      if (random.chance(0.2)) timers[which] = cancel(timer);
      else timers[which] = replace(random.between(0, 20), () => act(which));
    }
  };
  // What goes on when everything else happens to be cancelled.
  const beat = (): void => {
    act(-1);
    queue.after(7, beat);
  };
  beat();
  queue.runUntil(EVENTS, () => ran.length >= EVENTS);
  return ran;
}

type Replace = (delayUs: number, run: () => void) => Timer;

it('a timer put off runs when, and in the order in which, a new one would', () => {
  const fresh = history(SEED, (queue, timer) => (delayUs, run) => {
    cancel(timer);
    return queue.after(delayUs, run);
  });
  const again = history(SEED, (queue, timer) => (delayUs, run) => queue.again(timer, delayUs, run));
  expect(fresh.length).toBeGreaterThanOrEqual(EVENTS / 7);
  expect(again).toEqual(fresh);
});
