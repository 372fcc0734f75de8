/**
 * Replays a capture into a file, and sums up. Owns the order of things, the limits of what is
 * listed, and the words about what a replay cannot know.
 */
import type { Config } from '../../config/config.ts';
import { CHECKSUM_BAD, RST_RELEASED } from '../../engine/codes.ts';
import { VERDICT_ACCEPT, VERDICT_DROP } from '../../engine/verdict.ts';
import { codeEntry } from '../../telemetry/registry.ts';
import type { Capture } from '../pcap/capture.ts';
import type { Ports } from './connections.ts';
import { type Entry, entriesOf } from './entries.ts';
import { ReplayFile } from './replay-file.ts';
import { Replayer, type Step } from './replayer.ts';

/** So many entries are listed, however many there are: a translated transfer has one a packet. */
const LISTED_MAX = 10_000;
/** Held resets and probes are decided within this (DESIGN §4.1: 3.5 s). */
const RUN_OUT_MS = 5000;

export interface ReplayReport {
  readonly frames: number;
  /** TCP packets with whole headers; and those of them that a shim would have judged. */
  readonly packets: number;
  readonly judged: number;
  readonly connections: number;
  readonly unchanged: number;
  readonly rewritten: number;
  readonly dropped: number;
  readonly injected: number;
  readonly written: number;
  readonly entries: readonly Entry[];
  readonly entriesNotListed: number;
  readonly findings: Readonly<Record<string, number>>;
  readonly interventions: Readonly<Record<string, number>>;
  readonly adjustments: Readonly<Record<string, number>>;
  readonly wouldIntervene: Readonly<Record<string, number>>;
  /** Sentences: what a replay of this capture cannot know. */
  readonly limits: readonly string[];
}

export function replayCapture(
  capture: Capture,
  config: Config,
  ports: Ports,
  path: string,
): ReplayReport {
  const isFine = capture.frames.some(({ timeUs }) => !Number.isInteger(timeUs));
  const file = new ReplayFile(path, isFine ? 9 : 6);
  const counts = { unchanged: 0, rewritten: 0, dropped: 0, injected: 0 };
  const entries: Entry[] = [];
  let entriesNotListed = 0;
  const note = (step: Step) => {
    const found = entriesOf(step);
    file.write(step, found);
    counts.injected += step.injected.length;
    if (step.frame !== undefined) {
      if (step.verdict === VERDICT_DROP) counts.dropped++;
      else if (step.verdict === VERDICT_ACCEPT) counts.unchanged++;
      else counts.rewritten++;
    }
    for (const entry of found) {
      if (entries.length < LISTED_MAX) entries.push(entry);
      else entriesNotListed++;
    }
  };
  const replayer = new Replayer(config, ports, note);
  try {
    for (const frame of capture.frames) replayer.feed(frame);
    replayer.end(RUN_OUT_MS);
  } finally {
    file.close();
  }
  const { judged, connections } = replayer;
  const { done, would } = replayer.totals;
  const named = (kind: string, tally: typeof done) => {
    const known = tally.map(([code, count]) => [codeEntry(code), count] as const);
    return Object.fromEntries(
      known.filter(([entry]) => entry?.kind === kind).map(([entry, n]) => [entry?.name, n]),
    ) as Record<string, number>;
  };
  return {
    ...counts,
    frames: judged.frames,
    packets: judged.packets,
    judged: judged.selected,
    connections: connections.selectedCount,
    written: file.packets,
    entries,
    entriesNotListed,
    findings: named('finding', done),
    interventions: named('intervention', done),
    adjustments: named('adjustment', done),
    wouldIntervene: { ...named('intervention', would), ...named('adjustment', would) },
    limits: limitsOf(capture, config, replayer, counts),
  };
}

/** Has a shim anything to do here? What it would have done in observe mode counts. */
export function isUntouched(report: ReplayReport): boolean {
  const { interventions, adjustments, wouldIntervene } = report;
  return [interventions, adjustments, wouldIntervene].every((of) => Object.keys(of).length === 0);
}

function limitsOf(
  { cutShort }: Capture,
  config: Config,
  { judged, connections, totals }: Replayer,
  { rewritten, dropped, injected }: { rewritten: number; dropped: number; injected: number },
): readonly string[] {
  const limits: string[] = [];
  if (rewritten + dropped + injected > 0) {
    limits.push(
      'The ends acted on what they really received: behind the first action they would have gone ' +
        'on differently.',
    );
  }
  const released = totals.done.some(([code]) => code === RST_RELEASED);
  if (released && rewritten + dropped > 0) {
    limits.push(
      'rst-released does not say that the connection was lost: the reset may have answered what the ' +
        'near end would not have sent, and nobody was there to refute it.',
    );
  }
  const asked = injected + judged.socketsAsked;
  if (asked > 0) {
    limits.push(
      'Nobody answers in a capture: to what was sent, and to what sockets were asked, there was no ' +
        'answer. Live, the answer decides.',
    );
  }
  const wrongSide = connections.wrongSideCount;
  if (wrongSide > 0) {
    const [taken, other] = config.direction === 'in' ? ["client's", 'out'] : ["server's", 'in'];
    limits.push(
      `By the TTLs of their SYNs ${count(wrongSide, 'connection')} look captured on the ${taken} ` +
        `side: for a shim there say --direction ${other}.`,
    );
  }
  const bad = totals.done.find(([code]) => code === CHECKSUM_BAD)?.[1] ?? 0;
  if (bad > 0) {
    limits.push(`${count(bad, 'arriving packet')} with a bad checksum passed as proof of nothing.`);
  }
  if (judged.cut > 0) {
    limits.push(`${count(judged.cut, 'packet')} cut by the capture: judged by their headers.`);
  }
  if (judged.backwards > 0) {
    limits.push(`${count(judged.backwards, 'frame')} older than the one before: time stood still.`);
  }
  if (cutShort) limits.push('The file ends within a record: what was before it was replayed.');
  return limits;
}

function count(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
