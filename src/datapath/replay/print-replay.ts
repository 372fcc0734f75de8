/** The report of a replay, as text and as JSON (schema 1, additive). Owns words and keys. */
import type { Entry } from './entries.ts';
import { isUntouched, type ReplayReport } from './replay.ts';

/** More lines than this nobody reads; JSON has more. */
const LINES_MAX = 1000;

/** What was asked for, as it is told. */
export interface Asked {
  readonly input: string;
  readonly output: string;
  readonly targets: readonly string[];
  readonly ports: readonly number[] | 'all';
  readonly direction: 'out' | 'in';
  readonly mode: 'enforce' | 'observe';
}

export function printReplay(asked: Asked, report: ReplayReport): string {
  const lines = [headline(asked, report), ''];
  for (const entry of report.entries.slice(0, LINES_MAX)) lines.push(entryLine(entry));
  const more = Math.max(0, report.entries.length - LINES_MAX) + report.entriesNotListed;
  if (more > 0) lines.push(`  … and ${more} more`);
  if (report.entries.length > 0) lines.push('');
  const { unchanged, rewritten, dropped, injected, written } = report;
  lines.push(
    isUntouched(report) && rewritten + dropped + injected === 0
      ? `Nothing to do for a shim: all ${unchanged} frames unchanged in ${asked.output}`
      : `${unchanged} frames unchanged, ${rewritten} rewritten, ${dropped} not delivered, ` +
          `${injected} injected: ${written} in ${asked.output}`,
  );
  for (const [what, counts] of totalsOf(report)) {
    const names = Object.entries(counts).map(([code, n]) => `${code} ${n}`);
    if (names.length > 0) lines.push(`${what}: ${names.join(', ')}`);
  }
  if (report.limits.length > 0) lines.push('', 'What a replay cannot know:');
  for (const limit of report.limits) lines.push(`- ${limit}`);
  return `${lines.join('\n')}\n`;
}

function headline({ input, targets, ports, direction, mode }: Asked, report: ReplayReport): string {
  const of = targets.includes('all') ? 'all targets' : targets.join(', ');
  const at = ports === 'all' ? 'all ports' : `port ${ports.join(', ')}`;
  const near = direction === 'out' ? 'the one who opens' : 'the one who is called';
  const observed = mode === 'observe' ? ', observe mode' : '';
  return (
    `${input}: ${report.frames} frames, ${report.judged} packets of ` +
    `${report.connections} connections judged (${of}, ${at}${observed}); the near end, where the ` +
    `shim is and the capture was made, is ${near} (--direction ${direction})`
  );
}

function entryLine({ frame, code, cause, kind, observed, flow, delivered }: Entry): string {
  const where = frame === null ? 'timer' : `frame ${frame}`;
  const because = cause === null ? '' : ` (${cause})`;
  const what = kind === 'finding' ? 'found' : observed ? 'would have' : 'done';
  const who = flow === null ? '' : `  ${flow}`;
  const head = `${where.padEnd(12)} ${what.padEnd(5)} ${code}${because}`;
  return kind === 'finding' ? `  ${head}${who}` : `  ${head}: ${delivered}${who}`;
}

function totalsOf(report: ReplayReport) {
  return [
    ['findings', report.findings],
    ['interventions', report.interventions],
    ['adjustments', report.adjustments],
    ['would have been done', report.wouldIntervene],
  ] as const;
}

export function replayJson(asked: Asked, report: ReplayReport) {
  const { entries, limits, frames, packets, judged, connections } = report;
  const { unchanged, rewritten, dropped, injected, written, entriesNotListed } = report;
  return {
    schema: 1,
    ...asked,
    frames,
    packets,
    judged,
    connections,
    delivered: { unchanged, rewritten, dropped, injected, written },
    findings: report.findings,
    interventions: report.interventions,
    adjustments: report.adjustments,
    wouldIntervene: report.wouldIntervene,
    entries: entries.map(({ timeUs, ...entry }) => ({ ...entry, time: timeText(timeUs) })),
    entriesNotListed,
    limits,
  };
}

/** RFC 3339, UTC, microseconds; null beyond what a date can say. */
function timeText(timeUs: number): string | null {
  const ms = Math.floor(timeUs / 1000);
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return null;
  const rest = String(Math.floor(timeUs - ms * 1000)).padStart(3, '0');
  return date.toISOString().replace(/Z$/, `${rest}Z`);
}
