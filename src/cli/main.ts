#!/usr/bin/env node
/**
 * Where the program begins: with its priority. A fifth of a second of start-up twice a second is a
 * load; whoever only asks a running shim gets the processor behind its packets. Owns the nice value
 * of the process.
 */
import { constants, getPriority, setPriority } from 'node:os';
import { QUESTIONS } from './questions.ts';

const BEHIND = constants.priority.PRIORITY_BELOW_NORMAL;

if (QUESTIONS.has(process.argv[2] ?? '') && getPriority() < BEHIND) {
  try {
    setPriority(BEHIND);
  } catch {
    // A sandbox forbids it: then it runs like anything else.
  }
}
await import('./command-line.ts');
