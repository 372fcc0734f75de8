/**
 * How long a finding has to stand before `--follow` tells it: what comes next can take some of them
 * back. Owns the table. Microseconds of the capture, or of our own clock where the capture stands
 * still.
 */

/** A reset is refuted, and a handshake decided, within a round trip or two. */
const USUAL_US = 1_000_000;

/** Those that one late packet ends. */
export const SETTLES_US: Readonly<Record<string, number>> = {
  // Data that was held up refutes a reset later than data right behind it.
  'rst-by-owner': 2_000_000,
  'rst-inexact': 2_000_000,
  'rst-no-connection': 2_000_000,
  // A third SYN (SYN-ACK) comes after two more seconds, and is often answered.
  'syn-unanswered': 5_000_000,
  'half-open': 5_000_000,
  // An answer of whoever was only slow.
  'idle-drop': 5_000_000,
  // A receiver that has room again.
  'zero-window-stall': 10_000_000,
  // Segments that fit again were a gap in the capture.
  'sequence-jump': 2_000_000,
};

export function settlesUs(code: string): number {
  return SETTLES_US[code] ?? USUAL_US;
}
