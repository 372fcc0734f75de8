/**
 * What stands at packets of a capture, and what follows where `seqshim run` wrote it: such a file
 * has the packets that matter and not all of them, so that what is not in it proves nothing. Owns
 * which findings rest on what is missing.
 */
import type { Analysis } from './analyse.ts';
import type { Flow, Seen } from './flow.ts';

const LINE_COUNT_MAX = 8;
const LINE_CHARACTERS_MAX = 400;
/** As `telemetry/event-comment.ts` begins a comment. */
const CODE = /^seqshim: ([a-z][a-z-]+)(?: because of [a-z-]+)?(?: \(observed only, not done\))?: /;

/** Silence, repetition, or numbers far behind others: the recorder leaves out plain data. */
const REST_ON_MISSING: ReadonlySet<string> = new Set([
  'idle-drop',
  'half-open',
  'retransmission-storm',
  'sack-out-of-window',
  'sequence-jump',
  'zero-window-stall',
]);

export function commentLines({ comment = '' }: Pick<Seen, 'comment'>): readonly string[] {
  if (comment === '') return [];
  const lines = comment.split('\n').filter((line) => line.trim() !== '');
  const shown = lines.slice(0, LINE_COUNT_MAX).map((line) => line.slice(0, LINE_CHARACTERS_MAX));
  const more = lines.length - shown.length;
  return more > 0 ? [...shown, `… and ${more} more`] : shown;
}

/** The kernel leaves sums unfinished in what it queues; the recorder says where one was wrong. */
export function tellsChecksum(comment: string): boolean {
  return comment.includes('checksum-');
}

/** Without what only looks so because packets were not recorded, unless the recorder saw it too. */
export function withoutGuesses(analysis: Analysis, flows: readonly Flow[]): Analysis {
  const byId = new Map(flows.map((flow) => [flow.id, flow]));
  const findings = analysis.findings.filter(({ code, flow: id }) => {
    if (!REST_ON_MISSING.has(code)) return true;
    const flow = byId.get(id);
    return flow !== undefined && codesAt(flow).has(code);
  });
  if (findings.length === analysis.findings.length) return analysis;
  const isTold = findings.some(({ flow }) => flow === analysis.hypotheses[0]?.flow);
  return { ...analysis, findings, hypotheses: isTold ? analysis.hypotheses : [] };
}

function codesAt(flow: Flow): ReadonlySet<string> {
  const lines = flow.kept.flatMap(({ comment = '' }) => comment.split('\n'));
  return new Set(lines.flatMap((line) => CODE.exec(line)?.[1] ?? []));
}
