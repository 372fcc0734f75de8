/**
 * Faults as data: what a world suffers, written down so that it can be printed, made smaller and
 * told to another thread; and the one place that makes faults of it. Times: virtual microseconds.
 */
import { ConflictFault, type ConflictPlan } from './conflict-fault.ts';
import { DropFault } from './drop-fault.ts';
import { type ForgedReset, ForgeryFault } from './forgery-fault.ts';
import { IdleFault, type IdlePlan } from './idle-fault.ts';
import { type Jump, JumpFault } from './jump-fault.ts';
import type { Fault, Offsets } from './middlebox.ts';
import { ACK, type Packet } from './packet.ts';
import { PhantomFault, type PhantomPlan } from './phantom-fault.ts';
import { SackBlindFault } from './sack-blind-fault.ts';
import { StrippedOptionFault, type SynOption } from './stripped-option-fault.ts';

/** Every fault kind that a swarm may switch off; `twin` is a server, not a box in the path. */
export const FAULT_KINDS = [
  'conflict',
  'phantom',
  'forgery',
  'blind',
  'twin',
  'sack-blind',
  'jump',
  'idle',
  'stripped-option',
  'drop',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** The bare ACKs of one client port that are lost, counted in the direction from 0. */
export interface DropPlan {
  readonly clientPort: number;
  readonly toServer: boolean;
  readonly ackIndexes: readonly number[];
}

export type FaultPlan =
  | { readonly kind: 'conflict'; readonly conflict: ConflictPlan }
  | { readonly kind: 'phantom'; readonly phantom: PhantomPlan }
  | {
      readonly kind: 'forgery' | 'blind';
      readonly clientPort: number;
      readonly resets: readonly ForgedReset[];
    }
  | { readonly kind: 'jump'; readonly clientPort: number; readonly jumps: readonly Jump[] }
  | { readonly kind: 'sack-blind'; readonly clientPort: number }
  | { readonly kind: 'stripped-option'; readonly clientPort: number; readonly option: SynOption }
  | { readonly kind: 'drop'; readonly drop: DropPlan }
  | { readonly kind: 'idle'; readonly idle: IdlePlan };

/** A fresh fault: it keeps state, one run long. */
export function makeFault(plan: FaultPlan, offsets: Offsets): Fault {
  switch (plan.kind) {
    case 'conflict':
      return new ConflictFault(plan.conflict);
    case 'phantom':
      return new PhantomFault(plan.phantom);
    case 'forgery':
    case 'blind':
      return new ForgeryFault(plan.clientPort, plan.resets);
    case 'jump':
      return new JumpFault(plan.clientPort, plan.jumps);
    case 'sack-blind':
      return new SackBlindFault(plan.clientPort, offsets);
    case 'stripped-option':
      return new StrippedOptionFault(plan.clientPort, plan.option);
    case 'drop':
      return dropFault(plan.drop);
    case 'idle':
      return new IdleFault(plan.idle);
  }
}

/** The client port that a fault is about; -1: all. */
export function portOf(plan: FaultPlan): number {
  switch (plan.kind) {
    case 'conflict':
      return plan.conflict.clientPort;
    case 'phantom':
      return plan.phantom.clientPort;
    case 'drop':
      return plan.drop.clientPort;
    case 'idle':
      return -1;
    default:
      return plan.clientPort;
  }
}

function dropFault({ clientPort, toServer, ackIndexes }: DropPlan): Fault {
  let seen = 0;
  return new DropFault((packet, isToServer) => {
    if (isToServer !== toServer || !isBareAck(packet)) return false;
    if ((toServer ? packet.srcPort : packet.dstPort) !== clientPort) return false;
    return ackIndexes.includes(seen++);
  });
}

function isBareAck(packet: Packet): boolean {
  return packet.flags === ACK && packet.payload.length === 0;
}
