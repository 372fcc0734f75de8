/**
 * `npm run demo`: real ssh through a firewall that fails, without and with seqshim, then what
 * `diagnose` says of the original trace. Prints a table and one sentence per saved connection.
 * Exit 0 only when every attempt with the shim works.
 */

import { wrapText } from '../diagnose/wrap-text.ts';
import { explainTrace } from './demo-trace.ts';
import { FaultyPath } from './faulty-path.ts';
import { Lab } from './lab.ts';
import { attempts, type Tally } from './runner.ts';
import { type Scenario, scenarioByName } from './scenarios.ts';
import { type LogLine, ShimProcess } from './shim-process.ts';
import { storyOf } from './story.ts';

const COUNT_WITHOUT = 3;
const COUNT_WITH = 5;

const NAMES = [
  'healthy',
  'first-connection-reset-BRD',
  'first-connection-reset-RBD',
  'challenge-ack-reset',
  'double-endpoint',
  'quiet-server-double-endpoint-1500',
  'phantom-synack-ws7',
  'blind-resets',
] as const;

interface Row {
  readonly name: string;
  readonly offsets: boolean;
  readonly without: Tally;
  readonly with: Tally;
  readonly story: string;
}

function say(text = ''): void {
  process.stdout.write(`${text}\n`);
}

async function live(): Promise<boolean> {
  say('Three network namespaces of our own: jumpbox - faulty firewall - server. Nothing else of');
  say('this machine is touched; everything is removed at the end, also when interrupted.');
  say();
  const lab = await Lab.open();
  const rows: Row[] = [];
  try {
    heading();
    for (const name of NAMES) rows.push(await play(lab, scenarioByName(name), false));
    rows.push(await play(lab, scenarioByName('first-connection-reset-BRD'), true));
    rows.push(await play(lab, scenarioByName('phantom-synack-ws7'), true));
  } finally {
    await lab.close();
  }
  say();
  say('What it saw and did:');
  for (const row of rows) {
    if (row.story === '') continue;
    say(`  ${label(row)}`);
    for (const line of wrapText('    ', row.story)) say(line);
  }
  return rows.every((row) => row.with.ok === row.with.count);
}

function heading(): void {
  say(
    `${'real ssh through a firewall with …'.padEnd(52)}${'without'.padStart(9)}${'with'.padStart(7)}${'median'.padStart(10)}`,
  );
}

async function play(lab: Lab, scenario: Scenario, offsets: boolean): Promise<Row> {
  const path = await FaultyPath.open(lab, { ...scenario.fault, offsets });
  try {
    const { attempt } = scenario;
    const without = await attempts(lab, 4, attempt, COUNT_WITHOUT);
    const shim = await ShimProcess.open(lab);
    const tally = await attempts(lab, 4, attempt, COUNT_WITH);
    await shim.stop();
    const row = { name: scenario.name, offsets, without, with: tally, story: story(shim.lines()) };
    const figures = [
      `${without.ok}/${without.count}`.padStart(9),
      `${tally.ok}/${tally.count}`.padStart(7),
      `${median(tally.ms)} ms`.padStart(10),
    ];
    say(`${label(row).padEnd(52)}${figures.join('')}`);
    for (const error of tally.errors) say(`    failed: ${error}`);
    return row;
  } finally {
    await path.close();
  }
}

function label(row: { name: string; offsets: boolean }): string {
  return row.offsets ? `${row.name}, numbers randomized` : row.name;
}

/** The last saved connection, in a sentence. */
function story(lines: readonly LogLine[]): string {
  const events = lines.filter(({ code, flow }) => code !== undefined && flow !== undefined);
  const flow = events.at(-1)?.['flow'];
  return storyOf(events.filter((line) => line['flow'] === flow));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

export async function demo(): Promise<number> {
  const ok = await live();
  await explainTrace();
  say();
  say(ok ? 'Every attempt with seqshim worked.' : 'Some attempts with seqshim FAILED.');
  return ok ? 0 : 1;
}
