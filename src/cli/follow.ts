/**
 * `diagnose --follow`: looks at what has come a few times a second, prints what is new, and ends
 * with the input or on Ctrl-C, which the program that writes it gets too. Owns timer and signals.
 */
import type { Values } from '../config/config.ts';
import { OperatorError } from '../config/errors.ts';
import { EXIT_USAGE } from '../config/exit-codes.ts';
import { diagnoseStream, type Outcome, type Wishes } from '../diagnose/diagnose.ts';
import { followJson, followLine } from '../diagnose/follow/follow-line.ts';
import { Follower, type Told } from '../diagnose/follow/follower.ts';
import { livePieces } from '../diagnose/follow/live-input.ts';

const LOOK_MS = 250;
/** tcpdump hands on what it still has, and ends: we wait for that so long. */
const LAST_PACKETS_MS = 500;

/** As without `--follow`, and tells each finding before. */
export async function followInput(name: string, wishes: Wishes, args: Values): Promise<Outcome> {
  const asJson = args['json'] === true;
  const shownName = wishes.inputName ?? name;
  let lines = 0;
  const tell = (told: Told) => {
    lines += 1;
    process.stdout.write(asJson ? followJson(shownName, told) : followLine(told));
  };
  const follow = new Follower(tell, () => performance.now());
  const stop = new StopOnSignal();
  const timer = setInterval(() => follow.look(), LOOK_MS);
  try {
    const pieces = livePieces(name, stop.signal);
    const outcome = await diagnoseStream(name, pieces, { ...wishes, follow, stopped: stop.signal });
    if (outcome.kind === 'report') follow.finish(outcome.report);
    // Sets the report apart, for a person.
    if (lines > 0 && !asJson) process.stdout.write('\n');
    return outcome;
  } finally {
    clearInterval(timer);
    stop.close();
  }
}

/** The first Ctrl-C waits for the last packets, the second one does not. */
class StopOnSignal {
  private readonly controller = new AbortController();
  private grace: NodeJS.Timeout | undefined;
  private readonly onSignal = () => {
    if (this.grace !== undefined) this.controller.abort();
    this.grace ??= setTimeout(() => this.controller.abort(), LAST_PACKETS_MS);
  };

  constructor() {
    process.on('SIGINT', this.onSignal).on('SIGTERM', this.onSignal);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  close(): void {
    clearTimeout(this.grace);
    process.off('SIGINT', this.onSignal).off('SIGTERM', this.onSignal);
  }
}

/** One stream is followed. */
export function demandOneInput(names: readonly string[]): void {
  if (names.length === 1) return;
  throw new OperatorError(
    `Cannot follow ${names.length} inputs: name one, for example - for standard input`,
    EXIT_USAGE,
  );
}
