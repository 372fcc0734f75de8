/**
 * The log: pino lines as JSON, or one readable line each on a terminal. Fields, not sentences; the
 * sentence of an event comes from the registry. Owns the destination (stdout).
 */
import { type DestinationStream, type Logger, pino } from 'pino';

export interface LogOptions {
  readonly level: string;
  readonly format: 'auto' | 'json' | 'text';
}

export function openLog(options: LogOptions, out: DestinationStream = stdout()): Logger {
  const text = options.format === 'text' || (options.format === 'auto' && process.stdout.isTTY);
  const settings = {
    level: options.level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  if (!text) return pino(settings, out);
  return pino(settings, { write: (line: string) => out.write(textLine(line)) });
}

/** Synchronous: the last lines of a process that fails are those that count. */
function stdout(): DestinationStream {
  return pino.destination({ dest: 1, sync: true });
}

/** `12:00:01.123 warn  rst-refuted 10.0.0.1:40270 > 10.0.0.2:22 seq=7 | sentence`. */
function textLine(line: string): string {
  const { time, level, msg, flow, summary, ...fields } = JSON.parse(line) as Record<
    string,
    unknown
  >;
  const rest = Object.entries(fields)
    .map(([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(' ');
  const parts = [String(time).slice(11, 23), String(level).padEnd(5), msg, flow, rest];
  const head = parts.filter((part) => part !== undefined && part !== '').join(' ');
  return summary === undefined ? `${head}\n` : `${head} | ${summary}\n`;
}
