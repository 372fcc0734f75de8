/** Many octets through the lab, with their SHA-256 at both ends. Owns nothing. Times: ms. */
import { distFile } from '../../src/testbed/dist-file.ts';
import { ADDRESS, BULK_PORT, type Lab } from '../../src/testbed/lab.ts';

export type Way = 'up' | 'down';

export interface Transfer {
  /** Complete, and the same SHA-256 at both ends. */
  readonly ok: boolean;
  readonly error?: string;
  readonly hash?: string;
  /** From the first octet to the last, as the receiver saw it: no handshake in it. */
  readonly transferMs: number;
  /** The longest time in which nothing came to the receiver. */
  readonly gapMs: number;
}

const NEVER = Number.POSITIVE_INFINITY;
const FAILED = { ok: false, transferMs: NEVER, gapMs: NEVER };

/** The client sends (`up`) or takes (`down`) `bytes`; the reader rests after each piece. */
export async function bulk(
  lab: Lab,
  family: 4 | 6,
  way: Way,
  bytes: number,
  pauseMs = 0,
  timeoutMs = 60_000,
): Promise<Transfer> {
  const host = ADDRESS[family].server;
  const args = [distFile('peer.js'), 'bulk', host, BULK_PORT, way, bytes, pauseMs].map(String);
  const finished = await lab.jumpbox.run(process.execPath, args, timeoutMs);
  try {
    return JSON.parse(finished.stdout) as Transfer;
  } catch {
    return { ...FAILED, error: `exit ${finished.exitCode}: ${finished.stderr.slice(-200)}` };
  }
}

export function megabytesPerSecond(bytes: number, ms: number): number {
  return Math.round(bytes / 1000 / ms);
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
