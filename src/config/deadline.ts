/**
 * Until when the workaround is to stay, and the ticket that it belongs to. Owns nothing. Days are
 * UTC.
 */
import { OptionError } from './errors.ts';

const DAY_MS = 86_400_000;
const TICKET_CHARACTERS_MAX = 200;

/** `YYYY-MM-DD`, a day that exists. */
export function parseDate(name: string, written: string | undefined): string | undefined {
  if (written === undefined) return undefined;
  const ms = /^\d{4}-\d\d-\d\d$/.test(written) ? Date.parse(`${written}T00:00:00Z`) : Number.NaN;
  // Date.parse takes 30 February for 2 March.
  if (!Number.isNaN(ms) && new Date(ms).toISOString().startsWith(written)) return written;
  throw new OptionError(name, `"${written}"`, 'write a day as YYYY-MM-DD, for example 2027-03-31');
}

/** Any one line: what rules can hold of it is up to them. */
export function parseTicket(name: string, written: string | undefined): string | undefined {
  if (written === undefined) return undefined;
  const isLine = !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(written);
  if (isLine && written.length <= TICKET_CHARACTERS_MAX) return written;
  const shown = JSON.stringify(written.slice(0, 40)).replaceAll(/\p{C}|\p{Zl}|\p{Zp}/gu, '?');
  const must = `it must be one line of at most ${TICKET_CHARACTERS_MAX} characters`;
  throw new OptionError(name, shown, must);
}

/** Whole days since the last one ended; 0: it is not over yet. */
export function daysOver(expires: string, nowMs: number): number {
  const endMs = Date.parse(`${expires}T00:00:00Z`) + DAY_MS;
  return nowMs < endMs ? 0 : Math.floor((nowMs - endMs) / DAY_MS) + 1;
}
