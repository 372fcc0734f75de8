/**
 * The comparison for a person: what is certain first, then a table for each connection. Owns the
 * layout; at most 100 columns.
 */
import { hypothesisLines } from '../print-hypotheses.ts';
import type { Report } from '../report.ts';
import { formatDuration, framesText, plural, sideName } from '../wording.ts';
import { WIDTH, wrapText } from '../wrap-text.ts';
import type { BothFinding } from './both-findings.ts';
import { CHANGE_KINDS, type Change, isRewriting } from './change.ts';
import type { Comparison, FlowComparison } from './compare-sides.ts';
import type { SideFlow } from './side-packet.ts';

const FLOW_COUNT_FULL = 5;
const COLUMNS = [28, 23, 23] as const;

/** `sideReport` is of the client's side alone: what it is not, packets of one side tell as well. */
export function printBoth(
  comparison: Comparison,
  findings: readonly BothFinding[],
  sideReport?: Report,
): string {
  const lines = [...headlines(comparison), ''];
  lines.push(...wrapText('', inShort(comparison)), '');
  const worth = worstFirst(comparison, findings);
  for (const flow of worth.slice(0, FLOW_COUNT_FULL)) lines.push(...flowLines(flow, findings));
  if (worth.length > FLOW_COUNT_FULL) {
    const more = plural(worth.length - FLOW_COUNT_FULL, 'more connection');
    lines.push(`${more}: --json has all of them.`, '');
  }
  if (sideReport !== undefined) lines.push(...hypothesisLines(sideReport));
  return `${lines.join('\n').trimEnd()}\n`;
}

/** Those that somebody has to look at first. */
export function worstFirst(
  { flows }: Comparison,
  findings: readonly BothFinding[],
): readonly FlowComparison[] {
  return [...flows].sort((a, b) => weight(b, findings) - weight(a, findings));
}

function weight(flow: FlowComparison, findings: readonly BothFinding[]): number {
  const found = findings.filter((finding) => finding.flow === flow.pair.client.id).length;
  return found * 1000 + flow.changes.filter(isRewriting).length;
}

function headlines({ client, server, match, clock }: Comparison): string[] {
  const lines = [
    `client’s side: ${client.name}: ${plural(client.packets, 'TCP packet')}`,
    `server’s side: ${server.name}: ${plural(server.packets, 'TCP packet')}`,
  ];
  const by = (['addresses', 'ports', 'content'] as const).flatMap((name) => {
    const count = match.pairs.filter((pair) => pair.by === name).length;
    return count === 0 ? [] : [`${count} by ${MATCH_WORDS[name]}`];
  });
  lines.push(
    ...wrapText('on both sides: ', `${plural(match.pairs.length, 'connection')}, ${by.join(', ')}`),
  );
  const left = [
    only(match.onlyClient, 'on the client’s side'),
    only(match.onlyServer, 'on the server’s side'),
    match.ambiguous.length === 0
      ? ''
      : `${match.ambiguous.length} could be more than one of the other side and were left out`,
  ].filter((text) => text !== '');
  if (left.length > 0) lines.push(...wrapText('not compared: ', left.join('; ')));
  const notKept = client.notKept + server.notKept;
  if (notKept > 0) lines.push(`not compared: ${plural(notKept, 'packet')} beyond the limit`);
  lines.push(...wrapText('clocks: ', clockText(clock)));
  return lines;
}

const MATCH_WORDS = {
  addresses: 'addresses and ports',
  ports: 'ports (the addresses differ)',
  content: 'content (addresses and ports differ)',
} as const;

function only(flows: readonly SideFlow[], where: string): string {
  return flows.length === 0 ? '' : `${flows.length} only ${where}`;
}

export function clockText(clock: Comparison['clock']): string {
  if (clock === undefined) return 'unknown: no packet with a time is on both sides';
  const by = formatDuration(Math.abs(clock.offsetUs));
  const text = `the server’s is ${by} ${clock.offsetUs < 0 ? 'behind' : 'ahead of'} the client’s`;
  if (clock.errorUs === undefined) return `${text}, or less: only one direction was seen`;
  const error = `${text}, ± ${formatDuration(clock.errorUs)}`;
  if (clock.isStepped) return `${error}; a clock was set meanwhile`;
  if (clock.driftPpm === 0) return error;
  return `${error} at the start, drifting by ${clock.driftPpm.toFixed(1)} µs a second`;
}

/** One sentence, or two. */
export function inShort({ flows }: Comparison): string {
  const rewritten = flows.filter(({ changes }) => changes.some(isRewriting)).length;
  const dropped = flows.reduce((sum, flow) => sum + count(flow, 'dropped'), 0);
  const lost = dropped === 0 ? '' : ` ${plural(dropped, 'packet')} got lost between the two.`;
  if (rewritten === 0) return `Nothing was rewritten between the two capture points.${lost}`;
  const kinds = new Set(
    flows.flatMap(({ changes }) =>
      changes.filter(isRewriting).map(({ kind }) => CHANGE_KINDS[kind]),
    ),
  );
  return (
    `Something between the two capture points rewrote ${rewritten} of ` +
    `${plural(flows.length, 'connection')}: ${[...kinds].join(', ')}.${lost}`
  );
}

function count({ changes }: FlowComparison, kind: Change['kind']): number {
  return changes
    .filter((change) => change.kind === kind)
    .reduce((sum, { packets }) => sum + packets, 0);
}

function flowLines(flow: FlowComparison, findings: readonly BothFinding[]): string[] {
  const { client } = flow.pair;
  const title =
    `Connection ${client.id}: ${client.client}:${client.clientPort} → ` +
    `${client.server}:${client.serverPort}`;
  const lines = [title, '─'.repeat(Math.min(WIDTH, title.length))];
  if (flow.changes.length === 0) lines.push('nothing was changed');
  else lines.push(row(['', 'the client’s side saw', 'the server’s side saw', 'what happened']));
  for (const change of flow.changes) lines.push(...changeLines(change));
  if (flow.undecided > 0) {
    const many = plural(flow.undecided, 'packet');
    lines.push(
      ...wrapText('not decided: ', `${many} that only one side has, and the other may have missed`),
    );
  }
  lines.push('');
  for (const finding of findings.filter((one) => one.flow === client.id)) {
    lines.push(...findingLines(finding), '');
  }
  return lines;
}

function changeLines(change: Change): string[] {
  const { kind, dir, clientSaw, serverSaw, what, packets, of } = change;
  const name = `${sideName(dir)}: ${CHANGE_KINDS[kind]}`;
  const many = `${what}; ${packets} of ${plural(of, 'packet')}`;
  const isWide = clientSaw.length >= COLUMNS[1] || serverSaw.length >= COLUMNS[2];
  const first = isWide
    ? [
        name,
        ...wrapText('  client’s side: ', clientSaw),
        ...wrapText('  server’s side: ', serverSaw),
      ]
    : [];
  const head = isWide ? '  ' : row([name, clientSaw, serverSaw, '']);
  return [...first, ...wrapText(head, many)];
}

function row(cells: readonly [string, string, string, string]): string {
  const [name, client, server, what] = cells;
  const [first, second, third] = COLUMNS;
  return `${name.padEnd(first)} ${client.padEnd(second)} ${server.padEnd(third)} ${what}`;
}

function findingLines(finding: BothFinding): string[] {
  const { severity, code, certainty, summary, explanation, looksTheSame } = finding;
  const { frames, serverFrames, remedy } = finding;
  const where = [
    frames.length === 0 ? '' : `${framesText('frame', frames)} on the client’s side`,
    serverFrames.length === 0 ? '' : `${framesText('frame', serverFrames)} on the server’s side`,
  ].filter((text) => text !== '');
  return [
    ...wrapText(`${severity.toUpperCase()} `, `${code} (${certainty}): ${summary}.`),
    ...wrapText('  ', explanation),
    ...wrapText('  where: ', where.join('; ')),
    ...looksTheSame.flatMap((text) => wrapText('  looks the same: ', text)),
    ...(remedy === '' ? [] : wrapText('  what to do: ', remedy)),
  ];
}
