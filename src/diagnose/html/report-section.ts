/**
 * What one input shows: its troubled connections with ladder, plots and findings, and what it is
 * not. Owns how many connections are drawn; the others are named with their codes.
 */
import type { BothReport } from '../both/diagnose-both.ts';
import type { Hypothesis } from '../finding.ts';
import { CLIENT, type Flow, SERVER } from '../flow.ts';
import { UNKNOWN } from '../packet-record.ts';
import { connectionCount, NOT_KEPT, type Report } from '../report.ts';
import { importantFrames } from '../timeline.ts';
import { endpoint, formatDuration, framesText, plural } from '../wording.ts';
import { findingSection } from './finding-section.ts';
import { ladderOf } from './ladder.ts';
import { html, type Markup, NOTHING, when } from './markup.ts';
import { plotOf } from './plot.ts';
import type { PlotBook } from './plot-book.ts';

/** Drawn in full, so that the page stays one that can be mailed. */
export const FLOW_COUNT_DRAWN = 5;
/** Named in one line each. */
const FLOW_COUNT_NAMED = 200;

export interface DrawnReport {
  readonly report: Report;
  readonly plots: PlotBook;
  /** The comparison with the other side's capture, where there is one. */
  readonly both?: BothReport;
}

export function reportSection({ report, plots }: DrawnReport, index: number): Markup {
  const { input, hypotheses } = report;
  const troubled = troubledFlows(report);
  const name = input.name === '-' ? 'standard input' : input.name;
  return html`<section aria-labelledby="input-${index}">
<h2 id="input-${index}">${name}</h2>
<p class="quiet">${plural(input.packets, 'TCP packet')}, ${plural(connectionCount(report), 'connection')}, ${
    troubled.length
  } of them with findings.</p>
${when(troubled.length === 0, () => html`<p>${nothingFound(report)}</p>`)}
${troubled.slice(0, FLOW_COUNT_DRAWN).map((flow) => flowSection(report, flow, plots, `i${index}f${flow.id}`))}
${others(report, troubled.slice(FLOW_COUNT_DRAWN))}
${whatItIsNot(hypotheses, report)}
</section>`;
}

/** In the order of the findings, which is worst first. */
function troubledFlows(report: Report): readonly Flow[] {
  const ids = new Set(report.findings.map(({ flow }) => flow));
  const byId = new Map(report.flows.map((flow) => [flow.id, flow]));
  return [...ids].flatMap((id) => byId.get(id) ?? []);
}

function flowSection(report: Report, flow: Flow, plots: PlotBook, id: string): Markup {
  const { wording } = report;
  const findings = report.findings.filter((finding) => finding.flow === flow.id);
  const important = importantFrames(findings);
  const points = plots.of(flow);
  const said = new Set<string>();
  const about = { flow, important, wording, id };
  const drawn =
    points === undefined
      ? []
      : [SERVER, CLIENT].map((dir) =>
          plotOf({ ...about, points }, dir === CLIENT ? CLIENT : SERVER),
        );
  return html`<section class="flow" aria-labelledby="${id}">
<h3 id="${id}">Connection ${flow.id}: ${endpoint(flow.client, flow.clientPort)} → ${endpoint(
    flow.server,
    flow.serverPort,
  )}</h3>
<p><strong>${findings[0]?.summary ?? ''}.</strong> ${replies(flow)}</p>
${ladderOf(flow, findings, important, wording, `${id}-ladder`)}
${drawn}
${when(
  drawn.every(({ text }) => text === ''),
  () =>
    html`<p class="quiet">No plot: this connection carried no data, or the input has no times.</p>`,
)}
${findings.map((finding) => findingSection(finding, wording, said))}
</section>`;
}

function replies(flow: Flow): string {
  const [client, server] = flow.halves.map((half) => half.shortestReplyUs);
  const parts = [
    server === undefined || server === UNKNOWN ? '' : `server ${formatDuration(server)}`,
    client === undefined || client === UNKNOWN ? '' : `client ${formatDuration(client)}`,
  ].filter((part) => part !== '');
  return parts.length === 0 ? '' : `Shortest answer seen here: ${parts.join(', ')}.`;
}

function nothingFound(report: Report): string {
  if (report.enough) return 'Nothing wrong found.';
  const notKept = report.input.tolerated[NOT_KEPT];
  if (notKept !== undefined) {
    return `Nothing wrong found in what was looked at; ${plural(notKept, 'packet')} of later connections were not.`;
  }
  return (
    'Not enough to judge: no connection is seen from its first packet (SYN) on, with answers. ' +
    'Start the capture before the connection.'
  );
}

function others(report: Report, flows: readonly Flow[]): Markup {
  if (flows.length === 0) return NOTHING;
  const codes = new Map<number, Set<string>>();
  for (const { flow, code } of report.findings) {
    codes.set(flow, (codes.get(flow) ?? new Set()).add(code));
  }
  const named = flows.slice(0, FLOW_COUNT_NAMED);
  return html`<h3>${plural(flows.length, 'more connection')} with findings</h3>
<ul>${named.map(
    (flow) =>
      html`<li>${flow.id}: ${endpoint(flow.client, flow.clientPort)} → ${endpoint(
        flow.server,
        flow.serverPort,
      )}: <code>${[...(codes.get(flow.id) ?? [])].join(' ')}</code></li>`,
  )}</ul>${when(
    flows.length > named.length,
    () => html`<p>${flows.length - named.length} more: <code>--json</code> has all of them.</p>`,
  )}`;
}

/** Verdicts in the order in which they help: what may be forgotten first. */
const VERDICTS: Readonly<Record<string, string>> = {
  'ruled-out': 'ruled out',
  confirmed: 'confirmed',
  possible: 'possible',
  undecided: 'cannot tell',
};

function whatItIsNot(hypotheses: readonly Hypothesis[], { wording }: Report): Markup {
  const [first] = hypotheses;
  if (first === undefined) return NOTHING;
  const order = Object.keys(VERDICTS);
  const rank = ({ verdict }: Hypothesis) => order.indexOf(verdict);
  const rows = [...hypotheses].sort((a, b) => rank(a) - rank(b));
  return html`<h3>What it is not (connection ${first.flow})</h3>
<table class="stack"><thead><tr><th scope="col">suspect</th><th scope="col">verdict</th><th scope="col">because</th></tr></thead>
<tbody>${rows.map(
    ({ id, verdict, because, frames }) => html`<tr><th scope="row"><code>${id}</code></th>
<td class="word">${VERDICTS[verdict] ?? verdict}</td>
<td>${because}${when(frames.length > 0, () => html` <span class="quiet">(${framesText(wording.frame, frames)})</span>`)}</td></tr>`,
  )}</tbody></table>`;
}
