/** One script against a model end point in virtual time. Owns the clock. */
import { EventQueue } from '../../datapath/sim/event-queue.ts';
import { ModelSubject } from './model-subject.ts';
import { parseScript } from './parse-script.ts';
import type { Job } from './run-live.ts';
import { type Outcome, ScriptRun } from './script-run.ts';
import { sidesOf } from './sides.ts';

export function runModel({ text, family, index, observeMs }: Job): Outcome {
  const script = parseScript(text);
  const sides = sidesOf(script, index, family);
  const queue = new EventQueue();
  let hasNews = false;
  const subject = new ModelSubject(queue, sides, (packet) => {
    hasNews = true;
    run.arrive(packet, queue.nowUs / 1000);
  });
  const run: ScriptRun = new ScriptRun(script, subject, sides, 0, observeMs);
  for (;;) {
    run.advance(queue.nowUs / 1000);
    if (run.isOver) return run.outcome();
    hasNews = false;
    queue.runUntil(Math.ceil(run.dueMs * 1000), () => hasNews);
  }
}
