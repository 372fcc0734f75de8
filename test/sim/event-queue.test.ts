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
    if (ran.length >= EVENTS) return;
    for (let i = 0; i < 3; i++) {
      const which = random.between(0, TIMERS - 1);
      const timer = timers[which] ?? null;
      const replace = putOff(queue, timer);
      if (random.chance(0.2)) timers[which] = cancel(timer);
      else timers[which] = replace(random.between(0, 20), () => act(which));
    }
  };
  for (let i = 0; i < TIMERS; i++) timers[i] = queue.after(i % 3, () => act(i));
  queue.runUntil(1e9, () => ran.length >= EVENTS);
  return ran;
}

type Replace = (delayUs: number, run: () => void) => Timer;

it('a timer put off runs when, and in the order in which, a new one would', () => {
  const fresh = history(SEED, (queue, timer) => (delayUs, run) => {
    cancel(timer);
    return queue.after(delayUs, run);
  });
  const again = history(SEED, (queue, timer) => (delayUs, run) => queue.again(timer, delayUs, run));
  expect(fresh.length).toBeGreaterThan(100);
  expect(again).toEqual(fresh);
});
