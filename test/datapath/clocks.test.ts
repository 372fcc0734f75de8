/** Who reads the wall clock: nothing that decides. The engine has no clock at all. */
import { expect, it } from 'vitest';
import { linesMatching, projectFiles } from '../tidy/source-files.ts';

/** For people: dates in logs and answers, names of files; and what was learned days ago. */
const FOR_PEOPLE = [
  'src/cli/command-line.ts',
  'src/cli/diagnose-page.ts',
  'src/cli/report-page.ts',
  'src/config/deadline.ts',
  'src/datapath/control-desk.ts',
  'src/datapath/crash-file.ts',
  'src/datapath/evidence/evidence-dir.ts',
  'src/datapath/evidence/evidence-file.ts',
  'src/datapath/evidence/wall-time.ts',
  'src/datapath/history-keeper.ts',
  'src/datapath/live-shim.ts',
  'src/datapath/path-store.ts',
  'src/datapath/probe/packet-socket.ts',
  'src/datapath/replay/print-replay.ts',
  'src/datapath/trial.ts',
  'src/telemetry/log.ts',
  'src/telemetry/metrics.ts',
  'src/telemetry/path-view.ts',
  'src/telemetry/removal.ts',
  'src/telemetry/repair-report.ts',
];

it('the wall clock is read where a date is told, and nowhere else', () => {
  const shim = projectFiles(/^src\/(engine|datapath|telemetry|cli|config)\/.*\.ts$/);
  const lines = linesMatching(shim, /\bDate\.now\(|\bnew Date\(/);
  const readers = [...new Set(lines.map((line) => line.split(':')[0]))].sort();
  expect(readers).toEqual(FOR_PEOPLE);
});

it('what live-shim.ts reads of it goes to what is kept for days, and into file names', () => {
  const lines = linesMatching(['src/datapath/live-shim.ts'], /\bDate\.now\(/);
  expect(lines.filter((line) => !/this\.(?:paths|keeper)\.|crash-/.test(line))).toEqual([]);
});
