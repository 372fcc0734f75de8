/**
 * What two captures show of the path between them: a table for each connection, and what is wrong
 * in it. Owns how many connections are set out; the others are named.
 */
import type { BothFinding } from '../both/both-findings.ts';
import { CHANGE_KINDS, type Change, isRewriting } from '../both/change.ts';
import type { FlowComparison } from '../both/compare-sides.ts';
import type { BothReport } from '../both/diagnose-both.ts';
import { clockText, inShort, worstFirst } from '../both/print-both.ts';
import { endpoint, framesText, plural, sideName, type Wording } from '../wording.ts';
import { findingSection } from './finding-section.ts';
import { html, type Markup, NOTHING, when } from './markup.ts';

/** As many as are drawn of one side. */
const FLOW_COUNT_SHOWN = 5;
const FRAME_COUNT_SHOWN = 6;

export function bothSection({ comparison, findings }: BothReport, wording: Wording): Markup {
  const flows = worstFirst(comparison, findings);
  const more = flows.length - FLOW_COUNT_SHOWN;
  const said = new Set<string>();
  return html`<section aria-labelledby="both-sides"><h2 id="both-sides">Both sides</h2>
<p><strong>${inShort(comparison)}</strong></p>
<p class="quiet">Client’s side: ${comparison.client.name}. Server’s side: ${comparison.server.name}. Clocks: ${clockText(comparison.clock)}.</p>
${flows.slice(0, FLOW_COUNT_SHOWN).map((flow) => flowSection(flow, findings, wording, said))}
${when(more > 0, () => html`<p>${plural(more, 'more connection')}: <code>--json</code> has all of them.</p>`)}
</section>`;
}

function flowSection(
  flow: FlowComparison,
  all: readonly BothFinding[],
  wording: Wording,
  said: Set<string>,
): Markup {
  const { client } = flow.pair;
  const id = `both-${client.id}`;
  const findings = all.filter((finding) => finding.flow === client.id);
  return html`<section class="flow" aria-labelledby="${id}">
<h3 id="${id}">${endpoint(client.client, client.clientPort)} → ${endpoint(client.server, client.serverPort)}</h3>
${flow.changes.length === 0 ? html`<p>Nothing was changed on the way.</p>` : changeTable(flow.changes)}
${when(flow.undecided > 0, () => html`<p class="quiet">Not decided: ${plural(flow.undecided, 'packet')} that only one side has, and the other may have missed.</p>`)}
${findings.flatMap((finding) => [findingSection(finding, wording, said), serverFrames(finding, wording)])}
</section>`;
}

function serverFrames({ serverFrames: frames }: BothFinding, wording: Wording): Markup {
  if (frames.length === 0) return NOTHING;
  return html`<p class="quiet">In the server’s capture: ${framesText(wording.frame, frames)}.</p>`;
}

function changeTable(changes: readonly Change[]): Markup {
  return html`<table class="stack"><thead><tr><th scope="col">sent by</th><th scope="col">the client’s side saw</th><th scope="col">the server’s side saw</th><th scope="col">what happened</th><th scope="col">frames, client’s side</th></tr></thead>
<tbody>${changes.map(changeRow)}</tbody></table>`;
}

function changeRow(change: Change): Markup {
  const { kind, dir, clientSaw, serverSaw, what, packets, of, clientFrames } = change;
  const name = html`${sideName(dir)}: ${CHANGE_KINDS[kind]}`;
  const shown = clientFrames.slice(0, FRAME_COUNT_SHOWN);
  const rest = clientFrames.length > shown.length ? ' …' : '';
  return html`<tr><th scope="row">${isRewriting(change) ? html`<strong>${name}</strong>` : name}</th>
<td>${clientSaw}</td><td>${serverSaw}</td><td>${what}; ${packets} of ${plural(of, 'packet')}</td><td>${shown.join(', ')}${rest}</td></tr>`;
}
