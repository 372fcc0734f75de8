/**
 * Our rules in this network namespace: installs them whole, changes the entries of single flows,
 * says whether they stand, removes them. Owns everything named seqshim in the firewall, nothing
 * else.
 *
 * What an older run left is replaced in the same transaction. What a colleague removed is not put
 * back: the caller asks `present` and goes to observe.
 */
import { detectFirewall, type Firewall } from './detect.ts';
import { type Outcome, run, runAsync } from './execute.ts';
import {
  type FlowChange,
  type FlowTuple,
  iptablesFlowText,
  iptablesText,
} from './print-iptables.ts';
import { nftFlowText, nftText } from './print-nft.ts';
import { removeScript } from './remove-script.ts';
import { CHAIN_RAW, NFT_TABLE, type RuleInput } from './rule-input.ts';

const RESTORE_ARGS = ['--noflush', '-w', '5'];
const PROGRAMS = { 4: 'iptables', 6: 'ip6tables' } as const;

export class RuleError extends Error {}

interface Waiting {
  readonly change: FlowChange;
  readonly resolve: (ok: boolean) => void;
}

export class RuleBook {
  readonly backend: 'nft' | 'iptables';
  /** Why this backend. */
  readonly because: string;
  private readonly input: RuleInput;
  private readonly families: readonly (4 | 6)[];
  private waiting: Waiting[] = [];
  private turn: Promise<void> = Promise.resolve();

  constructor(input: RuleInput, firewall: 'auto' | 'nft' | 'iptables') {
    const found: Firewall = detectFirewall(firewall, input.queueNum);
    if (found.backend === undefined) throw new RuleError(found.because);
    this.backend = found.backend;
    this.because = found.because;
    this.families = found.families;
    this.input = input;
  }

  install(): void {
    clean(this.input.version);
    if (this.backend === 'nft') {
      this.demand(run('nft', ['-f', '-'], nftText(this.input)));
      return;
    }
    for (const family of this.families) {
      const text = iptablesText(this.input, family);
      this.demand(run(`${PROGRAMS[family]}-restore`, RESTORE_ARGS, text));
    }
  }

  private demand(outcome: Outcome): void {
    if (outcome.ok) return;
    const line = outcome.stderr.trim().split('\n')[0] ?? '';
    clean(this.input.version);
    throw new RuleError(`Cannot install rules with ${this.backend}: ${line}. Run: seqshim check`);
  }

  /** Selects a flow before conntrack, without bypass. Resolves when the entry stands. */
  addFlow(flow: FlowTuple): Promise<boolean> {
    return this.change({ add: true, flow });
  }

  delFlow(flow: FlowTuple): Promise<boolean> {
    return this.change({ add: false, flow });
  }

  /** Changes asked for in one turn of the event loop share one transaction. */
  private change(change: FlowChange): Promise<boolean> {
    return new Promise((resolve) => {
      this.waiting.push({ change, resolve });
      if (this.waiting.length > 1) return;
      this.turn = this.turn.then(() => this.apply());
    });
  }

  private async apply(): Promise<void> {
    const batch = this.waiting;
    this.waiting = [];
    if (await this.applyAll(batch.map((entry) => entry.change))) {
      for (const entry of batch) entry.resolve(true);
      return;
    }
    // One bad entry fails its transaction: each by itself, so that it fails alone.
    for (const entry of batch) {
      entry.resolve(batch.length > 1 && (await this.applyAll([entry.change])));
    }
  }

  private async applyAll(changes: readonly FlowChange[]): Promise<boolean> {
    if (this.backend === 'nft')
      return (await runAsync('nft', ['-f', '-'], nftFlowText(changes))).ok;
    let ok = true;
    for (const family of this.families) {
      const own = changes.filter((change) => change.flow.family === family);
      if (own.length === 0) continue;
      const text = iptablesFlowText(this.input, own);
      ok = (await runAsync(`${PROGRAMS[family]}-restore`, RESTORE_ARGS, text)).ok && ok;
    }
    return ok;
  }

  /** Do the rules still stand? */
  present(): boolean {
    if (this.backend === 'nft') return run('nft', ['list', 'table', 'inet', NFT_TABLE]).ok;
    return run('iptables', ['-w', '5', '-t', 'raw', '-S', CHAIN_RAW]).ok;
  }

  remove(): boolean {
    return clean(this.input.version);
  }
}

/** Removes everything of ours, of both backends; true when nothing remains. */
export function clean(version: string): boolean {
  return run('sh', ['-s'], removeScript(version)).ok;
}
