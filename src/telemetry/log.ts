/**
 * The log: pino lines as JSON, with priorities before them on a journal, or one readable line each
 * on a terminal. Fields, not sentences; the sentence of an event comes from the registry. Owns the
 * destination (stdout).
 */
import { type DestinationStream, type Logger, pino } from 'pino';
import { leadsToJournal, withPriority } from './journal.ts';
import { LogOutput } from './log-output.ts';

export interface LogOptions {
  readonly level: string;
  readonly format: 'auto' | 'json' | 'text';
  /** JOURNAL_STREAM of the environment. */
  readonly journalStream?: string | undefined;
}

type Form = 'json' | 'text' | 'journal';

export function openLog(options: LogOptions, given?: DestinationStream): Logger {
  const { fd, isTTY } = process.stdout;
  const lost = (lines: number) => log.warn({ lines }, 'log lines lost: nobody read them');
  const out = given ?? new LogOutput(fd, lost);
  const log = loggerTo(out, options.level, formOf(options, fd, isTTY));
  return log;
}

/** What is written to a descriptor. */
export function formOf({ format, journalStream }: LogOptions, fd: number, isTTY: boolean): Form {
  if (format !== 'auto') return format;
  if (isTTY) return 'text';
  return leadsToJournal(fd, journalStream) ? 'journal' : 'json';
}

function loggerTo(out: DestinationStream, level: string, form: Form): Logger {
  const settings = {
    level,
    base: null,
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label: string) => ({ level: label }) },
  };
  if (form === 'json') return pino(settings, out);
  const written = form === 'text' ? textLine : withPriority;
  return pino(settings, { write: (line: string) => out.write(written(line)) });
}

/** `2026-01-02T12:00:01.123Z warn  rst-refuted 10.0.0.1:40270 > 10.0.0.2:22 seq=7 | sentence`. */
function textLine(line: string): string {
  const { time, level, msg, flow, summary, ...fields } = JSON.parse(line) as Record<
    string,
    unknown
  >;
  const rest = Object.entries(fields)
    .map(([key, value]) => `${key}=${textValue(value)}`)
    .join(' ');
  const parts = [time, String(level).padEnd(5), msg, flow, rest];
  const head = parts.filter((part) => part !== undefined && part !== '').join(' ');
  return summary === undefined ? `${head}\n` : `${head} | ${summary}\n`;
}

/** What somebody else wrote must neither end the line nor speak to the terminal. */
function textValue(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.replaceAll(/\p{C}/gu, escapeCharacter);
}

function escapeCharacter(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;
}
