/**
 * What `probe` and `reflect` say to each other: lines of ASCII. The server greets; a client that
 * says HEADERS gets the packets of its own connection, as they arrived and left there, as one line
 * of JSON with a capture in it. Any other line is read and not answered.
 *
 * Owns the words and the limits. The answer is a stranger's: it is judged like any other capture.
 */
export const REFLECT_GREETING = 'SEQSHIM-REFLECT 1';
export const ASK_HEADERS = 'HEADERS';
/** For the calibration of SACK blocks. */
export const ANY_LINE = 'SEQSHIM-PROBE';
export const LINE_OCTETS_MAX = 256;
export const PACKETS_MAX = 64;
export const PACKET_BYTES_MAX = 512;
/** All packets at their limit, in base64 and JSON. */
export const ANSWER_OCTETS_MAX = 65_536;

export function reflectionLine(capture: Uint8Array, lost: number): string {
  const text = Buffer.from(capture).toString('base64');
  return `${JSON.stringify({ schema: 1, lost, capture: text })}\n`;
}

/** The capture in it; undefined: it is no such line. */
export function readReflection(line: string): Uint8Array | undefined {
  if (line.length > ANSWER_OCTETS_MAX) return undefined;
  try {
    const answer: unknown = JSON.parse(line);
    if (typeof answer !== 'object' || answer === null) return undefined;
    const { schema, capture } = answer as Record<string, unknown>;
    if (schema !== 1 || typeof capture !== 'string') return undefined;
    return new Uint8Array(Buffer.from(capture, 'base64'));
  } catch {
    return undefined;
  }
}
