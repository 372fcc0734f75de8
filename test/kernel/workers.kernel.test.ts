/**
 * Several queues: one that cannot be had stops the start, a packet thread that dies takes the whole
 * shim out of the way. Needs root.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { buildProgram, FAR, Lab, type Program } from './nfqueue-lab.ts';

const FIRST = 200;
const COUNT = 3;
const programs: string[] = [];
let stateDir = '';
let lab: Lab;

beforeAll(async () => {
  programs.push(
    await buildProgram('workers-driver.ts'),
    await buildProgram('nfqueue-runtime-driver.ts'),
    await buildProgram('../../src/datapath/nfqueue/worker.ts', 'packet-worker.js'),
  );
});

afterAll(() => {
  for (const file of programs) rmSync(file, { force: true });
});

beforeEach(() => {
  lab = new Lab('w');
  stateDir = mkdtempSync(join(tmpdir(), 'seqshim-workers-'));
});

afterEach(() => {
  lab.close();
  rmSync(stateDir, { recursive: true, force: true });
});

function startShim(): Program {
  const options = {
    target: [FAR],
    'queue-num': String(FIRST),
    queues: String(COUNT),
    'state-dir': stateDir,
  };
  return lab.start(lab.near, process.execPath, programs[0] ?? '', JSON.stringify(options));
}

/** Says a word a tenth of a second, and prints each that comes back. */
async function startTalk(): Promise<Program> {
  const server = `require('net').createServer((s) => s.pipe(s)).listen(22, '::',
    () => console.log('listening'))`;
  await lab.start(lab.far, process.execPath, '-e', server).line('listening');
  const client = `const s = require('net').connect(22, '${FAR}'); let n = 0;
    s.on('data', (data) => console.log('heard ' + data));
    setInterval(() => s.write(String(++n)), 100)`;
  return lab.start(lab.near, process.execPath, '-e', client);
}

test('a queue that somebody holds is named, and nothing of ours remains', async () => {
  const holder = lab.start(lab.near, process.execPath, programs[1] ?? '', String(FIRST + 2));
  await holder.line('ready');
  const shim = startShim();
  expect(await shim.exit()).not.toBe(0);
  expect(shim.errors).toContain(`queue ${FIRST + 2}`);
  expect(lab.inNear('iptables-save')).not.toContain('SEQSHIM');
});

test.each([0, 2])(
  'thread %i dies: rules go, connections go on, and a report is left',
  async (n) => {
    const shim = startShim();
    await shim.line('ready');
    const talk = await startTalk();
    await talk.line('heard 3');
    shim.tell(String(n));
    expect(await shim.line('ended')).toBe('ended 70');
    expect(shim.errors).toMatch(
      /^seqshim has failed: the packet worker has ended\. Please report /,
    );
    expect(readdirSync(stateDir).filter((name) => name.startsWith('crash-')).length).toBe(1);
    expect(lab.inNear('iptables-save')).not.toContain('SEQSHIM');
    await talk.line(`heard ${talk.lines.length + 3}`);
  },
);
