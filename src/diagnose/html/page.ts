/**
 * The page: one file that loads nothing, runs nothing and says all of it in words too. Owns its
 * order and its policy: no script at all, no network, only its own style sheet, by its hash.
 */
import { severityRank } from '../severity.ts';
import { sentence } from '../wording.ts';
import { bothSection } from './both-section.ts';
import { html, Markup, NOTHING, when } from './markup.ts';
import { type Provenance, provenanceSection } from './provenance.ts';
import { type DrawnReport, reportSection } from './report-section.ts';
import { STYLE, stylePolicy } from './style.ts';

const POLICY = `default-src 'none'; style-src ${stylePolicy()}; base-uri 'none'; form-action 'none'`;

export function pageOf(drawn: readonly DrawnReport[], provenance: Provenance): string {
  const verdict = headline(drawn);
  const body = html`<body>
<header><p class="eyebrow">seqshim diagnose, ${new Date(provenance.writtenMs).toISOString().slice(0, 10)}</p>
<h1>${verdict}</h1></header>
<main>
${drawn.map(({ both, report }) => (both === undefined ? NOTHING : bothSection(both, report.wording)))}
${drawn.map(reportSection)}
${whatToAsk(drawn)}
${provenanceSection(provenance)}
</main>
</body>`;
  return pageAround(`seqshim: ${verdict}`, body);
}

/** What every page of ours has around its body. */
export function pageAround(title: string, body: Markup): string {
  const head = html`<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${new Markup(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${new Markup(STYLE)}</style>
</head>`;
  return `<!doctype html>\n<html lang="en">\n${head.text}\n${body.text}\n</html>\n`;
}

/** One sentence: the worst finding, or why there is none. */
function headline(drawn: readonly DrawnReport[]): string {
  // What both sides prove goes before what one side tells.
  const findings = drawn.flatMap(({ both, report }) => [
    ...(both?.findings ?? []),
    ...report.findings,
  ]);
  const [worst] = [...findings].sort((a, b) => severityRank(b.severity) - severityRank(a.severity));
  if (worst !== undefined) return sentence(`${worst.summary}.`);
  const enough = drawn.length > 0 && drawn.every(({ report }) => report.enough);
  return enough ? 'Nothing wrong found.' : 'Not enough in the input to judge.';
}

/** Each command once, with what it settles. */
function whatToAsk(drawn: readonly DrawnReport[]): Markup {
  const settles = new Map<string, Set<string>>();
  const note = (decide: string, what: string) => {
    if (decide !== '') settles.set(decide, (settles.get(decide) ?? new Set()).add(what));
  };
  for (const { report } of drawn) {
    for (const { decide, code } of report.findings) note(decide, code);
    for (const { decide, id, verdict } of report.hypotheses) {
      if (verdict !== 'ruled-out') note(decide, id);
    }
  }
  if (settles.size === 0) return NOTHING;
  const commands = [...settles.keys()].map((command) => html`${command}\n`);
  return html`<section aria-labelledby="ask"><h2 id="ask">What to ask the firewall, and the hosts</h2>
<p>While it fails. To copy:</p>
<pre tabindex="0" aria-label="Commands">${commands}</pre>
<details><summary>Which of them settles what</summary><ul>${[...settles].map(
    ([command, what]) => html`<li><code>${command}</code>: ${[...what].join(', ')}</li>`,
  )}</ul></details>${when(drawn.length > 1, () => html`<p class="quiet">For all inputs together.</p>`)}</section>`;
}
