/**
 * Where packet scripts meet the kernel: a namespace with the sockets, and where it is asked for
 * seqshim on its hooks; and one behind a cable for the far ends, which has no address of theirs, so
 * that nobody but the script answers. Owns both namespaces.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { address, link, route } from '../cable.ts';
import { distFile } from '../dist-file.ts';
import { removeAbandoned } from '../lab.ts';
import { Namespace } from '../namespace.ts';
import { ShimProcess } from '../shim-process.ts';
import { SERVER_PORT } from './ports.ts';
import type { Job } from './run-live.ts';
import type { Outcome } from './script-run.ts';
import { FAR_NETWORK, NEAR_NETWORK } from './sides.ts';

const RUN_LIMIT_MS = 120_000;
/** Far above what a busy machine adds to the times of a script. */
const RTO_MIN = '1s';
const SYSCTLS = [
  // A probe of the tail would come at times that depend on the round trip.
  'net.ipv4.tcp_early_retrans=0',
  'net.ipv4.tcp_no_metrics_save=1',
  // Otherwise the window scale would depend on how much memory the machine has: this makes it 7.
  'net.ipv4.tcp_rmem=4096 131072 6291456',
  'net.ipv6.ip_nonlocal_bind=1',
];

const labs = new Set<ScriptLab>();
let labCount = 0;
process.on('exit', () => {
  for (const lab of labs) lab.closeNow();
});

export class ScriptLab {
  readonly near: Namespace;
  shim: ShimProcess | undefined;
  private readonly far: Namespace;
  private readonly dir = mkdtempSync(join(tmpdir(), 'seqshim-scripts-'));

  private constructor() {
    // A form that `removeAbandoned` knows.
    const prefix = `ssl${process.pid}-${9000 + labCount++}`;
    labs.add(this);
    this.near = new Namespace(`${prefix}-near`);
    this.far = new Namespace(`${prefix}-far`);
  }

  /** `shim`: options of a seqshim on the hooks of the near end, or none. */
  static async open(shim?: readonly string[]): Promise<ScriptLab> {
    removeAbandoned();
    const lab = new ScriptLab();
    try {
      lab.cable();
      if (shim !== undefined) lab.shim = await lab.startShim(shim);
    } catch (error) {
      await lab.close();
      throw error;
    }
    return lab;
  }

  async run(jobs: readonly Job[]): Promise<Outcome[]> {
    const args = [distFile('packet-script.js'), `/run/netns/${this.far.name}`];
    const program = process.execPath;
    const done = await this.near.run(program, args, RUN_LIMIT_MS, JSON.stringify(jobs));
    if (done.exitCode !== 0) throw new Error(`the scripts did not run: ${done.stderr}`);
    return JSON.parse(done.stdout) as Outcome[];
  }

  async close(): Promise<void> {
    await this.shim?.stop();
    await Promise.all([this.near.close(), this.far.close()]);
    this.forget();
  }

  closeNow(): void {
    for (const namespace of [this.near, this.far]) namespace.closeNow();
    this.forget();
  }

  private cable(): void {
    const { near, far } = this;
    link(near, 'wire', far, 'wire');
    address(near, 'wire', '10.96.0.1/24', 'fd96::1/64');
    address(far, 'wire', '10.96.0.2/24', 'fd96::2/64');
    for (const [family, nearVia, farVia] of [
      [4, '10.96.0.1', '10.96.0.2'],
      [6, 'fd96::1', 'fd96::2'],
    ] as const) {
      const words = [`-${family}`, 'route', 'add'];
      near.call('ip', [...words, 'local', NEAR_NETWORK[family], 'dev', 'lo']);
      near.call('ip', [...words, FAR_NETWORK[family], 'via', farVia, 'rto_min', RTO_MIN]);
      route(far, NEAR_NETWORK[family], nearVia);
      // An ICMPv6 error would end what has just begun.
      far.call('ip', [...words, 'blackhole', FAR_NETWORK[family]]);
    }
    introduce(near, far, ['10.96.0.2', 'fd96::2']);
    introduce(far, near, ['10.96.0.1', 'fd96::1']);
    // One segment a packet, as on the wire.
    near.call('ip', ['link', 'set', 'wire', 'gso_max_segs', '1']);
    near.call('sysctl', ['-qw', ...SYSCTLS]);
  }

  private startShim(options: readonly string[]): Promise<ShimProcess> {
    const targets = Object.values(FAR_NETWORK).join(',');
    const own = ['--target', targets, '--port', String(SERVER_PORT), '--direction', 'both'];
    return ShimProcess.on(this.near, join(this.dir, 'run'), [...own, ...options]);
  }

  private forget(): void {
    rmSync(this.dir, { recursive: true, force: true });
    labs.delete(this);
  }
}

/** Nobody has to ask first: what a script sends while IPv6 still looks around would be lost. */
function introduce(to: Namespace, who: Namespace, addresses: readonly string[]): void {
  const link = JSON.parse(who.call('ip', ['-j', 'link', 'show', 'wire'])) as { address: string }[];
  for (const one of addresses) {
    const words = ['neigh', 'replace', one, 'lladdr', link[0]?.address ?? '', 'dev', 'wire'];
    to.call('ip', [...words, 'nud', 'permanent']);
  }
}
