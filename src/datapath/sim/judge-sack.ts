/**
 * SACK blocks behind a firewall that leaves them in other numbers: each that reaches the client is
 * one that the server said, in the client's numbers, or stands as it came. The far end's own words
 * are the oracle. Runs a world again, where blocks were repaired. Owns nothing.
 */
import { SACK_REPAIRED } from '../../engine/codes.ts';
import { type Violation, violation } from './claims.ts';
import type { Fault } from './middlebox.ts';
import { decodePacket } from './packet.ts';
import { kindsOf } from './plan-facts.ts';
import type { RandomPlan } from './random-plan.ts';
import { SackBlindFault } from './sack-blind-fault.ts';
import type { ShimPlan } from './shim-plan.ts';
import type { MemoryPool } from './sim-memory.ts';
import { runWorld, type WorldResult } from './world.ts';

export function judgeSack(
  plan: RandomPlan,
  shimPlan: ShimPlan,
  withShim: WorldResult,
  pool: MemoryPool,
): readonly Violation[] {
  if ((withShim.shim?.engine.counters[SACK_REPAIRED] ?? 0) === 0) return [];
  const ports = new Map<number, number>();
  for (const [i, connection] of plan.connections.entries()) {
    const kinds = kindsOf(plan, connection);
    // Whose numbers jump too, what the server meant is said in several numberings.
    const others = kinds.includes('jump') || kinds.includes('phantom') || kinds.includes('twin');
    if (kinds.includes('sack-blind') && !others) ports.set(connection.clientPort, i);
  }
  let faults: readonly Fault[] = [];
  const watched = { ...plan, faults: () => (faults = plan.faults()) };
  const arrived = new Set<string>();
  const wrong: Violation[] = [];
  const look = (point: string, _us: number, bytes: Uint8Array) => {
    const packet = decodePacket(bytes);
    const connection = packet === null ? undefined : ports.get(packet.dstPort);
    if (packet === null || connection === undefined) return;
    const meant = faults.flatMap((one) => (one instanceof SackBlindFault ? [one.meant] : []));
    for (let i = 0; i + 1 < packet.sack.length; i += 2) {
      const block = `${packet.sack[i]} ${packet.sack[i + 1]}`;
      if (point === 'path-in') arrived.add(block);
      else if (point !== 'client-in' || arrived.has(block)) continue;
      else if (!meant.some((said) => said.has(block))) {
        wrong.push(...violation('sack-true', { nobodySaid: block }, connection));
      }
    }
  };
  if (ports.size > 0) runWorld(watched, shimPlan, look, pool);
  return wrong.slice(0, 1);
}
