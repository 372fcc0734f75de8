/**
 * The matrix as a page of one file, which loads and runs nothing: the table, then each scenario
 * with what it models and the ladder of the first connection that failed. Owns its order; style,
 * policy and ladder are those of `diagnose --html`.
 */
import { ladderOf } from '../diagnose/html/ladder.ts';
import { html, type Markup, NOTHING, when } from '../diagnose/html/markup.ts';
import { pageAround } from '../diagnose/html/page.ts';
import { importantFrames } from '../diagnose/timeline.ts';
import { type Failure, firstFailureIn } from './first-failure.ts';
import { type Arm, type Cell, isAsExpected, type ScenarioResult } from './matrix-result.ts';
import { ARM_TITLES, cellText, matrixSummary, throughputNote } from './matrix-text.ts';

/** Captures are read here: they have to be there still. */
export async function matrixPage(
  results: readonly ScenarioResult[],
  arms: readonly Arm[],
  ms: number,
): Promise<string> {
  const sections: Markup[] = [];
  for (const [index, result] of results.entries()) {
    sections.push(await scenarioSection(result, arms, `s${index}`));
  }
  const summary = matrixSummary(results, ms);
  const body = html`<body>
<header><p class="eyebrow">seqshim testbed, ${new Date().toISOString().slice(0, 10)}</p>
<h1>${summary}</h1></header>
<main>
${table(results, arms)}
${sections}
</main>
</body>`;
  return pageAround(`seqshim testbed: ${summary}`, body);
}

function table(results: readonly ScenarioResult[], arms: readonly Arm[]): Markup {
  const head = ['scenario', 'workload', ...arms.map((arm) => ARM_TITLES[arm])];
  return html`<table><thead><tr>${head.map((name) => html`<th scope="col">${name}</th>`)}</tr></thead>
<tbody>${results.flatMap((result, index) =>
    result.rows.map(
      ({
        workload,
        family,
        cells,
      }) => html`<tr><td><a href="#s${index}">${result.scenario.name}</a></td>
<td>${workload}, IPv${family}</td>${arms.map((arm) => cellMarkup(cells[arm]))}</tr>`,
    ),
  )}</tbody></table>
<p class="quiet">Attempts that succeeded, of all. ${throughputNote(results)}</p>`;
}

function cellMarkup(cell: Cell | undefined): Markup {
  if (cell === undefined) return html`<td>not played</td>`;
  const { unexpected } = cell;
  return html`<td>${cellText(cell)}${when(
    unexpected.length > 0,
    () => html` <span class="word error">not as expected</span>`,
  )}</td>`;
}

async function scenarioSection(
  result: ScenarioResult,
  arms: readonly Arm[],
  id: string,
): Promise<Markup> {
  const { scenario, problem, interventions } = result;
  const arm = armToShow(result, arms);
  const capture = arm === undefined ? undefined : result.captures[arm];
  const failure = capture === undefined ? undefined : await firstFailureIn(capture);
  const did = Object.entries(interventions).map(([code, count]) => `${code} ${count}`);
  return html`<section aria-labelledby="${id}"><h2 id="${id}">${scenario.name}${
    result.round === 1 ? '' : ` (${result.round})`
  }</h2>
<p>${scenario.about.replaceAll(/\s+/g, ' ')}</p>
<p class="quiet">Source: ${scenario.source}</p>
${when(problem !== undefined, () => html`<p><span class="word error">Could not be played</span>: ${problem ?? ''}</p>`)}
${wrongCells(result, arms)}
${when(did.length > 0, () => html`<p>What the shim did: <code>${did.join(', ')}</code></p>`)}
${failureMarkup(failure, arm, `${id}-ladder`)}
</section>`;
}

/** The half that is not as expected, else the one in which something failed. */
function armToShow(result: ScenarioResult, arms: readonly Arm[]): Arm | undefined {
  const cellsOf = (arm: Arm) => result.rows.flatMap((row) => row.cells[arm] ?? []);
  const wrong = arms.find((arm) => cellsOf(arm).some(({ unexpected }) => unexpected.length > 0));
  if (wrong !== undefined && !isAsExpected(result)) return wrong;
  return arms.find((arm) => cellsOf(arm).length > 0);
}

function wrongCells(result: ScenarioResult, arms: readonly Arm[]): Markup {
  const told = result.rows.flatMap(({ workload, family, cells }) =>
    arms.flatMap((arm) =>
      (cells[arm]?.unexpected ?? []).map(
        (phrase) =>
          html`<li>${workload}, IPv${family}, ${ARM_TITLES[arm]}: ${phrase}. ${(
            cells[arm]?.errors ?? []
          ).join('; ')}</li>`,
      ),
    ),
  );
  if (told.length === 0) return NOTHING;
  return html`<p><span class="word error">Not as expected</span></p><ul>${told}</ul>`;
}

function failureMarkup(failure: Failure | undefined, arm: Arm | undefined, id: string): Markup {
  if (arm === undefined) return NOTHING;
  if (failure === undefined) {
    return html`<p class="quiet">At the client nothing was found on any connection, ${ARM_TITLES[arm]}.</p>`;
  }
  const { flow, findings, wording } = failure;
  return html`<h3>The first connection with a finding, ${ARM_TITLES[arm]}</h3>
<p><strong>${findings[0]?.summary ?? ''}.</strong></p>
${ladderOf(flow, findings, importantFrames(findings), wording, id)}`;
}
