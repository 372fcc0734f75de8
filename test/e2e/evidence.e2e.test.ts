/**
 * The evidence of a run: a connection that two end points answer, and an upload whose SACK blocks
 * nobody translated, as pcapng that tshark reads without complaint: original, what was delivered,
 * and the reason, without an octet of payload. And a disk that is full. Live.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { evidenceFiles } from '../../src/datapath/evidence/evidence-dir.ts';
import { readCapture } from '../../src/datapath/pcap/read-capture.ts';
import { distFile } from '../../src/testbed/dist-file.ts';
import type { Lab } from '../../src/testbed/lab.ts';
import { scenarioByName } from '../../src/testbed/scenarios.ts';
import { ShimProcess } from '../../src/testbed/shim-process.ts';
import { bulk } from './bulk.ts';
import { withFault, withLab, withShim } from './live-parts.ts';
import { Session } from './session.ts';

const SECRET = 'nobody-else-is-to-read-this-sentence';
const BYTES = 2_000_000;
/** Behind a packet, until it is in a file. */
const WRITTEN_MS = 200;
/** For two connections, and not for more. */
const DISK_BYTES = 16_384;
const SESSIONS = 5;

async function speaks(lab: Lab): Promise<boolean> {
  const session = new Session(lab);
  try {
    return await session.echoes(SECRET);
  } finally {
    session.close();
  }
}

interface Row {
  readonly isDelivered: boolean;
  readonly seq: string;
  readonly ack: string;
  readonly octets: number;
  readonly comments: string;
}

async function tshark(lab: Lab, file: string): Promise<Row[]> {
  const fields = ['frame.interface_name', 'tcp.seq_raw', 'tcp.ack_raw', 'tcp.len', 'frame.comment'];
  const args = ['-r', file, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
  const { exitCode, stdout, stderr } = await lab.jumpbox.run('tshark', args, 20_000);
  const complaints = stderr.split('\n').filter((line) => line !== '' && !/^Running as/.test(line));
  expect([exitCode, complaints]).toEqual([0, []]);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [name, seq = '', ack = '', octets, comments = ''] = line.split('\t');
      expect(['as it arrived', 'as it was delivered']).toContain(name);
      const isDelivered = name === 'as it was delivered';
      return { isDelivered, seq, ack, octets: Number(octets), comments };
    });
}

function cli(lab: Lab, args: readonly string[]) {
  return lab.jumpbox.run(process.execPath, [distFile('cli.js'), ...args], 20_000);
}

it('is there for whoever runs the firewall, in Wireshark and as a page', async () => {
  await withLab(async (lab) => {
    const dir = join(lab.dir, 'run', 'evidence');
    const page = join(lab.dir, 'page.html');
    const report = ['report', '--html', page, '--state-dir', join(lab.dir, 'run')];
    await withFault(lab, scenarioByName('double-endpoint').fault, () =>
      withShim(lab, async (shim) => {
        expect(await speaks(lab)).toBe(true);
        await pause(WRITTEN_MS);
        const found = { recording: true, dir, files: 1, lost: 0 };
        expect(shim.status()['evidence']).toMatchObject(found);
        expect(await cli(lab, report)).toMatchObject({ exitCode: 1, stderr: '' });
      }),
    );
    await withFault(lab, scenarioByName('sack-blind-randomizer').fault, () =>
      withShim(lab, async (shim) => {
        expect((await bulk(lab, 4, 'up', BYTES, 0, 10_000)).ok).toBe(true);
        await pause(WRITTEN_MS);
        await shim.stop('SIGKILL');
      }),
    );
    const files = await evidenceFiles(dir);
    expect(files).toHaveLength(2);
    const [conflict = '', sack = ''] = files;
    const rows = await tshark(lab, conflict);
    const told = rows.map(({ comments }) => comments).join('\n');
    for (const code of ['synack-conflict', 'synack-dropped', 'rst-held', 'rst-dropped']) {
      expect(told).toContain(`seqshim: ${code}`);
    }
    expect(told).toContain('seqshim: not delivered');
    const questions = rows.filter(({ isDelivered }) => isDelivered);
    expect(questions[0]?.comments).toMatch(/probe-sent .*seqshim: sent to the far end/);
    // Lengths tell that there was payload; it is in no file.
    expect(rows.some(({ octets }) => octets === SECRET.length)).toBe(true);
    for (const file of files) {
      const bytes = readFileSync(file);
      for (const piece of [SECRET, 'sentence', 'nobody']) expect(bytes.includes(piece)).toBe(false);
      expect((await lab.jumpbox.run('capinfos', [file], 20_000)).exitCode).toBe(0);
    }
    const pairs = await tshark(lab, sack);
    const at = pairs.findIndex(({ comments }) => comments.includes('sack-out-of-window'));
    const [original, delivered] = [pairs[at], pairs[at + 1]];
    expect(original?.comments).toMatch(/seqshim: delivered with sack \d+:\d+ -> none/);
    expect(delivered?.comments).toMatch(/delivered in place of the packet before \(sack-out-of-/);
    expect([original?.isDelivered, delivered?.isDelivered]).toEqual([false, true]);
    expect([delivered?.seq, delivered?.ack]).toEqual([original?.seq, original?.ack]);

    const diagnosed = await cli(lab, ['diagnose', '--json', conflict, sack]);
    const { findings } = JSON.parse(diagnosed.stdout) as { findings: { code: string }[] };
    const codes = new Set(findings.map(({ code }) => code));
    expect([...codes]).toEqual(
      expect.arrayContaining(['synack-conflict', 'rst-refuted', 'sack-out-of-window']),
    );
    // That packets are not there, and that sums are unfinished, is the recorder's doing.
    expect([...codes].filter((code) => /idle|half|storm|stall|jump|checksum/.test(code))).toEqual(
      [],
    );
    // Nothing runs any more: there is a page, and no verdict.
    expect(await cli(lab, report)).toMatchObject({ exitCode: 3, stdout: '' });
    const text = readFileSync(page, 'utf8');
    for (const file of files) expect(text).toContain(file);
    expect(text).toContain('seqshim: synack-dropped because of synack-conflict');
    expect(text).toContain('seqshim: sack-withheld');
  });
});

it('costs nothing but evidence where the disk is full', async () => {
  await withLab((lab) =>
    withFault(lab, scenarioByName('double-endpoint').fault, async () => {
      const dir = join(lab.dir, 'run', 'evidence');
      mkdirSync(dir, { recursive: true });
      const small = `mount -t tmpfs -o size=${DISK_BYTES} tmpfs ${dir} && exec "$@"`;
      const shim = await ShimProcess.openIn(lab, ['unshare', '-m', 'sh', '-c', small, 'sh']);
      try {
        for (let i = 0; i < SESSIONS; i++) {
          expect(await speaks(lab), `session ${i}`).toBe(true);
          await pause(WRITTEN_MS);
        }
        const told = shim.lines().filter(({ msg }) => msg.startsWith('evidence'));
        expect(told).toMatchObject([{ level: 'warn', dir, because: 'ENOSPC' }]);
        expect(shim.status()['evidence']).toMatchObject({ recording: false, files: 1 });
        const [file = ''] = await evidenceFiles(`/proc/${shim.child.pid}/root${dir}`);
        const { frames, cutShort } = readCapture(readFileSync(file));
        expect(frames.length).toBeGreaterThan(10);
        expect(cutShort).toBe(false);
      } finally {
        await shim.stop();
      }
    }),
  );
});
