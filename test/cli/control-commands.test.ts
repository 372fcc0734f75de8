/** What asks a running shim, against a control socket: what it prints, and its exit codes. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/commands.ts';
import { QUESTIONS } from '../../src/cli/questions.ts';
import { FLOW_PROVEN, FLOW_TRANSLATED } from '../../src/engine/flow/layout.ts';
import { viewFlows } from '../../src/telemetry/flow-view.ts';
import { History } from '../../src/telemetry/history.ts';
import type { PathView } from '../../src/telemetry/path-view.ts';
import { type RepairReport, reportOf, reportText } from '../../src/telemetry/repair-report.ts';
import { statusOf, statusText } from '../../src/telemetry/status.ts';
import { ControlRig } from '../telemetry/control-rig.ts';
import { memoryOf } from '../telemetry/flow-memory.ts';
import { factsOf } from '../telemetry/status-facts.ts';
import { CLI, runCli, runShell } from './cli-run.ts';

const memory = memoryOf([{ flags: FLOW_PROVEN }, { flags: FLOW_TRANSLATED, delta: -1 }]);
const rig = new ControlRig();
let reasons: readonly string[] = [];
let status = statusOf(factsOf(memory));
let kept = true;
const history = new History(Date.now() - 86_400_000);
const asked: unknown[] = [];
const fact = {
  fact: 'phantom',
  count: 3,
  lastSeen: '2026-03-04T05:06:07.000Z',
  expires: '2026-03-11T05:06:07.000Z',
};
let paths: readonly PathView[] = [
  { address: 'fd00::2', port: 22, facts: [fact], connections: 250, canaries: 2, canariesClean: 1 },
];

let niceness = '';

/** Of the process that asks this server; not of a shell that has the same words. */
function nicenessOfAsker(): string {
  const processes = execFileSync('ps', ['-ww', '-eo', 'ni=,args='], { encoding: 'utf8' });
  const rows = processes.split('\n').map((row) => row.trim().split(/\s+/));
  const asker = rows.find(([, ...args]) => args[0] === process.execPath && args.includes(rig.path));
  return asker?.[0] ?? '';
}

beforeAll(() =>
  rig.serve((request) => {
    status = statusOf(factsOf(memory, { reasons }));
    if (request.op === 'status') return status;
    if (request.op === 'keep') return { schema: 1, kept };
    if (request.op === 'top') {
      niceness = nicenessOfAsker();
      return { schema: 1, status, recent: [] };
    }
    if (request.op === 'report') {
      asked.push(request['sinceMs']);
      return reportOf(history, Date.now() - Number(request['sinceMs']), Date.now());
    }
    if (request.op === 'paths') return { schema: 1, paths };
    if (request.op === 'forget') {
      asked.push([request['address'], request['port']]);
      return { schema: 1, forgotten: request['port'] === 23 ? 0 : 1 };
    }
    const flows = viewFlows([memory], 2500, request['all'] === true ? 100 : 1);
    return { schema: 1, total: 2, flows };
  }),
);
afterAll(() => rig.close());

const run = (...args: string[]) => runCli(...args, '--control', rig.path);

describe('status', () => {
  it('prints the page, or the JSON as it came; exit 0', async () => {
    const page = await run('status');
    expect(page).toEqual({ exitCode: 0, stdout: statusText(status), stderr: '' });
    const json = await run('status', '--json');
    expect(json.exitCode).toBe(0);
    expect(json.stdout).toBe(`${JSON.stringify(status)}\n`);
  });

  it('exits 1 when the shim is degraded', async () => {
    reasons = ['packet loop is stuck'];
    const { exitCode, stdout } = await run('status');
    reasons = [];
    expect(exitCode).toBe(1);
    expect(stdout).toContain('degraded: packet loop is stuck');
  });

  it('finds the socket below --state-dir', async () => {
    const { exitCode, stdout } = await runCli('status', '--json', '--state-dir', rig.dir);
    expect([exitCode, JSON.parse(stdout)]).toMatchObject([0, { schema: 1 }]);
  });
});

describe('flows', () => {
  it('prints one line each and says how many more there are', async () => {
    const { exitCode, stdout } = await run('flows');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(
      /^10\.0\.0\.1:40001 > 10\.0\.0\.2:22 .*translated by 4294967295\n1 shown/,
    );
    expect(stdout).toContain('1 shown, 1 more: --all\n');
    expect((await run('flows', '--all')).stdout).toMatch(/\n2 shown\n$/);
  });

  it('has the keys schema, total and flows as JSON', async () => {
    const answer = JSON.parse((await run('flows', '--json')).stdout) as Record<string, unknown>;
    expect(Object.keys(answer)).toEqual(['schema', 'total', 'flows']);
  });
});

describe('paths', () => {
  it('prints one line for each destination, or the JSON as it came', async () => {
    expect(await run('paths')).toEqual({
      exitCode: 0,
      stdout:
        '[fd00::2]:22  phantom (3 times, last 2026-03-04T05:06:07.000Z, until ' +
        '2026-03-11T05:06:07.000Z)  250 connections since; 1 of 2 canaries clean\n',
      stderr: '',
    });
    const { stdout } = await run('paths', '--json');
    expect(JSON.parse(stdout)).toEqual({ schema: 1, paths });
    paths = [];
    expect((await run('paths')).stdout).toBe('no fault is known of any destination\n');
  });

  it('forgets a destination, one port of it or all; exit 1 when nothing was known', async () => {
    expect(await run('paths', '--forget', '10.0.0.2')).toEqual({
      exitCode: 0,
      stdout: 'forgotten: 10.0.0.2 (1)\n',
      stderr: '',
    });
    expect((await run('paths', '--forget', '[fd00::2]:22')).exitCode).toBe(0);
    expect((await run('paths', '--forget', 'fd00::2')).exitCode).toBe(0);
    expect(await run('paths', '--forget', '10.0.0.2:23')).toMatchObject({
      exitCode: 1,
      stdout: 'nothing is known of 10.0.0.2:23\n',
    });
    expect(asked).toEqual([
      ['10.0.0.2', 0],
      ['fd00::2', 22],
      ['fd00::2', 0],
      ['10.0.0.2', 23],
    ]);
  });

  it.each(['here', '10.0.0.2:', '10.0.0.2:99999', '[10.0.0.2', ''])(
    'refuses to forget %j',
    async (what) => {
      const { exitCode, stderr } = await run('paths', '--forget', what);
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/^Cannot forget ".*": name an address, or address:port as /);
    },
  );
});

describe('report', () => {
  const faulty = history.destination('10.0.0.2', 22);

  it('exits 4 without evidence, 1 when it is needed, 0 when it is safe', async () => {
    const unknown = await run('report');
    expect([unknown.exitCode, unknown.stdout]).toEqual([
      4,
      expect.stringMatching(/\nnot enough evidence: none of 0 connections has shown a fault: /),
    ]);
    faulty.lastFault = Date.now();
    expect((await run('report')).exitCode).toBe(1);
    faulty.canariesClean = 30;
    const { exitCode, stdout } = await run('report', '--json');
    const report = JSON.parse(stdout) as RepairReport;
    expect([exitCode, report.verdict]).toEqual([0, 'safe']);
    expect(reportText(report)).toContain('safe to remove: canaries met no fault');
  });

  it('looks back a week, or as long as is asked for', async () => {
    asked.length = 0;
    await run('report');
    await run('report', '--since', '36h');
    expect(asked).toEqual([7 * 86_400_000, 36 * 3_600_000]);
    const { exitCode, stderr } = await run('report', '--since', 'tuesday');
    expect([exitCode, stderr.split('\n').length]).toEqual([2, 2]);
  });
});

describe('a question', () => {
  it('is what asks a running shim and changes nothing', () => {
    const asking = COMMANDS.filter(({ takes }) => takes === 'control').map(({ name }) => name);
    expect([...QUESTIONS, 'down', 'keep', 'probe'].sort()).toEqual(asking.sort());
  });

  it.each([
    [[], '10'],
    [['nice', '-n', '15'], '15'],
  ])('gets the processor behind the packets: %s nice %s', async (prefix, nice) => {
    niceness = '';
    const command = [...prefix, process.execPath, CLI, 'top', '--once', '--control', rig.path];
    const { exitCode } = await runShell(command.join(' '));
    expect([exitCode, niceness]).toEqual([0, nice]);
  });
});

describe('top', () => {
  it.each([['--once'], []])('prints one page where no terminal reads %s', async (...args) => {
    const { exitCode, stdout } = await run('top', ...args);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^seqshim \S+ \(pid \d+\) ok\nenforce, rules by nft, up 5 s\n/);
    expect(stdout).not.toContain('\x1b');
  });

  it('on a terminal draws until q, and gives the terminal back', async () => {
    const command = `${process.execPath} ${CLI} top --control ${rig.path}`;
    // script(1) has a terminal of its own, 80x24 or unknown; q comes a little later.
    const shell = `(sleep 2; printf q) | script -qec '${command}' /dev/null`;
    const { exitCode, stdout } = await runShell(shell);
    expect(exitCode).toBe(0);
    expect(stdout.startsWith('\x1b[?1049h\x1b[?25l\x1b[Hseqshim ')).toBe(true);
    expect(stdout.split('\x1b[H').length).toBeGreaterThanOrEqual(2);
    expect(stdout.trimEnd().endsWith('\x1b[?25h\x1b[?1049l')).toBe(true);
  });
});

describe('keep', () => {
  it('says what it did', async () => {
    expect((await run('keep')).stdout).toBe('kept: it goes on until stopped\n');
    kept = false;
    expect(await run('keep')).toMatchObject({
      exitCode: 0,
      stdout: 'nothing to keep: no end is set\n',
    });
  });
});
