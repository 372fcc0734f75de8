/**
 * The main thread's side of `--translate kernel`: whether conntrack can translate here, which
 * connections it does, and when their entries go.
 *
 * Owns its netlink socket and the list of entries that are ours: made by this run, or left by an
 * older one, which are always recognised, whatever `--translate` says now; on a gateway also those
 * that came from another one (`systemd/ha`). Writes the policy word that lets the engine ask. An
 * entry goes 65 s after its connection (what the far end may still send must not meet unshifted
 * numbers), or at once when the engine says so. Times: ms.
 */
import type { Logger } from 'pino';
import { type Config, MARK_BYPASS } from '../../config/config.ts';
import { STAT_KERNEL_RETRIED } from '../../engine/codes.ts';
import { IDLE_ENDED_TRANSLATED_MS, IDLE_ESTABLISHED_MS } from '../../engine/limits.ts';
import { type EngineMemory, POLICY_KERNEL } from '../../engine/memory.ts';
import { endpoint } from '../../telemetry/event-log.ts';
import type { FlowAddress } from '../../telemetry/flow-address.ts';
import type { Adoption } from '../nfqueue/adoption.ts';
import type { RuleBook } from '../rules/rule-book.ts';
import type { SockDiag } from '../sock-diag.ts';
import { Ctnetlink } from './ctnetlink.ts';
import { hasNoSocket, isClosed, isEnded, isLocal } from './ended.ts';
import { type Entry, whyRefused } from './entry.ts';
import { canExchange, exchange, renew, TIMEOUT_S_MIN } from './exchange.ts';
import { KEEP_CHAIN, keepRuleStands, keepTracking } from './keep-rule.ts';
import { waitForLastOne } from './last-one.ts';
import { findSurvivors, tidySurvivors } from './survivors.ts';

const RENEW_LOOK_MS = 3_600_000;
/** A forwarded connection that the engine saw nothing of so lately is not renewed. */
const QUIET_MS = 2 * IDLE_ESTABLISHED_MS;

interface Held {
  readonly flow: FlowAddress;
  /** Its near end is this machine. */
  readonly local: boolean;
  /** Not moved by this run: whether its connection carries our mark. */
  readonly marked: boolean | undefined;
  /** When its end was first seen, -1: it lives. */
  goneMs: number;
  lookMs: number;
  /** When the engine last let go of it for its silence, -1: never. */
  readonly quietMs: number;
}

interface Adopter {
  adopt(told: Adoption): void;
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
  private engine: Adopter | undefined;
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
    if (!canExchange(this.conntrack)) return 'the kernel has no nf_conntrack_netlink';
    if (this.config.rules) return keepTracking(rules.backend, rules.families);
    return keepRuleStands() ? '' : 'the rules were put in by `seqshim up --translate user`';
  }

  /** Those that an older run has left: the engine is told that they are taken. */
  adopt(engine: Adopter): void {
    this.engine = engine;
    const kept = keepRuleStands();
    if (!kept && this.translate === 'user') return;
    this.adoptStrangers();
    if (this.held.size === 0) {
      if (this.translate === 'user') tidySurvivors(this.config.rules);
      return;
    }
    this.log.info({ count: this.held.size }, 'the kernel translates connections of an older run');
  }

  /** Every second: of two gateways the other one moves connections at any time. */
  lookForStrangers(): void {
    if (this.config.hooks.includes('gateway') && this.translate === 'kernel') this.adoptStrangers();
  }

  /** What conntrack shifts and nobody here moved. Its mark changes with what is settled there. */
  private adoptStrangers(): void {
    for (const { flow, entry } of findSurvivors(this.conntrack)) {
      const held = this.held.get(nameOf(flow));
      const marked = (entry.mark & MARK_BYPASS) !== 0;
      if (held !== undefined && (held.marked ?? marked) === marked) continue;
      this.take(flow, entry, marked, held?.quietMs ?? -1);
    }
  }

  private take(flow: FlowAddress, entry: Entry, marked: boolean, quietMs: number): void {
    const known = this.held.get(nameOf(flow));
    this.hold(flow, known?.local ?? isLocal(flow.nearAddr), marked, quietMs);
    this.engine?.adopt({ flow, delta: -entry.replyOffset | 0, marked });
  }

  /** REFUSED_*, or 0: from now on conntrack translates the flow. */
  move(flow: FlowAddress, delta: number): number {
    const { refused, retries } = exchange(this.conntrack, flow, -delta | 0);
    this.counters[STAT_KERNEL_RETRIED] = (this.counters[STAT_KERNEL_RETRIED] ?? 0) + retries;
    if (refused === 0) this.hold(flow, isLocal(flow.nearAddr));
    else this.log.info({ flow: nameOf(flow), because: whyRefused(refused) }, 'seqshim translates');
    return refused;
  }

  /**
   * The engine has let go of the flow. One that lives all the same goes on; of a forwarded one only
   * the engine could see its end, and it has to know the flow again when that speaks.
   */
  release(flow: FlowAddress, ended: boolean): void {
    const held = this.held.get(nameOf(flow));
    if (held === undefined) return;
    const { local } = held;
    const entry = this.conntrack.get(flow);
    const over = local ? hasNoSocket(this.sockets, flow) : ended || isClosed(entry);
    if (over || entry === undefined) this.end(flow, entry);
    else if (!local) this.takeAgain(flow, entry);
  }

  holds(flow: FlowAddress): boolean {
    return this.held.has(nameOf(flow));
  }

  /** Of several queues most never see it: their silence means nothing. */
  private takeAgain(flow: FlowAddress, entry: Entry): void {
    const quietMs = this.config.queueCount > 1 ? -1 : performance.now();
    this.take(flow, entry, (entry.mark & MARK_BYPASS) !== 0, quietMs);
  }

  private hold(flow: FlowAddress, local: boolean, marked?: boolean, quietMs = -1): void {
    const lookMs = performance.now() + RENEW_LOOK_MS;
    this.held.set(nameOf(flow), { flow, local, marked, goneMs: -1, lookMs, quietMs });
  }

  private end(flow: FlowAddress, entry: Entry | undefined): void {
    if (entry !== undefined && entry.replyOffset !== 0) this.conntrack.delete(flow, entry);
    this.held.delete(nameOf(flow));
  }

  /** Every few seconds. */
  sweep(): void {
    const nowMs = performance.now();
    for (const held of this.held.values()) {
      if (!isEnded(this.conntrack, this.sockets, held.flow, held.local)) held.goneMs = -1;
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
    else if (entry.timeoutS < TIMEOUT_S_MIN / 2 && !isQuiet(held, nowMs)) {
      renew(this.conntrack, held.flow, entry);
    }
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

/** Of two gateways the one that a connection goes through renews it. */
function isQuiet({ quietMs }: Held, nowMs: number): boolean {
  return quietMs >= 0 && nowMs - quietMs < QUIET_MS;
}

function nameOf(flow: FlowAddress): string {
  return `${endpoint(flow.nearAddr, flow.nearPort)} > ${endpoint(flow.farAddr, flow.farPort)}`;
}
