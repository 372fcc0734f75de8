/**
 * An error an operator can cause: one line that says what could not be done and what to do, and the
 * exit code. Never a stack trace. Owns nothing.
 */
import { EXIT_USAGE } from './exit-codes.ts';

export class OperatorError extends Error {
  readonly exitCode: number;

  /** Of the mistakes in one file each is a line. */
  constructor(message: string | readonly string[], exitCode: number = EXIT_USAGE) {
    super([message].flat().map(inOneLine).join('\n'));
    this.exitCode = exitCode;
  }
}

/** The value of one option cannot be used. Where it stands in a file, its place is named. */
export class OptionError extends OperatorError {
  readonly option: string;
  /** What was written, or what of it is wrong. */
  readonly what: string;
  /** What is allowed instead. */
  readonly allowed: string;

  constructor(
    option: string,
    what: string,
    allowed: string,
    { verb = 'use', exitCode = EXIT_USAGE }: { verb?: string; exitCode?: number } = {},
  ) {
    super(`Cannot ${verb} --${option} ${what}: ${allowed}`, exitCode);
    this.option = option;
    this.what = inOneLine(what);
    this.allowed = allowed;
  }
}

/** What was written is quoted: its line ends and control characters are not passed on. */
export function inOneLine(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, '?');
}
