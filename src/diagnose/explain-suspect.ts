/**
 * `diagnose --explain ID`: what a suspect is, what it looks like, how it is ruled out, the command.
 * Owns the layout and the errors.
 */
import { OperatorError } from '../config/errors.ts';
import { isSuspectId, SUSPECT_IDS, SUSPECTS } from './suspects.ts';
import { wrapText } from './wrap-text.ts';

export function explainSuspect(id: string): string {
  if (!isSuspectId(id)) {
    const known = SUSPECT_IDS.join(', ');
    throw new OperatorError(
      id === ''
        ? `Say which suspect to explain, one of ${known}`
        : `Cannot explain "${id.slice(0, 40)}": use one of ${known}`,
    );
  }
  const { name, what, looks, ruledOut, command } = SUSPECTS[id];
  return `${[
    `${id}: ${name}`,
    ...wrapText('  what it is: ', what),
    ...wrapText('  what it looks like: ', looks),
    ...wrapText('  how it is ruled out: ', ruledOut),
    '  the command that decides:',
    `    ${command}`,
  ].join('\n')}\n`;
}
