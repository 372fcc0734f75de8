/**
 * Silences that were broken towards the far end and have not been answered yet: a column of its own
 * beside the flow rows, not part of the mapped memory. What is not known here proves nothing.
 *
 * Owns its words. Times: ms; a stop is kept in even ms, its lowest bit says that all has been said.
 */
const SILENT_MS = 0;
const STOPPED = 1;
const SILENCE_WORDS = 2;
const TOLD = 1;

export class SilenceTable {
  private readonly words: Int32Array;

  constructor(flowCountMax: number) {
    this.words = new Int32Array(flowCountMax * SILENCE_WORDS);
  }

  /** The far end was heard, or another flow has the row. */
  clear(flow: number): void {
    this.words[flow * SILENCE_WORDS + SILENT_MS] = 0;
    this.words[flow * SILENCE_WORDS + STOPPED] = 0;
  }

  isBroken(flow: number): boolean {
    const at = flow * SILENCE_WORDS;
    return (this.words[at + SILENT_MS]! | this.words[at + STOPPED]!) !== 0;
  }

  /** How long the silence was; 0: none is waiting for an answer. */
  silentMs(flow: number): number {
    return this.words[flow * SILENCE_WORDS + SILENT_MS]!;
  }

  /** The near end, or we in its name, spoke behind so long a silence. */
  break(flow: number, silentMs: number): void {
    const at = flow * SILENCE_WORDS + SILENT_MS;
    if (this.words[at] === 0) this.words[at] = silentMs;
  }

  /** Nobody has answered; `told`: and what there is to say about it has been said. */
  stop(flow: number, nowMs: number, told: boolean): void {
    const even = (nowMs & ~TOLD) === 0 ? 2 : nowMs & ~TOLD;
    this.words[flow * SILENCE_WORDS + STOPPED] = even | (told ? TOLD : 0);
  }

  isStopped(flow: number): boolean {
    return this.words[flow * SILENCE_WORDS + STOPPED] !== 0;
  }

  isTold(flow: number): boolean {
    return (this.words[flow * SILENCE_WORDS + STOPPED]! & TOLD) !== 0;
  }

  /** Valid when stopped. */
  stoppedMs(flow: number): number {
    return this.words[flow * SILENCE_WORDS + STOPPED]!;
  }
}
