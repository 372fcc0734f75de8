/**
 * An error an operator can cause: one line that says what could not be done and what to do, and the
 * exit code. Never a stack trace. Owns nothing.
 */
import { EXIT_USAGE } from './exit-codes.ts';

export class OperatorError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT_USAGE) {
    super(message);
    this.exitCode = exitCode;
  }
}
