/** tcpdump on the client of a lab, from before the first packet to after the last. Times: ms. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Lab } from './lab.ts';
import { collect } from './namespace.ts';

const READY_MS = 10_000;
/** What comes after the end of an attempt has come by then. */
const SETTLES_MS = 300;
/** Headers, and enough of the data to see what it is. */
const SNAP_BYTES = 200;

export class ClientCapture {
  private readonly child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  /** `whole`: packets with all their data, without which no checksum can be judged. */
  static async open(lab: Lab, file: string, whole: boolean): Promise<ClientCapture> {
    // Else packets wait in the kernel's ring, a second long.
    const quick = ['-U', '--immediate-mode', '-B', '16384', '-s', whole ? '0' : String(SNAP_BYTES)];
    const args = ['-i', 'c0', ...quick, '-n', '-Z', 'root', '-w', file, 'tcp or icmp or icmp6'];
    const child = lab.jumpbox.start('tcpdump', args);
    const output = collect(child);
    for (let waited = 0; waited < READY_MS; waited += 10) {
      if (output.stderr.includes('listening on')) return new ClientCapture(child);
      if (child.exitCode !== null) break;
      await pause(10);
    }
    throw new Error(`tcpdump did not start: ${output.stderr.trim()}`);
  }

  async close(): Promise<void> {
    await pause(SETTLES_MS);
    if (this.child.exitCode !== null) return;
    this.child.kill('SIGINT');
    await once(this.child, 'close');
  }
}
