/**
 * systemd's journal as a destination: whether a descriptor leads there, and the priority that it
 * takes from the beginning of a line and cuts off (sd-daemon(3)). Owns nothing.
 */
import { fstatSync } from 'node:fs';

/** syslog(3) severities of our levels. */
const PRIORITIES: Readonly<Record<string, number>> = {
  debug: 7,
  info: 6,
  warn: 4,
  error: 3,
  fatal: 2,
};
const PRIORITY_DEFAULT = 6;

/** `stream` is JOURNAL_STREAM, `DEVICE:INODE`: set, but not for us, where output was redirected. */
export function leadsToJournal(fd: number, stream: string | undefined): boolean {
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(fd, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

/** A line of ours, which begins with its level. */
export function withPriority(line: string): string {
  const level = /^\{"level":"(\w+)"/.exec(line)?.[1] ?? '';
  return `<${PRIORITIES[level] ?? PRIORITY_DEFAULT}>${line}`;
}
