/**
 * `dist/packet-script.js FAR < JOBS`: runs scripts in the namespace that it was started in, against
 * far ends in the namespace whose file FAR is. JOBS and what it prints are JSON: `Job[]`,
 * `Outcome[]`.
 */
import { readFileSync } from 'node:fs';
import { type Job, runLive } from './run-live.ts';

const jobs = JSON.parse(readFileSync(0, 'utf8')) as Job[];
const outcomes = await runLive(jobs, process.argv[2] ?? '');
process.stdout.write(`${JSON.stringify(outcomes)}\n`);
