/**
 * Our rules in this network namespace: installs them whole, changes the entries of single flows,
 * says whether they stand, removes them. Owns everything named seqshim in the firewall, nothing
 * else.
 *
 * What an older run left is replaced in the same transaction. What a colleague removed is not put
 * back: changes fail then, and the caller looks (`look`) and lets it be. What somebody's reload
 * took along is (`reinstall`), with the entries of the flows in hand.
 */
import type { FlowAddress } from '../../telemetry/flow-address.ts';
import { type Bypassed, readBypassed } from './bypass-counters.ts';
import { clean } from './clean.ts';
import {
  type Backend,
  detectFirewall,
  type Firewall,
  type FirewallChoice,
  RESTORE,
  RESTORE_ARGS,
  SAVE,
} from './detect.ts';
import { firstLine, type Outcome, run, runAsync, runOnce } from './execute.ts';
import type { FlowChange } from './flow-change.ts';
import type { FoundFirewall } from './found-firewall.ts';
import { findLeftovers } from './leftovers.ts';
import { describeConflict, findConnmarkUsers, findMarkConflicts } from './mark-conflicts.ts';
import { iptablesFlowText } from './print-iptables.ts';
import { nftFlowText } from './print-nft.ts';
import { findEraser } from './repeat-safety.ts';
import {
  iptablesExchange,
  iptablesReplacement,
  nftExchange,
  nftReplacement,
  swapRules,
  withStrays,
} from './replacement.ts';
import { CHAIN_SETTLE, NFT_TABLE, type RuleInput } from './rule-input.ts';
import { type Look, lookAtRules, missingTables, servesIptables, servesNft } from './rule-look.ts';

const LIST_TABLE = ['list', 'table', 'inet', NFT_TABLE] as const;

/** One line for the operator: what cannot be done, and what to do. */
export class RuleError extends Error {}

interface Waiting {
  readonly change: FlowChange;
  readonly resolve: (ok: boolean) => void;
}

export class RuleBook implements FoundFirewall {
  readonly backend: Backend;
  /** Why this backend. */
  readonly because: string;
  readonly families: readonly (4 | 6)[];
  /**
   * The bit for NF_REPEAT verdicts, after which the rules behind our jump run. 0: answer NF_ACCEPT,
   * because nft's chains are our own, or because a rule before our jump would erase the bit.
   */
  readonly repeatMark: number;
  /** Why connections are not marked although that was asked for; empty: they are, or not asked. */
  readonly fullBecause: string;
  private input: RuleInput;
  /** For the questions of a start. */
  private readonly ask = runOnce();
  /** Flows that have entries of their own, by `flowKey`. */
  private readonly flows = new Map<string, FlowAddress>();
  /** What the counters had reached when rules were replaced. */
  private bypassedBefore = { packets: 0, octets: 0 };
  /** Odd while rules are being replaced. */
  private swaps = 0;
  private waiting: Waiting[] = [];
  private turn: Promise<void> = Promise.resolve();

  /** `known`: what an older run of this boot has found out for the same input and choice. */
  constructor(input: RuleInput, firewall: FirewallChoice, known?: FoundFirewall) {
    const plain = { ...input, settledBypass: false };
    if (known !== undefined) {
      ({ backend: this.backend, because: this.because, families: this.families } = known);
      ({ repeatMark: this.repeatMark, fullBecause: this.fullBecause } = known);
      this.input = known.fullBecause === '' ? input : plain;
      return;
    }
    const marking = input.settledBypass === true;
    const wanted = marking ? detectFirewall(firewall, input) : undefined;
    const found: Firewall =
      wanted?.backend === undefined || (firewall === 'auto' && wanted.families.length < 2)
        ? detectFirewall(firewall, plain)
        : wanted;
    if (found.backend === undefined) throw new RuleError(found.because);
    this.backend = found.backend;
    this.because = found.because;
    this.families = found.families;
    this.input = plain;
    this.demandMarks();
    const erased = this.backend === 'iptables' && !this.mayRepeat();
    this.repeatMark = erased || this.backend === 'nft' ? 0 : input.marks.bypass;
    this.fullBecause = marking ? this.whyFull(wanted, erased) : '';
    if (marking && this.fullBecause === '') this.input = input;
    this.demandTargets(input);
  }

  private demandTargets({ targets }: RuleInput): void {
    if (targets.some((target) => this.families.includes(target.family))) return;
    throw new RuleError(`Cannot select the targets: ${this.because}. Name an IPv4 target`);
  }

  /** Puts the rules in, in place of older ones, with `flows` of an older run; all or none. */
  install(flows: readonly FlowAddress[] = []): void {
    const input = withStrays(this.input, flows);
    if (this.backend === 'nft') this.installNft(nftReplacement(input, flows));
    else this.installIptables(input, flows);
    if (!this.present()) {
      this.remove();
      throw new RuleError(`Cannot install rules: ${this.backend} took them, but they do not stand`);
    }
    this.hold(flows);
  }

  private hold(flows: readonly FlowAddress[]): void {
    this.flows.clear();
    for (const flow of flows) this.flows.set(flowKey(flow), flow);
  }

  private installIptables(input: RuleInput, flows: readonly FlowAddress[]): void {
    for (const family of this.families) {
      const saved = run(SAVE[family], []).stdout;
      const text = iptablesReplacement(input, flows, family, saved);
      this.demand(run(RESTORE[family], RESTORE_ARGS, text));
    }
    if (run('nft', ['list', 'table', 'inet', NFT_TABLE]).ok) {
      run('nft', ['delete', 'table', 'inet', NFT_TABLE]);
    }
  }

  /**
   * For rules that `seqshim up` owns: do they stand, and send packets to our queues? Of entries for
   * single flows those of `flows` stand afterwards, and no others.
   */
  adopt(flows: readonly FlowAddress[]): boolean {
    const look = runOnce();
    if (!this.present(look) || !this.serves(look) || !this.exchange(flows, look)) return false;
    this.hold(flows);
    return true;
  }

  private exchange(flows: readonly FlowAddress[], look: typeof run): boolean {
    if (this.backend === 'nft') return run('nft', ['-f', '-'], nftExchange(flows)).ok;
    return this.families.every((family) => {
      const text = iptablesExchange(this.input, flows, family, look(SAVE[family], []).stdout);
      return text === '' || run(RESTORE[family], RESTORE_ARGS, text).ok;
    });
  }

  /** What other queues get, we would never see. */
  serves(look = run): boolean {
    if (this.backend === 'nft') return servesNft(this.input, look('nft', LIST_TABLE).stdout);
    return this.families.every((family) =>
      servesIptables(this.input, look(SAVE[family], []).stdout),
    );
  }

  private whyFull(wanted: Firewall | undefined, erased: boolean): string {
    if (wanted?.backend !== this.backend || wanted.families.length < this.families.length) {
      return `${this.backend} cannot mark connections here (${wanted?.because ?? ''})`;
    }
    if (erased) return 'a rule before ours sets the whole packet mark';
    const [user] = findConnmarkUsers(this.input.marks.bypass, this.ask);
    return user === undefined ? '' : `"${user.source}" has "${user.rule}", which uses our bit`;
  }

  private demandMarks(): void {
    const bits = this.input.marks.bypass | this.input.marks.inject;
    const [conflict] = findMarkConflicts(bits, this.ask);
    if (conflict !== undefined) throw new RuleError(describeConflict(conflict, bits));
  }

  private mayRepeat(): boolean {
    const { bypass } = this.input.marks;
    return this.families.every((family) => {
      return findEraser(this.ask(SAVE[family], []).stdout, bypass) === undefined;
    });
  }

  private demand(outcome: Outcome): void {
    if (outcome.ok) return;
    const line = firstLine(outcome);
    this.remove();
    throw new RuleError(`Cannot install rules with ${this.backend}: ${line}. Run: seqshim check`);
  }

  /** Rules of an earlier run with the other firewall: a packet must not be queued twice. */
  private installNft(text: string): void {
    this.demand(run('nft', ['-f', '-'], text));
    const saved = [SAVE[4], SAVE[6]].map((file) => run(file, []).stdout);
    if (saved.some((rules) => findLeftovers(rules).size > 0)) {
      clean(this.input.version);
      this.demand(run('nft', ['-f', '-'], text));
    }
  }

  /** Selects a flow before conntrack, without bypass. Resolves when the entry stands. */
  addFlow(flow: FlowAddress): Promise<boolean> {
    return this.change({ add: true, flow });
  }

  delFlow(flow: FlowAddress): Promise<boolean> {
    return this.change({ add: false, flow });
  }

  /** Changes asked for while one is under way share the next transaction. */
  private change(change: FlowChange): Promise<boolean> {
    if (!this.families.includes(change.flow.family)) return Promise.resolve(false);
    return new Promise((resolve) => {
      this.waiting.push({ change, resolve });
      if (this.waiting.length > 1) return;
      this.turn = this.turn.then(() => this.apply());
    });
  }

  /**
   * Other rules in place of those that stand, all of them or none: the entries of flows under
   * repair stay. Where none stand (somebody removed them) none are put in.
   */
  async replace(input: RuleInput, stand: boolean): Promise<void> {
    this.demandTargets(input);
    const settledBypass = this.input.settledBypass === true;
    const done = this.turn.then(async () => {
      const next = { ...input, settledBypass };
      this.swaps++;
      try {
        // Asked again: they may have been removed since anybody looked.
        if (stand && !((await this.lookNow())?.missing.length ?? 0)) await this.swap(next);
        this.input = next;
      } finally {
        this.swaps++;
      }
    });
    this.turn = done.catch(() => {});
    await done;
  }

  private async swap(next: RuleInput): Promise<void> {
    const counted = await this.bypassed();
    const outcome = await swapRules(this, this.input, next, [...this.flows.values()]);
    if (!outcome.ok) {
      throw new RuleError(`Cannot replace rules with ${this.backend}: ${firstLine(outcome)}`);
    }
    this.bypassedBefore = counted ?? this.bypassedBefore;
  }

  private async apply(): Promise<void> {
    const batch = this.waiting;
    this.waiting = [];
    for (const { change } of batch) if (!change.add) this.flows.delete(flowKey(change.flow));
    const all = await this.commit(batch.map((entry) => entry.change));
    for (const { change, resolve } of batch) {
      // One bad entry fails its transaction: each by itself, so that it fails alone.
      resolve(all || (batch.length > 1 && (await this.commit([change]))));
    }
  }

  private async commit(changes: readonly FlowChange[]): Promise<boolean> {
    const done = await this.commitText(changes);
    for (const { add, flow } of done ? changes : []) {
      if (add) this.flows.set(flowKey(flow), flow);
    }
    return done;
  }

  private async commitText(changes: readonly FlowChange[]): Promise<boolean> {
    if (this.backend === 'nft') {
      return (await runAsync('nft', ['-f', '-'], nftFlowText(changes))).ok;
    }
    for (const family of this.families) {
      const own = changes.filter((change) => change.flow.family === family);
      if (own.length === 0) continue;
      const text = iptablesFlowText(this.input, own);
      if (!(await runAsync(RESTORE[family], RESTORE_ARGS, text)).ok) return false;
    }
    return true;
  }

  /** Do the rules that stand mark settled connections? Those of `up --inspect full` do not. */
  marksConnections(): boolean {
    if (this.backend === 'nft') return /ct mark set/.test(run('nft', LIST_TABLE).stdout);
    return this.families.every((family) => run(SAVE[family], []).stdout.includes(CHAIN_SETTLE));
  }

  /**
   * Packets and octets that settled connections have kept in the kernel since the rules were put
   * in; undefined where they cannot be read. Not blocking.
   */
  async bypassed(): Promise<Bypassed | undefined> {
    if (!this.input.settledBypass) return undefined;
    const { packets, octets } = await readBypassed(this.backend, this.families);
    const before = this.bypassedBefore;
    return { packets: packets + before.packets, octets: octets + before.octets };
  }

  /** Do the rules still stand, every jump to them included? */
  present(look = run): boolean {
    if (this.backend === 'nft') return look('nft', LIST_TABLE).ok;
    return this.families.every((family) => {
      return missingTables(this.input, family, look(SAVE[family], []).stdout).length === 0;
    });
  }

  /**
   * The same without blocking, and more of it; undefined where it cannot be told now, because
   * others, or we, change rules.
   */
  async look(): Promise<Look | undefined> {
    const { swaps } = this;
    const look = await this.lookNow();
    return swaps === this.swaps && swaps % 2 === 0 ? look : undefined;
  }

  private lookNow(): Promise<Look | undefined> {
    const flows = () => [...this.flows.values()];
    return lookAtRules(this.backend, this.families, this.input, flows);
  }

  /** Everything again, unless what stands there now forbids it: then it throws. */
  reinstall(): Promise<void> {
    const done = this.turn.then(async () => {
      this.demandMarks();
      if (this.repeatMark !== 0 && !this.mayRepeat()) {
        throw new RuleError('Cannot install rules: a rule before ours sets the whole packet mark');
      }
      this.install([...this.flows.values()]);
    });
    this.turn = done.catch(() => {});
    return done;
  }

  /** Removes everything of ours, whoever installed it; true when nothing remains. */
  remove(): boolean {
    return clean(this.input.version).ok;
  }
}

function flowKey({ nearAddr, nearPort, farAddr, farPort }: FlowAddress): string {
  return `${nearAddr} ${nearPort} ${farAddr} ${farPort}`;
}
