/**
 * `top`: what the running shim does, every second, until q or Ctrl-C. Owns the terminal meanwhile,
 * and gives it back whatever happens. Where no terminal reads, or with `--once`: one page.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { pathsOf, type Values } from '../config/config.ts';
import { EXIT_OK } from '../config/exit-codes.ts';
import { ask } from '../telemetry/control-client.ts';
import { type TopAnswer, topLines } from '../telemetry/top-screen.ts';

const INTERVAL_MS = 1000;
/** A page for paper is not cut. */
const UNCUT = { columns: 1000, rows: 1000 };

const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const HOME = '\x1b[H';
const CLEAR_LINE = '\x1b[K';
const CLEAR_REST = '\x1b[J';
const LEAVING_KEYS = ['q', 'Q', '\x03', '\x1b'];

export async function top(args: Values): Promise<number> {
  const look = () => answerOf(pathsOf(args).control);
  if (args['once'] === true || !process.stdout.isTTY) {
    const [before, beforeMs] = [await look(), performance.now()];
    await pause(INTERVAL_MS);
    const now = await look();
    const lines = topLines(now, before, performance.now() - beforeMs, UNCUT);
    process.stdout.write(`${lines.join('\n')}\n`);
    return EXIT_OK;
  }
  // Before the screen changes: that nothing runs is one line like anywhere else.
  const first = await look();
  const leaving = new AbortController();
  const giveBack = takeTerminal(() => leaving.abort());
  try {
    await show(look, first, leaving.signal);
  } finally {
    giveBack();
  }
  return EXIT_OK;
}

async function answerOf(control: string): Promise<TopAnswer> {
  return (await ask(control, { op: 'top' })) as unknown as TopAnswer;
}

async function show(
  look: () => Promise<TopAnswer>,
  first: TopAnswer,
  leaving: AbortSignal,
): Promise<void> {
  let before = first;
  let now = first;
  let beforeMs = performance.now();
  while (!leaving.aborted) {
    draw(topLines(now, before, performance.now() - beforeMs, screenSize()));
    beforeMs = performance.now();
    await pause(INTERVAL_MS, undefined, { signal: leaving }).catch(() => {});
    if (leaving.aborted) return;
    before = now;
    now = await look();
  }
}

/** A terminal that does not know its size says 0. */
function screenSize(): { columns: number; rows: number } {
  return { columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 };
}

function draw(lines: readonly string[]): void {
  const text = lines.map((line) => `${line}${CLEAR_LINE}`).join('\n');
  process.stdout.write(`${HOME}${text}${CLEAR_REST}`);
}

function takeTerminal(leave: () => void): () => void {
  const { stdin, stdout } = process;
  const onKey = (key: Buffer) => {
    if (LEAVING_KEYS.includes(key.toString('utf8'))) leave();
  };
  process.on('SIGINT', leave);
  process.on('SIGTERM', leave);
  if (stdin.isTTY) {
    stdin.setRawMode(true);
    stdin.on('data', onKey);
  }
  stdout.write(ENTER);
  return () => {
    stdout.write(LEAVE);
    process.off('SIGINT', leave);
    process.off('SIGTERM', leave);
    if (!stdin.isTTY) return;
    stdin.off('data', onKey);
    stdin.setRawMode(false);
    stdin.pause();
  };
}
