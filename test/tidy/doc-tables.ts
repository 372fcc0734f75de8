/**
 * The tables in the documentation that are made from the source, between
 * `<!-- NAME:begin -->` and `<!-- NAME:end -->`. UPDATE_DOCS=1 writes them, tests compare them.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exitCodesMarkdown } from '../../src/cli/exit-meanings.ts';
import { optionsMarkdown } from '../../src/config/options.ts';
import { metricsMarkdown } from '../../src/telemetry/metrics.ts';
import { CODES, STATS } from '../../src/telemetry/registry.ts';
import { OTHER_SCENARIOS, SCENARIOS } from '../../src/testbed/scenarios.ts';
import { projectFiles, ROOT, readProjectFile } from './source-files.ts';

export const PATHOLOGY =
  /^\/\/ @pathology (?<name>[a-z-]+) \| (?<rfc>.+) \| (?<does>.+) \| (?<when>.+)$/;

/** Document, name of the table, and what makes it. */
export const DOC_TABLES: readonly (readonly [
  document: string,
  name: string,
  make: () => string,
])[] = [
  ['README.md', 'pathologies', pathologyTable],
  ['README.md', 'options', () => optionsMarkdown().trim()],
  ['README.md', 'exit-codes', exitCodesMarkdown],
  ['ARCHITECTURE.md', 'codes', codeTable],
  ['ARCHITECTURE.md', 'counters', counterTable],
  ['ARCHITECTURE.md', 'scenarios', scenarioTable],
  ['ARCHITECTURE.md', 'behaviours', behaviourTable],
  ['ARCHITECTURE.md', 'metrics', metricsMarkdown],
];

export function tableIn(document: string, name: string): string {
  const [, rest] = split(readProjectFile(document), begin(name));
  const [table] = split(rest, end(name));
  return table.trim();
}

export function updateTable(document: string, name: string, table: string): void {
  const [before, rest] = split(readProjectFile(document), begin(name));
  const [, after] = split(rest, end(name));
  const text = `${before}${begin(name)}\n${table}\n${end(name)}${after}`;
  writeFileSync(join(ROOT, document), text);
}

function begin(name: string): string {
  return `<!-- ${name}:begin -->`;
}

function end(name: string): string {
  return `<!-- ${name}:end -->`;
}

function split(text: string, marker: string): [string, string] {
  const at = text.indexOf(marker);
  if (at < 0) throw new Error(`no "${marker}"`);
  return [text.slice(0, at), text.slice(at + marker.length)];
}

function pathologyTable(): string {
  const rows = projectFiles(/^src\/engine\/normalize\/.*\.ts$/).flatMap((path) => {
    const groups = PATHOLOGY.exec(readProjectFile(path).split('\n')[0] ?? '')?.groups;
    if (groups === undefined) return [];
    const { name, rfc, does, when } = groups;
    return [`| ${name} | ${does} | ${when} | ${rfc} | [source](${path}) |`];
  });
  const head = '| pathology | what seqshim does | when | rules | |\n|---|---|---|---|---|';
  return [head, ...rows].join('\n');
}

function codeTable(): string {
  const rows = CODES.map(({ name, kind, severity, summary }) => {
    const level = kind === 'finding' ? severity : '';
    return `| \`${name}\` | ${kind} | ${level} | ${summary} |`;
  });
  return ['| code | kind | severity | meaning |\n|---|---|---|---|', ...rows].join('\n');
}

function counterTable(): string {
  const rows = STATS.map(([, name, what]) => `| \`${name}\` | ${what} |`);
  return ['| counter | counts |\n|---|---|', ...rows].join('\n');
}

function scenarioTable(): string {
  const rows = [...SCENARIOS, ...OTHER_SCENARIOS].map(
    ({ name, about, failsWithout }) => `| \`${name}\` | ${about} | ${failsWithout ? '' : 'yes'} |`,
  );
  const head = '| scenario | what the network does | harmless without us |\n|---|---|---|';
  return [head, ...rows].join('\n');
}

/** From the head of each file: what it does, `Models:` and `Source:`. */
function behaviourTable(): string {
  const rows = projectFiles(/^src\/testbed\/firewall\/behaviours\/.*\.ts$/).map((path) => {
    const source = readProjectFile(path);
    const head = source.slice(source.indexOf('/**') + 3, source.indexOf('*/'));
    const text = head.replace(/\n \* ?/g, '\n').trim();
    const parts = /^(?<does>.+?)\n\n.*?Models: (?<models>.+)\nSource: (?<where>.+)$/s.exec(text);
    const kind = /literal\('([a-z-]+)'\)/.exec(source)?.[1];
    if (parts?.groups === undefined || kind === undefined) throw new Error(`${path}: no table row`);
    const { does, models, where } = parts.groups;
    const cells = [does, models, where].map((cell) => cell?.replaceAll('\n', ' '));
    return `| [\`${kind}\`](${path}) | ${cells.join(' | ')} |`;
  });
  const head = '| behaviour | what it does | models | source |\n|---|---|---|---|';
  return [head, ...rows].join('\n');
}
