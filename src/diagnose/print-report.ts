/**
 * The report for a person: what happened, the packets that tell it, why, what it is not. At most
 * 100 columns, except for commands, which must stay on one line to be pasted. Owns the layout.
 */
import { END_KINDS } from './ended-flows.ts';
import type { Finding } from './finding.ts';
import { findingsByFlow } from './findings-by-flow.ts';
import type { Flow } from './flow.ts';
import { UNKNOWN } from './packet-record.ts';
import { hypothesisLines } from './print-hypotheses.ts';
import { connectionCount, NOT_KEPT, type Report } from './report.ts';
import { attemptLines } from './ssh-debug/print-attempts.ts';
import { importantFrames, timelineOf } from './timeline.ts';
import {
  endpoint,
  formatDuration,
  framesText,
  observeAdvice,
  plural,
  type Wording,
} from './wording.ts';
import { WIDTH, wrapText } from './wrap-text.ts';

/** So many connections are told in full; of the others one line each kind. */
const FLOW_COUNT_FULL = 5;

export function printReport(report: Report): string {
  const lines = [headline(report), ...tolerated(report), ...countedOnly(report), ''];
  const groups = findingsByFlow(report.findings);
  const flows = new Map(report.flows.map((flow) => [flow.id, flow]));
  const troubled = [...groups].flatMap(([id, findings]) => {
    const flow = flows.get(id);
    return flow === undefined ? [] : [{ flow, findings }];
  });
  for (const { flow, findings } of troubled.slice(0, FLOW_COUNT_FULL)) {
    lines.push(...flowSection(report, flow, findings));
  }
  lines.push(...others(troubled.slice(FLOW_COUNT_FULL)));
  if (troubled.length === 0 && report.flows.length > 0) lines.push(...nothingFound(report));
  lines.push(...attemptLines(report.sshAttempts ?? []));
  lines.push(...hypothesisLines(report));
  return `${lines.join('\n').trimEnd()}\n`;
}

function headline(report: Report): string {
  const { input } = report;
  const where = input.name === '-' ? 'standard input' : input.name;
  if (input.kind === 'ssh-debug') return `${where}: output of ssh, ${plural(input.lines, 'line')}`;
  const connections = plural(connectionCount(report), 'connection');
  return `${where}: ${plural(input.packets, 'TCP packet')}, ${connections}`;
}

/** What made room for others: looked at, and not told one by one. */
function countedOnly({ ended }: Report): string[] {
  if (ended === undefined || ended.connections === 0) return [];
  const ends = END_KINDS.filter((kind) => ended.ends[kind] > 0);
  const lines = wrapText(
    '  ended, and only counted: ',
    `${plural(ended.connections, 'connection')} (${ends.map((kind) => `${kind} ${ended.ends[kind]}`).join(', ')})`,
  );
  if (ended.findings.size === 0) return lines;
  const found = [...ended.findings.values()].map(({ code, count }) => `${code} ${count}`);
  return [...lines, ...wrapText('  found in these: ', found.join(', '))];
}

function tolerated({ input }: Report): string[] {
  const entries = Object.entries(input.tolerated);
  if (entries.length === 0) return [];
  const text = entries.map(([what, count]) => `${what} ${count}`).join(', ');
  return wrapText('  read past: ', text);
}

interface Troubled {
  readonly flow: Flow;
  readonly findings: readonly Finding[];
}

function flowSection(report: Report, flow: Flow, findings: readonly Finding[]): string[] {
  const important = importantFrames(findings);
  const title =
    `Connection ${flow.id}: ${endpoint(flow.client, flow.clientPort)} → ` +
    endpoint(flow.server, flow.serverPort);
  const lines = [title, '─'.repeat(Math.min(WIDTH, title.length))];
  lines.push(...wrapText('  in short: ', `${findings[0]?.summary ?? ''}.`));
  lines.push(...replyLine(flow));
  lines.push(...timelineLines(flow, important, report.wording), '');
  for (const finding of findings) lines.push(...findingLines(finding, report.wording), '');
  lines.push(...advice(flow, findings));
  return lines;
}

/** How fast each side was seen to answer: nothing can be the answer to something more recent. */
function replyLine(flow: Flow): string[] {
  const [client, server] = flow.halves.map((half) => half.shortestReplyUs);
  const parts = [
    server === undefined || server === UNKNOWN ? '' : `server ${formatDuration(server)}`,
    client === undefined || client === UNKNOWN ? '' : `client ${formatDuration(client)}`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? [] : [`  shortest answer seen here: ${parts.join(', ')}`];
}

function timelineLines(flow: Flow, important: ReadonlySet<number>, wording: Wording): string[] {
  const rows = timelineOf(flow, important);
  return rows.flatMap(({ frames, since, from, what }) => {
    const [first, ...repeats] = frames;
    const again = repeats.length === 0 ? '' : `; again in ${framesText(wording.frame, repeats)}`;
    const arrow = from === 'client' ? 'client →' : '← server';
    const place = String(first).padStart(7);
    return wrapText(`${place}  ${since.padStart(11)}  ${arrow}  `, `${what}${again}`);
  });
}

function findingLines(finding: Finding, wording: Wording): string[] {
  const lines = wrapText(
    `${finding.severity.toUpperCase()} `,
    `${finding.code} (${finding.certainty}): ${finding.summary}.`,
  );
  lines.push(...wrapText('  ', finding.explanation));
  lines.push(...wrapText('  where: ', framesText(wording.frame, finding.frames)));
  finding.causes.forEach(({ cause, reasons }, index) => {
    if (index === 0) lines.push('  causes, most likely first (a ranking, not a proof):');
    lines.push(...wrapText(`    ${index + 1}. `, cause));
    for (const reason of reasons) lines.push(...wrapText('       - ', reason));
  });
  for (const same of finding.looksTheSame) lines.push(...wrapText('  looks the same: ', same));
  if (finding.undecided !== '') {
    lines.push(...wrapText('  not decided by this input: ', finding.undecided));
  }
  return lines;
}

/** What to do, each advice once, and the commands on lines of their own. */
function advice(flow: Flow, findings: readonly Finding[]): string[] {
  const observe = observeAdvice(flow);
  const lines: string[] = [];
  const commands = new Set<string>();
  const remedies = new Set<string>();
  for (const { severity, remedy, decide } of findings) {
    const matters = severity !== 'note' || findings.length === 1;
    // A remedy is a sentence or two of its own around the one that many share.
    const parts = remedy
      .split(observe)
      .flatMap((part, at) => (at === 0 ? [part] : [observe, part]));
    const fresh = parts.map((part) => part.trim()).filter((part) => !remedies.has(part));
    const text = fresh.filter((part) => part !== '').join(' ');
    if (text !== '' && matters) {
      for (const part of fresh) remedies.add(part);
      lines.push(...wrapText('  what to do: ', text));
    }
    if (decide !== '') commands.add(decide);
  }
  for (const command of commands) {
    lines.push(
      '  what decides it, while it fails (compare MAC address and TTL):',
      `    ${command}`,
    );
  }
  return lines.length === 0 ? [] : [...lines, ''];
}

function others(troubled: readonly Troubled[]): string[] {
  if (troubled.length === 0) return [];
  const counts = new Map<string, number[]>();
  for (const { flow, findings } of troubled) {
    for (const { code } of findings) {
      const ids = counts.get(code);
      if (ids === undefined) counts.set(code, [flow.id]);
      else ids.push(flow.id);
    }
  }
  const lines = [
    `${plural(troubled.length, 'more connection')} with findings (all of them: --json):`,
  ];
  for (const [code, ids] of counts) {
    lines.push(...wrapText(`  ${code.padEnd(20)} `, framesText('connection', ids)));
  }
  return [...lines, ''];
}

function nothingFound(report: Report): string[] {
  if (report.enough) return ['Nothing wrong found.', ''];
  const notKept = report.input.tolerated[NOT_KEPT];
  if (notKept !== undefined) {
    const text =
      `Nothing wrong found in the first ${plural(connectionCount(report), 'connection')}; ` +
      `${plural(notKept, 'packet')} of later ones were not looked at. Split the input.`;
    return [...wrapText('', text), ''];
  }
  return [
    ...wrapText(
      '',
      'Not enough to judge: no connection is seen from its first packet (SYN) on, with answers. ' +
        'Start the capture before the connection.',
    ),
    '',
  ];
}
