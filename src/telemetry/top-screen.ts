/**
 * One page of `top`: what two answers of the running shim, some time apart, say of rates, and what
 * was repaired last. Plain text, cut to the size of the terminal. Owns nothing.
 */
import type { Status } from './status.ts';

export interface TopAnswer {
  readonly status: Status;
  readonly recent: readonly {
    readonly time: string;
    readonly code: string;
    readonly flow: string;
    readonly observeOnly: boolean;
  }[];
}

export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** Lines that are no codes, with some room for what was repaired last. */
const OTHER_ROWS = 15;
const CODE_ROWS_MIN = 3;

/** `now` is `elapsedMs` later than `before`. */
export function topLines(
  now: TopAnswer,
  before: TopAnswer,
  elapsedMs: number,
  size: ScreenSize,
): readonly string[] {
  const { status } = now;
  const rate = (later: number, earlier: number) => perSecond(later - earlier, elapsedMs);
  const bypassed = status.counters['bypassedPackets'] ?? 0;
  const bypassedBefore = before.status.counters['bypassedPackets'] ?? 0;
  const { flows, translated, latencyUs } = status;
  const all = translated.kernel + translated.userspace;
  const lines = [
    `seqshim ${status.version} (pid ${status.pid}) ${status.state}${because(status.reasons)}`,
    `${status.mode}, rules by ${status.rules.backend}, up ${Math.round(status.uptimeMs / 1000)} s`,
    row('packets', `${rate(status.packets, before.status.packets)}/s`, String(status.packets)),
    row('bypassed', `${rate(bypassed, bypassedBefore)}/s`, String(bypassed)),
    row('shed', `${rate(status.shed, before.status.shed)}/s`, String(status.shed)),
    `${'flows'.padEnd(12)}${flows.current} of ${flows.capacity}, ${all} translated, ` +
      `${status.offloaded} settled`,
    `${'latency'.padEnd(12)}p50 ${latencyUs.p50} µs, p99 ${latencyUs.p99} µs, ` +
      `max ${latencyUs.max} µs, budget ${status.budgetUs} µs`,
    '',
    ...codeRows(now.status, before.status, elapsedMs, size.rows - OTHER_ROWS),
    '',
    now.recent.length === 0 ? 'nothing was repaired yet' : 'repaired last',
    ...now.recent.map(({ time, code, flow, observeOnly }) => {
      return `  ${time.slice(11, 19)} ${observeOnly ? 'would ' : ''}${code} ${flow}`;
    }),
  ];
  return lines.slice(0, size.rows).map((line) => [...line].slice(0, size.columns).join(''));
}

function because(reasons: readonly string[]): string {
  return reasons.length === 0 ? '' : `: ${reasons.join('; ')}`;
}

/** Those that move first. */
function codeRows(now: Status, before: Status, elapsedMs: number, room: number): string[] {
  const kinds: readonly (readonly [string, (of: Status) => Readonly<Record<string, number>>])[] = [
    ['found', (of) => of.findings],
    ['did', (of) => of.interventions],
    ['also', (of) => of.adjustments],
    ['would', (of) => of.wouldIntervene],
  ];
  const rows = kinds.flatMap(([kind, counts]) =>
    Object.entries(counts(now)).map(([code, total]) => {
      const more = total - (counts(before)[code] ?? 0);
      return { kind, code, total, more };
    }),
  );
  const shown = rows
    .sort((a, b) => b.more - a.more || b.total - a.total)
    .slice(0, Math.max(CODE_ROWS_MIN, room))
    .map(({ kind, code, total, more }) => {
      const name = `${kind.padEnd(6)} ${code}`;
      return `${name.padEnd(32)}${`${perSecond(more, elapsedMs)}/s`.padStart(12)} ${String(total).padStart(14)}`;
    });
  return shown.length === 0 ? ['nothing was found'] : shown;
}

function row(name: string, rate: string, total: string): string {
  return `${name.padEnd(32)}${rate.padStart(12)} ${total.padStart(14)}`;
}

/** One digit behind the point below ten. */
function perSecond(more: number, elapsedMs: number): string {
  const rate = (more * 1000) / Math.max(1, elapsedMs);
  return rate < 10 ? rate.toFixed(1) : String(Math.round(rate));
}
