/**
 * The oracle of the simulations: one world run without the shim, with it, and in other ways that
 * must make no difference. Every claim of `claims.ts` is checked here or in a file beside.
 *
 * Owns the memory of the engines it runs. Times: virtual microseconds.
 */
import {
  ACK_SWALLOWED,
  FLOW_ENDED,
  KEEPALIVE_SENT,
  OLD_NUMBERS_DROPPED,
  RST_RELEASED,
  STAT_MOVING_DROPPED,
  SYNACK_DROPPED,
} from '../../engine/codes.ts';
import { CODES } from '../../telemetry/registry.ts';
import { INJECTIONS_MAX, INJECTIONS_PER_S_MAX, type Violation, violation } from './claims.ts';
import { judgeConnection } from './judge-connection.ts';
import { judgeMoves } from './judge-moves.ts';
import { judgeOutage } from './judge-outage.ts';
import { judgeSack } from './judge-sack.ts';
import { doubles, isHealthy, isReused, kindsOf } from './plan-facts.ts';
import { mix } from './random.ts';
import type { RandomPlan } from './random-plan.ts';
import type { ShimHost } from './shim-host.ts';
import type { ShimPlan } from './shim-plan.ts';
import { noting, type Sighting } from './sightings.ts';
import { MemoryPool } from './sim-memory.ts';
import { runWorld, type WorldResult } from './world.ts';

/** Further runs of the same world. */
export type AlsoRun = 'observe' | 'reload' | 'outage' | 'again';

export interface Trial {
  readonly plan: RandomPlan;
  readonly shim: ShimPlan;
  readonly also: readonly AlsoRun[];
}

export interface Judgement {
  readonly violations: readonly Violation[];
  readonly connectionCount: number;
  /** Connections that ended badly without the shim, and how many of these it saved. */
  readonly broken: number;
  readonly saved: number;
  /** Worse than without the shim, with a lost probe to blame. */
  readonly excused: number;
  /** The most by which one ended later than without the shim; and where nothing was lost. */
  readonly laterUs: number;
  readonly laterCleanUs: number;
  /** Over all runs: same trial, same hash. */
  readonly traceHash: number;
}

/** Behind the end of a world nothing has come for so long: whatever is armed must be over. */
const WIND_DOWN_MS = 150_000;
const WIND_DOWN_STEP_MS = 500;

/** What is counted where a packet is dropped that is no reset: those are held, and then judged. */
const DROPPING_CODES = [
  SYNACK_DROPPED,
  ACK_SWALLOWED,
  OLD_NUMBERS_DROPPED,
  FLOW_ENDED,
  STAT_MOVING_DROPPED,
];

const pool = new MemoryPool();

export function judgeWorld(trial: Trial): Judgement {
  try {
    return judge(trial);
  } finally {
    pool.recycle();
  }
}

function judge({ plan, shim: shimPlan, also }: Trial): Judgement {
  const without = runWorld(plan, null);
  const seen: Sighting[] = [];
  const withShim = runWorld(plan, shimPlan, noting(seen), pool);
  const shim = shimOf(withShim);
  const violations = [
    ...judgeShim(plan, withShim, shim),
    ...judgeMoves(plan, withShim, seen),
    ...judgeSack(plan, shimPlan, withShim, pool),
    ...(isHealthy(plan) ? judgeHealthy(plan, without, withShim) : []),
    ...also.flatMap((how) => judgeAlso(how, plan, shimPlan, without, withShim)),
  ];
  let saved = 0;
  let broken = 0;
  let excused = 0;
  let laterUs = 0;
  let laterCleanUs = 0;
  // On a re-used port the servers remember how the connection before ended.
  let comparable = true;
  without.connections.forEach((before, i) => {
    const after = withShim.connections[i] as typeof before;
    const one = judgeConnection(plan, i, without, withShim, comparable, seen);
    violations.push(...one.violations);
    if (one.excused) excused++;
    laterUs = Math.max(laterUs, one.laterUs);
    laterCleanUs = Math.max(laterCleanUs, one.laterCleanUs);
    if (isReused(plan) && before.client.reason !== after.client.reason) comparable = false;
    if (!before.whole) broken++;
    if (!before.whole && after.whole) saved++;
  });
  violations.push(...judgeWindDown(shim));
  const traceHash = mix(without.traceHash, withShim.traceHash);
  const connectionCount = plan.connections.length;
  const figures = { saved, broken, excused, laterUs, laterCleanUs };
  return { violations, connectionCount, ...figures, traceHash };
}

function shimOf({ shim }: WorldResult): ShimHost {
  if (shim === null) throw new Error('this run had no shim');
  return shim;
}

function judgeShim(plan: RandomPlan, result: WorldResult, shim: ShimHost): readonly Violation[] {
  const { counters } = shim.engine;
  const { injectedFar, injectedNear } = shim.mainThread;
  const found: Violation[] = [];
  const { badPackets, sackOutside } = result;
  if (badPackets !== 0) found.push(...violation('checksums-right', { badPackets }));
  // Blocks that a firewall left in other numbers are the fault, where there is one.
  const blind = plan.connections.some((one) => kindsOf(plan, one).includes('sack-blind'));
  if (sackOutside !== 0 && !blind) found.push(...violation('sack-true', { sackOutside }));
  const { contractBroken, translatedTwice, arrived, delivered, sent, forwarded, dropped } = shim;
  if (contractBroken !== 0) found.push(...violation('accept-untouched', { contractBroken }));
  if (translatedTwice !== 0) found.push(...violation('one-translation', { translatedTwice }));
  const told = DROPPING_CODES.reduce((sum, code) => sum + (counters[code] ?? 0), 0);
  if (delivered > arrived || forwarded > sent || dropped > told) {
    const figures = { arrived, delivered, sent, forwarded, dropped, told };
    found.push(...violation('leaves-once', figures));
  }
  const made = injectedFar - (counters[KEEPALIVE_SENT] ?? 0);
  const mostEach = INJECTIONS_MAX + (INJECTIONS_PER_S_MAX * result.endUs) / 1_000_000;
  if (made > mostEach * plan.connections.length) {
    found.push(...violation('injections-bounded', { made }));
  }
  const ended = (counters[RST_RELEASED] ?? 0) + (counters[FLOW_ENDED] ?? 0);
  if (injectedNear > ended) {
    found.push(...violation('injections-bounded', { injectedNear, ended }));
  }
  return [...found, ...judgeTables(shim)];
}

function judgeTables({ invariants }: ShimHost): readonly Violation[] {
  if (invariants.broken === '') return [];
  return violation('engine-sound', { broken: invariants.broken });
}

/** In the order of CODES. */
const ASKED_BEHIND_DOUBLED_SYN = 'synack-dropped rst-held rst-released probe-sent';

/**
 * Byte-identical and untouched, unless the network itself brought an old SYN to the server again.
 */
function judgeHealthy(
  plan: RandomPlan,
  without: WorldResult,
  withShim: WorldResult,
): readonly Violation[] {
  const { counters } = shimOf(withShim).engine;
  const did = CODES.filter(({ kind, code }) => kind !== 'finding' && counters[code] !== 0)
    .map(({ name }) => name)
    .join(' ');
  // RFC 9293 §3.5, "old duplicate SYN": a second ISN for one SYN, after the connection's end.
  if (doubles(plan) && did === 'synack-dropped') return [];
  // That server is half open: what resets the next connection of the ports is asked about.
  if (doubles(plan) && isReused(plan) && did === ASKED_BEHIND_DOUBLED_SYN) return [];
  // The answers to keep-alives are new packets.
  if (did === 'keepalive-sent') return [];
  // So are those to the ACK that takes a stalled connection out of the kernel's hands.
  if (did === '' && shimOf(withShim).mainThread.wakes > 0) return [];
  if (did !== '') return violation('healthy-untouched', { did });
  if (withShim.traceHash === without.traceHash) return [];
  return violation('healthy-untouched', { traceHash: withShim.traceHash, bare: without.traceHash });
}

function judgeAlso(
  how: AlsoRun,
  plan: RandomPlan,
  shimPlan: ShimPlan,
  without: WorldResult,
  withShim: WorldResult,
): readonly Violation[] {
  if (how === 'observe') {
    const { traceHash } = runWorld(plan, { ...shimPlan, observe: true }, null, pool);
    if (traceHash === without.traceHash) return [];
    return violation('observe-untouched', { traceHash, bare: without.traceHash });
  }
  if (how === 'again') {
    const { traceHash } = runWorld(plan, shimPlan, null, pool);
    if (traceHash === withShim.traceHash) return [];
    return violation('repeats', { traceHash, before: withShim.traceHash });
  }
  if (how === 'reload') {
    const { traceHash, shim } = runWorld(plan, { ...shimPlan, restarts: 'reload' }, null, pool);
    const tornCount = shim?.outage.tornCount ?? 0;
    // Whom a destination has been heard from is not in the file: idle flows may wait once more.
    const same = traceHash === withShim.traceHash || shimPlan.idle !== undefined;
    if (same && tornCount === 0) return [];
    return violation('reload-unnoticed', { traceHash, before: withShim.traceHash, tornCount });
  }
  const after = runWorld(plan, { ...shimPlan, restarts: 'outage' }, null, pool);
  return [...judgeTables(shimOf(after)), ...judgeOutage(plan, without, after)];
}

/** No packet comes any more: within a while nothing is armed. Ends the run's engine. */
function judgeWindDown(shim: ShimHost): readonly Violation[] {
  const { outbox } = shim.mainThread;
  const fromMs = shim.nowMs();
  for (let ms = 0; ms <= WIND_DOWN_MS; ms += WIND_DOWN_STEP_MS) {
    if (shim.invariants.armedCount() === 0) return [];
    shim.engine.tick((fromMs + ms) | 0);
    while (outbox.peek() >= 0) outbox.release();
  }
  return violation('timers-bounded', { armed: shim.invariants.armedCount(), ms: WIND_DOWN_MS });
}
