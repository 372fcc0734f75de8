/** Conversations of the lab's own applications (`dist/peer.js`), and iperf3. Times: ms. */
import { distFile } from '../dist-file.ts';
import { ADDRESS, ECHO_PORT, IPERF_PORT, type Lab } from '../lab.ts';
import { type Attempted, failed } from './attempt.ts';
import type { WorkloadOf } from './workload.ts';

/** One that is looked after, and has no server: that of iperf3 while none runs. */
const CLOSED_PORT = IPERF_PORT;

export async function talkOnce(
  lab: Lab,
  family: 4 | 6,
  { delayMs, silenceMs, timeoutMs }: WorkloadOf<'echo'>,
): Promise<Attempted> {
  const args = ['talk', ADDRESS[family].server, ECHO_PORT, delayMs, silenceMs];
  const { stdout, stderr, ms } = await runPeer(lab, args, timeoutMs);
  if (!stdout.includes('"ok":true')) return failed(ms, stderr, errorIn(stdout));
  return { ok: true, ms: Math.round(ms) };
}

/** Being refused is what succeeds here. */
export async function refuseOnce(
  lab: Lab,
  family: 4 | 6,
  { timeoutMs }: WorkloadOf<'refused'>,
): Promise<Attempted> {
  const args = ['talk', ADDRESS[family].server, CLOSED_PORT, 0];
  const { stdout, stderr, ms } = await runPeer(lab, args, timeoutMs);
  if (errorIn(stdout) === 'ECONNREFUSED') return { ok: true, ms: Math.round(ms) };
  return failed(ms, stderr, errorIn(stdout));
}

/** All attempts in one process. */
export async function connectMany(
  lab: Lab,
  family: 4 | 6,
  workload: WorkloadOf<'connections'>,
): Promise<readonly Attempted[]> {
  const { attempts, atOnce, timeoutMs } = workload;
  const args = ['many', ADDRESS[family].server, ECHO_PORT, attempts, atOnce, timeoutMs];
  const limitMs = timeoutMs * Math.ceil(attempts / atOnce) + 5000;
  const { stdout, stderr, ms } = await runPeer(lab, args, limitMs);
  const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
  const made = lines.map((line) => JSON.parse(line) as Attempted);
  const lost = Array.from({ length: attempts - made.length }, () => failed(ms, stderr));
  return [...made, ...lost];
}

function runPeer(lab: Lab, args: readonly (string | number)[], timeoutMs: number) {
  return lab.jumpbox.run(process.execPath, [distFile('peer.js'), ...args.map(String)], timeoutMs);
}

function errorIn(stdout: string): string {
  return /"error":"(\w+)"/.exec(stdout)?.[1] ?? '';
}

interface IperfReport {
  readonly error?: string;
  readonly end?: { readonly sum_received?: { readonly bits_per_second?: number } };
}

export async function measureOnce(
  lab: Lab,
  family: 4 | 6,
  { way, lastsMs, timeoutMs }: WorkloadOf<'iperf3'>,
): Promise<Attempted> {
  const server = await startServer(lab);
  try {
    const to = ['-c', ADDRESS[family].server, '-p', String(IPERF_PORT), '-J'];
    const how = ['-t', String(lastsMs / 1000), ...(way === 'down' ? ['-R'] : [])];
    const { stdout, stderr, ms } = await lab.jumpbox.run('iperf3', [...to, ...how], timeoutMs);
    const report = reportIn(stdout);
    const bitsPerSecond = Math.round(report.end?.sum_received?.bits_per_second ?? 0);
    if (report.error !== undefined || bitsPerSecond === 0) {
      return { ...failed(ms, stderr, report.error ?? ''), bitsPerSecond };
    }
    return { ok: true, ms: Math.round(ms), bitsPerSecond };
  } finally {
    server.kill('SIGKILL');
  }
}

/** A new one each time: after a test that was cut off the old one is busy for long. */
async function startServer(lab: Lab) {
  const server = lab.server.start('iperf3', ['-s', '-p', String(IPERF_PORT)]);
  await lab.untilListening([IPERF_PORT]);
  return server;
}

function reportIn(stdout: string): IperfReport {
  try {
    return JSON.parse(stdout) as IperfReport;
  } catch {
    return {};
  }
}
