/** What is wrong with the text of a script; the reader adds the line. A leaf. */
export class ScriptError extends Error {}
