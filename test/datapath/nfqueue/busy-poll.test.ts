import { beforeEach, describe, expect, it } from 'vitest';
import { BusyPoll } from '../../../src/datapath/nfqueue/busy-poll.ts';

const WINDOW_MS = 0.05;
let poll: BusyPoll;
let nowMs: number;

/** A wait in which the thread slept. */
function sleep(ms: number): void {
  poll.begin(nowMs);
  nowMs += ms;
  poll.end(nowMs);
}

/** How often the queue is looked at, each time for `lookMs`, before the thread sleeps. */
function looks(lookMs: number): number {
  let count = 0;
  for (let goesOn = poll.begin(nowMs); goesOn && count < 1000; goesOn = poll.goesOn(nowMs)) {
    nowMs += lookMs;
    count++;
  }
  return count;
}

beforeEach(() => {
  poll = new BusyPoll();
  poll.windowUs = 50;
  nowMs = 1000;
});

describe('polling before sleeping', () => {
  it('does not begin with it', () => {
    expect(looks(0.001)).toBe(0);
  });

  it('polls for its window behind a short wait', () => {
    sleep(0.09);
    expect(looks(0.011)).toBe(5);
  });

  it('sleeps at once behind a long one', () => {
    sleep(0.09);
    sleep(0.11);
    expect(looks(0.011)).toBe(0);
  });

  it('goes on where polling found something', () => {
    sleep(0.09);
    expect(poll.begin(nowMs)).toBe(true);
    nowMs += WINDOW_MS / 2;
    poll.end(nowMs);
    expect(looks(0.011)).toBe(5);
  });

  it('stops where polling is in vain and the sleep behind it long', () => {
    sleep(0.09);
    looks(0.011);
    nowMs += 10;
    poll.end(nowMs);
    expect(looks(0.011)).toBe(0);
  });

  it('leaves the processor to others who had it meanwhile', () => {
    sleep(0.09);
    expect(looks(2)).toBe(1);
    nowMs += 98;
    sleep(0.09);
    expect(looks(0.011)).toBe(0);
    nowMs += 2;
    sleep(0.09);
    expect(looks(0.011)).toBe(5);
  });

  it('does not take a slow look for somebody else', () => {
    poll.windowUs = 1000;
    sleep(0.09);
    expect(looks(0.3)).toBe(4);
    sleep(0.09);
    expect(looks(0.3)).toBe(4);
  });

  it('never polls with a window of none', () => {
    poll.windowUs = 0;
    sleep(0);
    expect(looks(0.011)).toBe(0);
  });

  it('takes another window at once', () => {
    sleep(0.09);
    poll.windowUs = 100;
    expect(looks(0.011)).toBe(10);
  });
});
