/** Starts and stops the faulty firewall of a lab: its process and its FORWARD rules. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { distFile } from './dist-file.ts';
import type { CompositionInput } from './firewall/behaviour.ts';
import { type Command, FAULT_DEFAULT, type Fault, queuesEverything } from './firewall/fault.ts';
import type { Lab } from './lab.ts';
import { collect, hasEnded } from './namespace.ts';

const READY_MS = 5000;
const MTU_USUAL = 1500;

/** Any lab with a firewall. */
type Walled = Pick<Lab, 'firewall'>;

export class FaultyPath {
  private readonly lab: Walled;
  private readonly child: ChildProcess | undefined;
  private readonly output;

  private constructor(lab: Walled, child: ChildProcess | undefined) {
    this.lab = lab;
    this.child = child;
    this.output = child === undefined ? { stdout: '', stderr: '' } : collect(child);
  }

  static open(lab: Walled, given: Partial<Fault> | CompositionInput): Promise<FaultyPath> {
    if ('behaviours' in given) return FaultyPath.compose(lab, given);
    return FaultyPath.openFault(lab, given);
  }

  /** All TCP goes through the chain, and the path with it. */
  private static async compose(lab: Walled, given: CompositionInput): Promise<FaultyPath> {
    const { queueNum = FAULT_DEFAULT.queueNum } = given;
    return FaultyPath.start(lab, JSON.stringify(given), queueNum, []);
  }

  private static async openFault(lab: Walled, given: Partial<Fault>): Promise<FaultyPath> {
    const fault: Fault = { ...FAULT_DEFAULT, ...given };
    if (fault.mtu > 0) setServerMtu(lab, fault.mtu);
    if (fault.kind === 'healthy' && !queuesEverything(fault)) return new FaultyPath(lab, undefined);
    const match = queuesEverything(fault) ? [] : ['--syn'];
    return FaultyPath.start(lab, JSON.stringify(fault), fault.queueNum, match);
  }

  private static async start(
    lab: Walled,
    told: string,
    queueNum: number,
    match: readonly string[],
  ): Promise<FaultyPath> {
    const child = lab.firewall.start(process.execPath, [distFile('firewall.js'), told]);
    const path = new FaultyPath(lab, child);
    await path.waitFor('ready');
    for (const program of ['iptables', 'ip6tables']) {
      const target = ['-j', 'NFQUEUE', '--queue-num', String(queueNum)];
      lab.firewall.call(program, ['-A', 'FORWARD', '-p', 'tcp', ...match, ...target]);
    }
    return path;
  }

  private async waitFor(word: string): Promise<void> {
    for (let waited = 0; waited < READY_MS; waited += 10) {
      if (this.output.stdout.includes(word)) return;
      if (this.child?.exitCode !== null) break;
      await pause(10);
    }
    throw new Error(`the faulty firewall did not start: ${this.output.stderr}`);
  }

  /** Does it to every connection that the firewall knows, and returns how many those are. */
  async tell(command: Command): Promise<number> {
    this.output.stdout = '';
    this.child?.stdin?.write(`${JSON.stringify(command)}\n`);
    await this.waitFor('done');
    return Number(/done (\d+)/.exec(this.output.stdout)?.[1]);
  }

  async close(): Promise<void> {
    for (const program of ['iptables', 'ip6tables']) {
      this.lab.firewall.call(program, ['-F', 'FORWARD']);
    }
    setServerMtu(this.lab, MTU_USUAL);
    if (this.child === undefined || hasEnded(this.child)) return;
    this.child.kill('SIGTERM');
    await once(this.child, 'exit');
  }
}

function setServerMtu(lab: Walled, octets: number): void {
  lab.firewall.call('ip', ['link', 'set', 'f1', 'mtu', String(octets)]);
}
