/**
 * The log: pino lines as JSON, or one readable line each on a terminal. Fields, not sentences; the
 * sentence of an event comes from the registry. Owns the destination (stdout).
 */
import { type DestinationStream, type Logger, pino } from 'pino';
import { LogOutput } from './log-output.ts';

export interface LogOptions {
  readonly level: string;
  readonly format: 'auto' | 'json' | 'text';
}

export function openLog(options: LogOptions, given?: DestinationStream): Logger {
  const { fd, isTTY } = process.stdout;
  const lost = (lines: number) => log.warn({ lines }, 'log lines lost: nobody read them');
  const out = given ?? new LogOutput(fd, lost);
  const log = loggerTo(out, options, options.format === 'auto' && isTTY);
  return log;
}

function loggerTo(out: DestinationStream, options: LogOptions, onTerminal: boolean): Logger {
  const text = options.format === 'text' || onTerminal;
  const settings = {
    level: options.level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  if (!text) return pino(settings, out);
  return pino(settings, { write: (line: string) => out.write(textLine(line)) });
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
