/**
 * The main thread's side of `--translate kernel`: whether conntrack can translate here, which
 * connections it does, and when their entries go.
 *
 * Owns its netlink socket and the list of entries that are ours: made by this run, or left by an
 * older one, which are always recognised, whatever `--translate` says now. Writes the policy word
 * that lets the engine ask. An entry goes 65 s after its socket (what the far end may still send
 * must not meet unshifted numbers), or at once when the engine says so. Times: ms.
 */
import type { Logger } from 'pino';
import type { Config } from '../../config/config.ts';
import { STAT_KERNEL_RETRIED } from '../../engine/codes.ts';
import { IDLE_ENDED_TRANSLATED_MS } from '../../engine/limits.ts';
import { type EngineMemory, POLICY_KERNEL } from '../../engine/memory.ts';
import { endpoint } from '../../telemetry/event-log.ts';
import type { FlowAddress } from '../../telemetry/flow-address.ts';
import type { RuleBook } from '../rules/rule-book.ts';
import type { SockDiag } from '../sock-diag.ts';
import { Ctnetlink } from './ctnetlink.ts';
import { type Entry, whyRefused } from './entry.ts';
import { canExchange, exchange, renew, TIMEOUT_S_MIN } from './exchange.ts';
import { KEEP_CHAIN, keepRuleStands, keepTracking } from './keep-rule.ts';
import { waitForLastOne } from './last-one.ts';
import { findSurvivors, isGone, tidySurvivors } from './survivors.ts';

const RENEW_LOOK_MS = 3_600_000;

interface Held {
  readonly flow: FlowAddress;
  /** When its socket was first missed, -1: it lives. */
  goneMs: number;
  lookMs: number;
}

export class KernelTranslation {
  /** Why userspace translates although the kernel was asked for; empty: as asked. */
  userBecause = '';
  private readonly config: Config;
  private readonly log: Logger;
  private readonly sockets: SockDiag;
  private readonly policy: Int32Array;
  private readonly counters: Float64Array;
  private readonly conntrack = new Ctnetlink();
  private decided = false;
  private readonly held = new Map<string, Held>();

  constructor(config: Config, log: Logger, memory: EngineMemory, sockets: SockDiag) {
    this.sockets = sockets;
    this.config = config;
    this.log = log;
    this.policy = new Int32Array(memory.policy);
    this.counters = new Float64Array(memory.counters);
  }

  get translate(): 'kernel' | 'user' {
    return this.config.translate === 'kernel' && this.userBecause === '' ? 'kernel' : 'user';
  }

  /** For `status`. */
  get facts(): { translate: 'kernel' | 'user'; userBecause: string; kernelFlows: number } {
    const { translate, userBecause } = this;
    return { translate, userBecause, kernelFlows: this.held.size };
  }

  /** Before the packet worker starts. */
  decide(rules: RuleBook): void {
    this.decided = true;
    if (this.config.translate === 'user' || this.config.mode === 'observe') return;
    const because = this.whyNot(rules);
    if (because !== '') {
      this.userBecause = because;
      this.log.warn({ because }, 'seqshim translates: the kernel cannot do it here');
      return;
    }
    this.policy[POLICY_KERNEL] = 1;
  }

  private whyNot(rules: RuleBook): string {
    if (this.config.hooks.includes('gateway')) return 'with --hook gateway sockets cannot be asked';
    if (!canExchange(this.conntrack)) return 'the kernel has no nf_conntrack_netlink';
    if (this.config.rules) return keepTracking(rules.backend, rules.families);
    return keepRuleStands() ? '' : 'the rules were put in by `seqshim up --translate user`';
  }

  /** Those that an older run has left: the engine is told that they are taken. */
  adopt(engine: { adopt(flow: FlowAddress, delta: number): void }): void {
    const kept = keepRuleStands();
    if (!kept && this.translate === 'user') return;
    for (const { flow, entry } of findSurvivors(this.conntrack)) {
      this.hold(flow);
      engine.adopt(flow, -entry.replyOffset | 0);
    }
    if (this.held.size === 0) {
      if (this.translate === 'user') tidySurvivors(this.config.rules);
      return;
    }
    this.log.info({ count: this.held.size }, 'the kernel translates connections of an older run');
  }

  /** REFUSED_*, or 0: from now on conntrack translates the flow. */
  move(flow: FlowAddress, delta: number): number {
    const { refused, retries } = exchange(this.conntrack, flow, -delta | 0);
    this.counters[STAT_KERNEL_RETRIED] = (this.counters[STAT_KERNEL_RETRIED] ?? 0) + retries;
    if (refused === 0) this.hold(flow);
    else this.log.info({ flow: nameOf(flow), because: whyRefused(refused) }, 'seqshim translates');
    return refused;
  }

  /** The engine has let go of the flow. One that lives all the same goes on. */
  release(flow: FlowAddress): void {
    const entry = this.conntrack.get(flow);
    if (this.held.has(nameOf(flow)) && (entry === undefined || isGone(this.sockets, flow))) {
      this.end(flow, entry);
    }
  }

  holds(flow: FlowAddress): boolean {
    return this.held.has(nameOf(flow));
  }

  private hold(flow: FlowAddress): void {
    const lookMs = performance.now() + RENEW_LOOK_MS;
    this.held.set(nameOf(flow), { flow, goneMs: -1, lookMs });
  }

  private end(flow: FlowAddress, entry: Entry | undefined): void {
    if (entry !== undefined && entry.replyOffset !== 0) this.conntrack.delete(flow, entry);
    this.held.delete(nameOf(flow));
  }

  /** Every few seconds. */
  sweep(): void {
    const nowMs = performance.now();
    for (const held of this.held.values()) {
      if (!isGone(this.sockets, held.flow)) held.goneMs = -1;
      else if (held.goneMs < 0) held.goneMs = nowMs;
      const over = held.goneMs >= 0 && nowMs - held.goneMs >= IDLE_ENDED_TRANSLATED_MS;
      if (over) this.end(held.flow, this.conntrack.get(held.flow));
      else if (nowMs >= held.lookMs) this.look(held, nowMs);
    }
  }

  private look(held: Held, nowMs: number): void {
    held.lookMs = nowMs + RENEW_LOOK_MS;
    const entry = this.conntrack.get(held.flow);
    if (entry === undefined || entry.replyOffset === 0) this.held.delete(nameOf(held.flow));
    else if (entry.timeoutS < TIMEOUT_S_MIN / 2) renew(this.conntrack, held.flow, entry);
  }

  /** When everything else of ours has gone: what lives on, and the rule that it needs. */
  close(): void {
    this.conntrack.close();
    if (!this.decided || (this.held.size === 0 && this.translate === 'user')) return;
    this.decided = false;
    const flows = tidySurvivors(this.config.rules);
    if (flows === 0) return;
    if (this.config.rules) waitForLastOne();
    const rule = KEEP_CHAIN;
    this.log.info({ flows, rule }, 'connections that the kernel translates live on');
  }
}

function nameOf(flow: FlowAddress): string {
  return `${endpoint(flow.nearAddr, flow.nearPort)} > ${endpoint(flow.farAddr, flow.farPort)}`;
}
