import { beforeEach, describe, expect, it } from 'vitest';
import { BusyPoll } from '../../../src/datapath/nfqueue/busy-poll.ts';

const WINDOW_US = 50;
let poll: BusyPoll;
let nowUs: number;

/** A wait in which the thread slept. */
function sleep(us: number): void {
  poll.begin(nowUs);
  nowUs = (nowUs + us) | 0;
  poll.end(nowUs);
}

/** How often the queue is looked at, each time for `lookUs`, before the thread sleeps. */
function looks(lookUs: number): number {
  let count = 0;
  for (let goesOn = poll.begin(nowUs); goesOn && count < 1000; goesOn = poll.goesOn(nowUs)) {
    nowUs = (nowUs + lookUs) | 0;
    count++;
  }
  return count;
}

beforeEach(() => {
  poll = new BusyPoll();
  poll.windowUs = WINDOW_US;
  // It wraps in the course of a test.
  nowUs = 0x7fff_ffd0;
});

describe('polling before sleeping', () => {
  it('does not begin with it', () => {
    expect(looks(1)).toBe(0);
  });

  it('polls for its window behind a short wait', () => {
    sleep(90);
    expect(looks(10)).toBe(5);
  });

  it('sleeps at once behind a long one', () => {
    sleep(90);
    sleep(110);
    expect(looks(10)).toBe(0);
  });

  it('goes on where polling found something', () => {
    sleep(90);
    expect(poll.begin(nowUs)).toBe(true);
    nowUs = (nowUs + WINDOW_US / 2) | 0;
    poll.end(nowUs);
    expect(looks(10)).toBe(5);
  });

  it('stops where polling is in vain and the sleep behind it long', () => {
    sleep(90);
    looks(10);
    nowUs = (nowUs + 10_000) | 0;
    poll.end(nowUs);
    expect(looks(10)).toBe(0);
  });

  it('leaves the processor to others who had it meanwhile', () => {
    sleep(90);
    expect(looks(2000)).toBe(1);
    nowUs = (nowUs + 98_000) | 0;
    sleep(90);
    expect(looks(10)).toBe(0);
    nowUs = (nowUs + 2000) | 0;
    sleep(90);
    expect(looks(10)).toBe(5);
  });

  it('does not take a slow look for somebody else', () => {
    poll.windowUs = 1000;
    sleep(90);
    expect(looks(300)).toBe(4);
    sleep(90);
    expect(looks(300)).toBe(4);
  });

  it('never polls with a window of none', () => {
    poll.windowUs = 0;
    sleep(0);
    expect(looks(10)).toBe(0);
  });

  it('takes another window at once', () => {
    sleep(90);
    poll.windowUs = 100;
    expect(looks(10)).toBe(10);
  });
});
