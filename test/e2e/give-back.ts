/**
 * What rewriting packets in userspace costs on this machine, whoever does it: a C program that
 * gives each packet of a transfer back whole. Owns the program, its rules, a scratch directory.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { BULK_PORT, type Lab } from '../../src/testbed/lab.ts';
import { collect } from '../../src/testbed/namespace.ts';

const SOURCE = fileURLToPath(new URL('./give-back.c', import.meta.url));
const QUEUE = '93';
const READY_MS = 5000;

/** While `work` runs, bulk transfers of this lab go through the program, and of no other. */
export async function withGiveBack<T>(lab: Lab, work: () => Promise<T>): Promise<T> {
  const scratch = mkdtempSync(join(tmpdir(), 'seqshim-give-back-'));
  const undo: (() => void)[] = [() => rmSync(scratch, { recursive: true })];
  try {
    const program = join(scratch, 'give-back');
    execFileSync('gcc', ['-O2', '-o', program, SOURCE, '-lnetfilter_queue', '-lmnl']);
    const child = lab.jumpbox.start(program, [QUEUE]);
    undo.unshift(() => void child.kill());
    const output = collect(child);
    for (let waited = 0; !output.stdout.includes('ready'); waited += 10) {
      if (waited > READY_MS) throw new Error(`give-back did not start: ${output.stderr}`);
      await pause(10);
    }
    for (const [chain, port] of [
      ['OUTPUT', '--dport'],
      ['INPUT', '--sport'],
    ] as const) {
      const match = ['-p', 'tcp', port, String(BULK_PORT)];
      const rule = [chain, ...match, '-j', 'NFQUEUE', '--queue-num', QUEUE, '--queue-bypass'];
      lab.jumpbox.call('iptables', ['-I', ...rule]);
      undo.unshift(() => void lab.jumpbox.call('iptables', ['-D', ...rule]));
    }
    return await work();
  } finally {
    for (const step of undo) step();
  }
}
