/**
 * Whether settled connections stay in the kernel here (`--inspect auto`), why not, and how much of
 * them has.
 *
 * Owns the questions to sockets. Writes the policy word that lets the engine settle flows, and the
 * counters that only the kernel's rules can count. What does not work is said once, and every
 * packet is inspected instead.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Config, MARK_BYPASS } from '../config/config.ts';
import { STAT_BYPASSED_OCTETS, STAT_BYPASSED_PACKETS } from '../engine/codes.ts';
import { LOAD_OCTETS } from '../engine/limits.ts';
import { type EngineMemory, POLICY_BYPASS } from '../engine/memory.ts';
import { clearConnectionMarks } from './connection-marks.ts';
import type { RuleBook } from './rules/rule-book.ts';
import { SockDiag } from './sock-diag.ts';

/** Reading the counters of the rules takes as long as the firewall's program needs. */
const COUNTERS_MS = 1000;

export class Settling {
  readonly sockets = new SockDiag();
  /** Why every packet is inspected although `auto` was asked for; empty: it is as asked. */
  fullBecause = '';
  private readonly config: Config;
  private readonly log: Logger;
  private readonly policy: Int32Array;
  private readonly counters: Float64Array;
  private rules: RuleBook | undefined;

  constructor(config: Config, log: Logger, memory: EngineMemory) {
    this.config = config;
    this.log = log;
    this.policy = new Int32Array(memory.policy);
    this.counters = new Float64Array(memory.counters);
  }

  get isOn(): boolean {
    return this.config.inspect === 'auto' && this.fullBecause === '';
  }

  get inspect(): 'auto' | 'full' {
    return this.isOn ? 'auto' : 'full';
  }

  /** Before the packet worker starts. */
  decide(rules: RuleBook): void {
    this.rules = rules;
    if (this.config.inspect === 'full') return;
    if (rules.fullBecause !== '') this.give(rules.fullBecause);
    // What is forwarded has no socket here.
    else if (this.config.hooks.includes('host') && !this.sockets.works()) {
      this.give('the kernel does not tell sockets apart (sock_diag)');
    }
  }

  /** Connections that an older run has settled are strangers to this one; behind us none is. */
  clearMarks(): void {
    if (this.config.inspect === 'full') return;
    const cleared = clearConnectionMarks(MARK_BYPASS);
    if (cleared > 0) this.log.debug({ cleared }, 'marks taken off connections');
  }

  /** The rules stand, or do not yet. Those of `seqshim up` need not be such as mark connections. */
  rulesStand(stand: boolean): void {
    if (!stand || !this.isOn) return;
    if (!this.config.rules && this.rules?.marksConnections() !== true) {
      this.give('the rules were put in by `seqshim up --inspect full`');
    }
    this.policy[POLICY_BYPASS] = this.isOn ? LOAD_OCTETS : 0;
  }

  private give(because: string): void {
    this.fullBecause = because;
    this.log.warn({ because }, 'every packet is inspected: settled connections get no bypass here');
  }

  /** Reads the rules' counters, unless that takes long: then those of the last time stand. */
  async count(): Promise<void> {
    await Promise.race([this.read(), pause(COUNTERS_MS, undefined, { ref: false })]);
  }

  private async read(): Promise<void> {
    const bypassed = await this.rules?.bypassed();
    if (bypassed === undefined) return;
    this.counters[STAT_BYPASSED_PACKETS] = bypassed.packets;
    this.counters[STAT_BYPASSED_OCTETS] = bypassed.octets;
  }

  close(): void {
    this.sockets.close();
  }
}
