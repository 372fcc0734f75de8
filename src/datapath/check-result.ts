/** One line of `check`. A leaf. */
export interface CheckResult {
  readonly level: 'ok' | 'warning' | 'blocks';
  readonly name: string;
  readonly line: string;
}
