/**
 * What connections may expect of a shim that is killed, and comes back after a while: they live
 * where they lived without one, and no octet is in a wrong place. Owns nothing.
 */
import { type Violation, violation } from './claims.ts';
import { hasLost, wasBlinded } from './judge-connection.ts';
import { type Packet, RST } from './packet.ts';
import { isLossy, isReused } from './plan-facts.ts';
import type { RandomPlan } from './random-plan.ts';
import type { WorldResult } from './world.ts';
import type { ConnectionPlan } from './world-plan.ts';

const isReset = ({ flags }: Packet) => (flags & RST) !== 0;

/** `without` any shim; `after` one with `restarts: 'outage'`. Throws if `after` had none. */
export function judgeOutage(
  plan: RandomPlan,
  without: WorldResult,
  after: WorldResult,
): readonly Violation[] {
  const { shim } = after;
  if (shim === null) throw new Error('this run had no shim');
  const reuse = isReused(plan);
  // What strikes at a moment may strike one whose rules held it off until then: a firewall that
  // forgets within a second, or that changes the numbers before the end.
  const struck = plan.faultPlans.some(({ kind }) => kind === 'idle' || kind === 'jump');
  const found: Violation[] = [];
  after.connections.forEach(({ client, server, whole }, i) => {
    const wrongOctets = client.wrongOctets + server.wrongOctets;
    if (wrongOctets !== 0)
      found.push(...violation('stream-whole', { run: 'outage', wrongOctets }, i));
    // On a re-used port the server remembers how the one before ended.
    if (whole || struck || (reuse && i > 0) || without.connections[i]?.whole !== true) return;
    const connection = plan.connections[i] as ConnectionPlan;
    // Held off by one kill after the other its timers back off: late is not broken.
    if (shim.heldOff.has(connection.clientPort) && client.reason === 'open') return;
    // The other end point's answer to a probe that had left when we were killed.
    if (shim.strayAnswers.has(connection.clientPort)) return;
    // A reset that is held over a kill is asked about once more: one answer, which can be lost.
    if (isLossy(plan) && wasBlinded(plan, after, connection)) return;
    // Luck: the reset that ends it here was lost on its way there.
    if (client.reason === 'reset' && hasLost(without, connection, isReset)) return;
    const figures = { run: 'outage', client: client.reason, server: server.reason };
    found.push(...violation('outage-harmless', figures, i));
  });
  return found;
}
