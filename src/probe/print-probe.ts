/**
 * What a probe saw, for a person: the attempts, what the kernel counted, and then the report of
 * `diagnose`. Owns the layout.
 */
import { printBoth } from '../diagnose/both/print-both.ts';
import { printReport } from '../diagnose/print-report.ts';
import { formatDuration, plural } from '../diagnose/wording.ts';
import { wrapText } from '../diagnose/wrap-text.ts';
import type { Attempt, Outcome } from './attempt.ts';
import { handshakeOf } from './handshake.ts';
import type { ProbeResult } from './probe.ts';
import { successes, summarize, summaryText } from './summary.ts';

const OUTCOMES: Readonly<Record<Outcome, string>> = {
  greeted: 'the server’s first line came',
  quiet: 'connected; the server said nothing for 3 s',
  reset: 'connection reset',
  refused: 'refused: a reset answered the SYN',
  unanswered: 'no answer to the SYN',
  closed: 'closed by the server before its first line',
  unreachable: 'the kernel has no way there',
  stopped: 'interrupted',
};

export function attemptText(attempt: Attempt): string {
  const { outcome, ms, greeting, error } = attempt;
  const said = outcome === 'greeted' && greeting !== '' ? `: ${greeting}` : '';
  const why = error === '' ? '' : ` (${error})`;
  const way = attempt.way === 'shim' ? ', with the shim' : '';
  return `${OUTCOMES[outcome]}${said}${why}, ${ms.toFixed(1)} ms${way}`;
}

export function printProbe(result: ProbeResult): string {
  const { plan, attempts, report } = result;
  const { target } = plan;
  const named = target.name.includes(target.address) ? '' : ` (${target.address})`;
  const lines = [
    `Probe of ${target.name}${named}, ${beside(result)}`,
    ...summaryLines(result),
    ...failureLines(attempts, successes(attempts, target.port)),
    ...handshakeLines(result),
    ...sackLines(result),
    ...reuseLines(result),
    ...idleLines(result),
    ...kernelLines(result),
    '',
  ];
  const { reflect } = result;
  const ends = reflect === null ? '' : `${printBoth(reflect.comparison, reflect.findings)}\n`;
  return `${lines.join('\n')}\n${ends}${printReport(report)}`;
}

function beside({ plan }: ProbeResult): string {
  if (plan.shim === undefined) return 'no shim runs here';
  return `on the bare path, beside the shim (pid ${plan.shim.pid})`;
}

function summaryLines({ plan, attempts, interrupted }: ProbeResult): string[] {
  const { port } = plan.target;
  const bare = summarize(attempts, 'bare', port);
  const partial = interrupted ? ['  interrupted: this is what was seen until then'] : [];
  if (!plan.compare) {
    const goal = attempts.some(({ outcome }) => outcome === 'quiet')
      ? 'connected'
      : 'came to the server’s first line';
    return [`  ${goal}: ${summaryText(bare)}`, ...partial];
  }
  const shim = summarize(attempts, 'shim', port);
  return [`  without ${summaryText(bare)}, with ${summaryText(shim)}`, ...partial];
}

function failureLines(attempts: readonly Attempt[], good: ReadonlySet<Attempt>): string[] {
  return attempts
    .filter((attempt) => !good.has(attempt))
    .map((attempt) => {
      return `  attempt ${attempt.number} (local port ${attempt.localPort}): ${attemptText(attempt)}`;
    });
}

function handshakeLines({ report }: ProbeResult): string[] {
  const seen = handshakeOf(report.flows);
  if (seen === undefined) return [];
  const { answered, absent, ttls, shortestReplyUs } = seen;
  const reply =
    shortestReplyUs === null ? '' : `, shortest answer ${formatDuration(shortestReplyUs)}`;
  const text = `the server offers ${answered.join(' and ')}, TTL ${ttls.join(' and ')}${reply}`;
  if (absent.length === 0) return wrapText('  handshake: ', text);
  const names = `absent of what was asked for: ${absent.join(', ')}`;
  const open = 'by its own wish, or taken out on the way: a probe of seqshim reflect there tells';
  return wrapText('  handshake: ', `${text}; ${names} (${open})`);
}

function sackLines({ sack }: ProbeResult): string[] {
  if (sack === null) return [];
  const { verdict, certainty, because } = sack;
  const words = certainty === null ? 'cannot tell' : `${verdict} (${certainty})`;
  const open = 'what becomes of those that this host sends, the far end alone can see';
  return wrapText('  SACK blocks: ', `${words}, ${because}; ${open}`);
}

function reuseLines({ portReuse }: ProbeResult): string[] {
  if (portReuse === null) return [];
  const { verdict, because } = portReuse;
  const words = verdict === 'undecided' ? 'cannot tell' : verdict;
  return wrapText('  the same port again: ', `${words}, ${because}`);
}

function idleLines({ idle }: ProbeResult): string[] {
  if (idle === null) return [];
  const { verdict, aliveS, deadS, maxS, because } = idle;
  const words =
    verdict === 'forgets'
      ? `forgets after between ${aliveS} s and ${deadS} s`
      : verdict === 'not-within'
        ? `not within ${maxS} s`
        : 'cannot tell';
  return wrapText('  a silent connection: ', `${words}; ${because}`);
}

function kernelLines({ kernel }: ProbeResult): string[] {
  const grown = Object.entries(kernel).filter(([, count]) => count > 0);
  if (grown.length === 0) return ['  the kernel counted nothing unusual meanwhile'];
  const counts = grown.map(([name, count]) => `${name} +${count}`).join(', ');
  const caveat = `(of the whole host, ${plural(grown.length, 'counter')} of nstat -az)`;
  return wrapText('  the kernel counted meanwhile: ', `${counts} ${caveat}`);
}
