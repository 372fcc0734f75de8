/** What exit codes mean in general; a command says where it means more. Owns the table only. */
import {
  EXIT_BUG,
  EXIT_IMPOSSIBLE,
  EXIT_NO,
  EXIT_NOT_RUNNING,
  EXIT_OK,
  EXIT_USAGE,
} from '../config/exit-codes.ts';

export const EXIT_MEANINGS: readonly (readonly [code: number, meaning: string])[] = [
  [EXIT_OK, 'yes, or clean'],
  [EXIT_NO, 'no, findings, or degraded'],
  [EXIT_USAGE, 'usage, configuration, or input that cannot be used'],
  [EXIT_NOT_RUNNING, 'nothing is running'],
  [EXIT_IMPOSSIBLE, 'not possible here, or not enough evidence'],
  [EXIT_BUG, 'our bug: one line, and the path of a crash file'],
];

/** The README's table. */
export function exitCodesMarkdown(): string {
  const rows = EXIT_MEANINGS.map(([code, meaning]) => `| ${code} | ${meaning} |`);
  return ['| exit code | means |', '|---|---|', ...rows].join('\n');
}
