/** What every error that an operator can cause has in common; returns its line. */
import { expect } from 'vitest';
import { OperatorError } from '../../src/config/errors.ts';

export async function operatorError(attempt: () => unknown, exitCode: number): Promise<string> {
  let error: unknown;
  try {
    await attempt();
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(OperatorError);
  const { message, exitCode: code } = error as OperatorError;
  expect(code).toBe(exitCode);
  expectOneLine(message);
  return message;
}

/** The action first, no final period, one line. */
export function expectOneLine(message: string): void {
  expect(message).toMatch(/^([A-Z]|seqshim )[^\n]{20,600}[^.\n]$/);
}
