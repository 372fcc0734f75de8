/**
 * The packet worker, the injectors and the self test against the kernel. Needs root.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { INJECT_FAR, INJECT_FAR_HOOKED, INJECT_NEAR } from '../../src/engine/verdict.ts';
import {
  buildProgram,
  FAR,
  figuresOf,
  Lab,
  NEAR,
  type Program,
  QUEUE_NUM,
  run,
} from './nfqueue-lab.ts';

const PORT = '7002';
const QUEUE = String(QUEUE_NUM);
const BYTES = 50_000_000;
const scratch = mkdtempSync(join(tmpdir(), 'seqshim-runtime-'));
const stopFile = join(scratch, 'stop');
const programs: Record<string, string> = {};
let lab: Lab;

beforeAll(async () => {
  for (const name of [
    'peer',
    'runtime-driver',
    'loop-driver',
    'self-test-driver',
    'inject-driver',
  ]) {
    programs[name] = await buildProgram(`nfqueue-${name}.ts`);
  }
  programs['worker'] = await buildProgram(
    '../../src/datapath/nfqueue/worker.ts',
    'packet-worker.js',
  );
});

afterAll(() => {
  rmSync(scratch, { recursive: true, force: true });
  for (const file of Object.values(programs)) rmSync(file, { force: true });
});

beforeEach(() => {
  rmSync(stopFile, { force: true });
  lab = new Lab('r');
});

afterEach(() => lab.close());

function startNear(name: string, ...args: string[]): Program {
  return lab.start(lab.near, process.execPath, '--expose-gc', programs[name] ?? '', ...args);
}

async function startServer(role = 'serve'): Promise<Program> {
  const server = lab.start(lab.far, process.execPath, programs['peer'] ?? '', role, PORT);
  await server.line('serving');
  return server;
}

/** `before`: what starts it, on which processor and with which priority. */
async function startLoop(busyPollUs: string, ...before: string[]): Promise<Program> {
  const node = [process.execPath, '--expose-gc', programs['loop-driver'] ?? ''];
  const program = lab.start(lab.near, ...before, ...node, QUEUE, stopFile, busyPollUs);
  await program.line('ready');
  lab.queueTcp();
  return program;
}

interface LoopFigures {
  packets: number;
  turns: number;
  sleeps: number;
  warmBytes: number;
  endBytes: number;
  collections: number;
}

/** The figures of a loop that ran while `use` did (see `startLoop`); its rules are gone then. */
async function figuresWhile(
  [busyPollUs, ...before]: readonly [string, ...string[]],
  use: (program: Program) => Promise<void>,
): Promise<LoopFigures> {
  rmSync(stopFile, { force: true });
  const program = await startLoop(busyPollUs, ...before);
  await use(program);
  const figures = await figuresOf<LoopFigures>(program, stopFile);
  expect(await program.exit()).toBe(0);
  for (const command of ['iptables', 'ip6tables']) lab.inNear(command, '-t', 'mangle', '-F');
  return figures;
}

async function startRuntime(): Promise<Program> {
  const program = startNear('runtime-driver', QUEUE);
  await program.line('ready');
  return program;
}

function transfer(host: string, bytes: number): Program {
  return startNear('peer', 'send', host, PORT, String(bytes));
}

describe('runtime', () => {
  test('judges real connections of both families and lets them be', async () => {
    await startServer();
    const runtime = await startRuntime();
    lab.queueTcp();
    for (const host of [FAR, 'fd91::2']) {
      const client = transfer(host, BYTES);
      expect(await client.line('', 60_000)).toBe(`returned ${BYTES} wrongAt -1`);
    }
    runtime.tell('stats');
    const line = await runtime.line('stats');
    const stats = JSON.parse(line.slice('stats '.length));
    expect(stats.packets).toBeGreaterThan(4000);
    expect(stats.latencyUs.p50).toBeGreaterThan(0);
    expect(stats.latencyUs.max).toBeGreaterThanOrEqual(stats.latencyUs.p999);
    expect(stats).toMatchObject({ shed: 0, injected: 0, injectFailed: 0, kernelErrors: 0 });
    expect(stats.heartbeatMs).toBeLessThan(200);
  });

  test('starts and stops under a connection that goes on', async () => {
    await startServer();
    const client = transfer(FAR, 400_000_000);
    const runtime = await startRuntime();
    lab.queueTcp();
    await new Promise((resolve) => setTimeout(resolve, 300));
    lab.inNear('iptables', '-t', 'mangle', '-F');
    runtime.tell('stop');
    const line = await runtime.line('stopped');
    expect(Number(line.slice('stopped '.length))).toBeLessThan(1000);
    expect(await runtime.exit()).toBe(0);
    expect(runtime.lines).toEqual(['ready', line]);
    expect(await client.line('', 60_000)).toBe('returned 400000000 wrongAt -1');
  });

  test('stops an idle worker at once', async () => {
    const runtime = await startRuntime();
    runtime.tell('stop');
    const line = await runtime.line('stopped');
    expect(Number(line.slice('stopped '.length))).toBeLessThan(300);
  });

  test('says in one line that the queue is taken', async () => {
    await startRuntime();
    const second = startNear('runtime-driver', QUEUE);
    expect(await second.line('failed')).toMatch(
      /^failed QueueError: Cannot use queue 91: it is taken by another program .*--queue-num$/,
    );
  });

  test.each([['0'], ['50']])(
    'the loop allocates nothing a packet, polling %s µs: the heap is flat over half a million',
    async (busyPollUs) => {
      await startServer();
      const program = await startLoop(busyPollUs);
      const client = transfer(FAR, 400_000_000);
      expect(await client.line('', 60_000)).toBe('returned 400000000 wrongAt -1');
      const figures = await figuresOf<LoopFigures>(program, stopFile);
      expect(figures.packets).toBeGreaterThan(500_000);
      // A collection or two would sweep up what the clock and the compiler left: 16 MB each.
      expect(figures.collections).toBeLessThan(2);
      const perPacket = (figures.endBytes - figures.warmBytes) / figures.packets;
      expect(perPacket, JSON.stringify(figures)).toBeLessThan(4);
    },
  );

  test('polls instead of sleeping while packets come fast, and sleeps when none come', async () => {
    await startServer('echo');
    const sleepsATurn: number[] = [];
    // Both ends need a moment that a busy machine makes longer: the widest window there is.
    for (const busyPollUs of ['0', '1000']) {
      const { turns, sleeps } = await figuresWhile([busyPollUs], async (program) => {
        const peer = startNear('peer', 'rally', FAR, PORT, '3000');
        expect(await peer.line('left', 30_000)).toBe('left 0');
        const usedMs = program.processorMs();
        await new Promise((resolve) => setTimeout(resolve, 1000));
        expect(program.processorMs() - usedMs).toBeLessThan(200);
      });
      sleepsATurn.push(sleeps / turns);
    }
    const [asleep = 0, polling = 1] = sleepsATurn;
    // Where others need the processor it sleeps for a while: two cores are few for three threads.
    expect(polling).toBeLessThan(asleep * 0.8);
  });

  test('polling keeps nobody from the same processor, whatever its priority', async () => {
    await startServer('echo');
    const sameProcessor = ['taskset', '-c', '0'];
    const waitedMs: number[] = [];
    for (const busyPollUs of ['0', '1000']) {
      await figuresWhile([busyPollUs, ...sameProcessor, 'nice', '-n', '-10'], async () => {
        const rally = [programs['peer'] ?? '', 'rally', FAR, PORT, '2000'];
        const peer = lab.start(lab.near, ...sameProcessor, process.execPath, ...rally);
        waitedMs.push(Number((await peer.line('waited', 60_000)).slice('waited '.length)));
      });
    }
    // Where it keeps the processor while it polls: three to five times as long.
    const [asleep = 0, polling = 1] = waitedMs;
    expect(polling, `${asleep} ms without polling`).toBeLessThan(asleep * 1.8);
  });
});

describe.each(['koffi', 'raw-socket'])('injection with %s', (backend) => {
  /** Packets seen at four places, by the mark they carry there. */
  function count(command: string): { marked: number; unmarked: number; local: number } {
    const text = lab.inNear(command, '-t', 'mangle', '-vxnL');
    const of = (word: string) =>
      Number(
        text
          .split('\n')
          .find((line) => line.includes(word))
          ?.trim()
          .split(/\s+/)[0],
      );
    return { marked: of('is-marked'), unmarked: of('is-unmarked'), local: of('is-local') };
  }

  function countingRules(command: string): void {
    // The answer to a segment that nobody expects is no business of ours.
    const noReset = ['--tcp-flags', 'RST', 'NONE'];
    const rule = (chain: string, ...match: string[]) =>
      lab.inNear(command, '-t', 'mangle', '-A', chain, '-p', 'tcp', ...noReset, ...match);
    const mark = ['-m', 'mark', '--mark', '0x2000'];
    const noMark = ['-m', 'mark', '--mark', '0'];
    const name = (text: string) => ['-m', 'comment', '--comment', text];
    rule('POSTROUTING', '-o', 'wire', ...mark, ...name('is-marked'));
    rule('POSTROUTING', '-o', 'wire', ...noMark, ...name('is-unmarked'));
    rule('INPUT', '-i', 'lo', ...mark, ...name('is-local'));
  }

  test.each([
    [4, 'iptables', NEAR, FAR],
    [6, 'ip6tables', 'fd91::1', 'fd91::2'],
  ] as const)(
    'IPv%i leaves marked, unmarked and towards this machine',
    async (family, command, near, far) => {
      countingRules(command);
      const program = startNear('inject-driver', backend);
      await program.line('ready');
      program.tell(`${INJECT_FAR} ${family} ${near} ${far}`);
      program.tell(`${INJECT_FAR_HOOKED} ${family} ${near} ${far}`);
      program.tell(`${INJECT_FAR_HOOKED} ${family} ${near} ${far}`);
      program.tell(`${INJECT_NEAR} ${family} ${far} ${near}`);
      program.child.stdin?.end();
      expect(await program.line('counts')).toBe('counts 4 0');
      expect(count(command)).toEqual({ marked: 1, unmarked: 2, local: 1 });
    },
  );

  test('without IPv6 it goes on with IPv4, and says so once', async () => {
    for (const where of ['all', 'default']) {
      lab.inNear('sysctl', '-qw', `net.ipv6.conf.${where}.disable_ipv6=1`);
    }
    countingRules('iptables');
    const program = startNear('inject-driver', backend);
    await program.line('ready');
    program.tell(`${INJECT_FAR} 6 fd91::1 fd91::2`);
    program.tell(`${INJECT_FAR} 6 fd91::1 fd91::2`);
    program.tell(`${INJECT_FAR} 4 ${NEAR} ${FAR}`);
    program.child.stdin?.end();
    const [, sent, failed] = (await program.line('counts')).split(' ').map(Number);
    expect(failed).toBe(2);
    expect(sent).toBeGreaterThanOrEqual(1);
    expect(program.lines.filter((line) => line.startsWith('report'))).toHaveLength(1);
    expect(count('iptables').marked).toBe(1);
  });
});

describe.each(['koffi', 'raw-socket'])('self test with %s', (backend) => {
  async function outcomes(program: Program): Promise<Record<string, string>> {
    const line = await program.line('results');
    const results: { name: string; outcome: string; line: string }[] = JSON.parse(
      line.slice('results '.length),
    );
    return Object.fromEntries(
      results.map(({ name, outcome, line: why }) => [name, why || outcome]),
    );
  }

  test('passes in a namespace that can do it', async () => {
    expect(await outcomes(startNear('self-test-driver', backend))).toEqual({
      queue: 'ok',
      'inject-ipv4': 'ok',
      'inject-ipv6': 'ok',
    });
  });

  test('says what to do when loopback is down', async () => {
    run('ip', '-n', lab.near, 'link', 'set', 'lo', 'down');
    expect(await outcomes(startNear('self-test-driver', backend))).toEqual({
      queue: 'ok',
      'inject-ipv4': 'Cannot inject IPv4 packets: loopback is down. Run: ip link set lo up',
      'inject-ipv6': 'absent',
    });
  });

  test('says when a rule is in the way', async () => {
    lab.inNear(
      'iptables',
      '-A',
      'OUTPUT',
      '-o',
      'lo',
      '-m',
      'mark',
      '--mark',
      '0x2000',
      '-j',
      'DROP',
    );
    const { queue, 'inject-ipv4': line } = await outcomes(startNear('self-test-driver', backend));
    expect(queue).toBe('ok');
    expect(line).toMatch(/^Cannot inject IPv4 packets: /);
  });

  test('says which privileges are missing', async () => {
    // Still root by name: a checkout below /root must be readable.
    const drop = ['setpriv', '--bounding-set=-all'];
    const command = [process.execPath, programs['self-test-driver'] ?? '', backend];
    const program = lab.start(lab.near, ...drop, ...command);
    expect(await outcomes(program)).toMatchObject({
      queue: 'Cannot open the queue: run as root, or with CAP_NET_ADMIN',
      'inject-ipv4':
        'Cannot inject IPv4 packets: run as root, or with CAP_NET_RAW and CAP_NET_ADMIN',
    });
  });
});
