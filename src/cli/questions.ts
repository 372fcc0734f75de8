/**
 * The commands that ask a running shim and change nothing. Apart from the list of commands, so that
 * it is known before anything is loaded. Owns nothing.
 */
export const QUESTIONS: ReadonlySet<string> = new Set([
  'status',
  'top',
  'report',
  'flows',
  'paths',
]);
