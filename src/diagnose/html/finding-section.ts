/**
 * The findings of one connection in full: what it is, how certain, what else looks the same, what
 * decides it, what to do. Owns the order of these; the words are the findings' own.
 */
import type { Certainty, Finding } from '../finding.ts';
import { framesText, type Wording } from '../wording.ts';
import { html, type Markup, prose, when } from './markup.ts';

const CERTAINTY: Readonly<Record<Certainty, string>> = {
  proven: 'proven: nothing else explains these packets',
  likely: 'likely: something rarer would explain them too',
  possible: 'possible: these packets do not settle it',
};

/** `said` are remedies and commands that stand above already; what is said here is added. */
export function findingSection(finding: Finding, wording: Wording, said: Set<string>): Markup {
  const { severity, code, summary, explanation, frames, causes, looksTheSame } = finding;
  return html`<section class="finding ${severity}">
<h4><span class="word ${severity}">${severity.toUpperCase()}</span> <code>${code}</code> ${summary}.</h4>
<p>${prose(explanation)}</p>
<dl>
<dt>Certainty</dt><dd>${CERTAINTY[finding.certainty]}</dd>
${when(frames.length > 0, () => html`<dt>Where</dt><dd>${framesText(wording.frame, frames)}</dd>`)}
${when(
  causes.length > 0,
  () => html`<dt>Causes, most likely first (a ranking, not a proof)</dt>
<dd><ol>${causes.map(({ cause, reasons }) => html`<li>${cause}${list(reasons)}</li>`)}</ol></dd>`,
)}
${when(looksTheSame.length > 0, () => html`<dt>What else looks the same</dt><dd>${list(looksTheSame)}</dd>`)}
${entry('Not decided by this input', finding.undecided)}
${entry('What decides it, while it fails', once(commandOf(finding.decide), said))}
${entry('What to do', once(finding.remedy, said))}
</dl>
</section>`;
}

function entry(name: string, text: string): Markup {
  return when(text !== '', () => html`<dt>${name}</dt><dd>${prose(text)}</dd>`);
}

/** Some deciding commands are sentences: only what can be pasted is set as a command. */
function commandOf(decide: string): string {
  return decide.includes('`') || !/^(?:tcpdump|ssh|ping|ethtool|ip|nstat) /.test(decide)
    ? decide
    : `\`${decide}\``;
}

function once(text: string, said: Set<string>): string {
  if (text !== '' && said.has(text)) return 'As above.';
  said.add(text);
  return text;
}

function list(sentences: readonly string[]): Markup {
  return when(
    sentences.length > 0,
    () => html`<ul>${sentences.map((sentence) => html`<li>${sentence}</li>`)}</ul>`,
  );
}
