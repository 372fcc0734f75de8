/**
 * A second connection from a port whose connection has just ended, as a busy client makes it: a
 * device that still keeps the old one may drop or answer the new. Owns what became of it.
 */
import { type Attempt, attemptOnce, type Manners, succeeded } from './attempt.ts';
import type { BarePath } from './bare-path.ts';

export interface PortReuse {
  readonly verdict: 'works' | 'fails' | 'undecided';
  readonly localPort: number | null;
  readonly because: string;
}

/** `before`: attempts on the bare path. */
export async function reusePort(
  path: BarePath,
  before: readonly Attempt[],
  manners: Manners,
): Promise<PortReuse> {
  const { port } = path.target;
  const last = before.at(-1);
  const anyGreeted = before.some(({ outcome }) => outcome === 'greeted');
  const well = before.every((attempt) => succeeded(attempt, anyGreeted, port));
  if (last === undefined || !well) return undecided('connections from fresh ports fail too');
  const socket = path.again(last.localPort);
  if (socket === undefined) return undecided('the kernel does not give the port again yet');
  const attempt = await attemptOnce(socket, last.number + 1, 'bare', manners);
  const { outcome, localPort, error } = attempt;
  if (outcome === 'stopped') return undecided('interrupted');
  // TIME-WAIT of a connection without timestamps (RFC 6191).
  if (error === 'EADDRNOTAVAIL') return undecided('the kernel keeps the port for a minute');
  if (succeeded(attempt, anyGreeted, port)) {
    return { verdict: 'works', localPort, because: 'it went as from a fresh port' };
  }
  const because = `from a fresh port it succeeds, from this one: ${outcome}`;
  return { verdict: 'fails', localPort, because };
}

function undecided(because: string): PortReuse {
  return { verdict: 'undecided', localPort: null, because };
}
