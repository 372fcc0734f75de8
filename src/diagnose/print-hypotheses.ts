/**
 * What it is not, for a person: every suspect with its verdict, one sentence, and where something
 * is left open the command that decides. Owns the layout and the words of the verdicts.
 */
import type { Hypothesis, Verdict } from './finding.ts';
import type { Report } from './report.ts';
import { isSuspectId, SUSPECTS } from './suspects.ts';
import { wrapText } from './wrap-text.ts';

/** In this order: what can be forgotten, what to look into. */
const VERDICT_WORDS: readonly (readonly [verdict: Verdict, words: string])[] = [
  ['ruled-out', 'ruled out'],
  ['undecided', 'cannot tell'],
  ['possible', 'possible'],
  ['confirmed', 'confirmed'],
];

export function hypothesisLines({ hypotheses, enough }: Report): string[] {
  const [first] = hypotheses;
  if (first === undefined) {
    return enough ? ['What it is not: nothing failed here, so nobody is suspected.'] : [];
  }
  const about = first.flow === 0 ? '' : ` (connection ${first.flow})`;
  const lines = [`What it is not${about}; more about each: seqshim diagnose --explain ID`];
  for (const [wanted, words] of VERDICT_WORDS) {
    const told = hypotheses.filter(({ verdict }) => verdict === wanted);
    lines.push(...told.flatMap((hypothesis) => suspectLines(hypothesis, words)));
  }
  return lines;
}

function suspectLines({ id, because, decide }: Hypothesis, words: string): string[] {
  const name = isSuspectId(id) ? SUSPECTS[id].name : id;
  const lines = wrapText(`  ${words.padEnd(11)}  ${id.padEnd(17)}  `, `${name}: ${because}`);
  // On one line, to be pasted.
  return decide === '' ? lines : [...lines, `${' '.repeat(15)}decide: ${decide}`];
}
