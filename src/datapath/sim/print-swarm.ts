/**
 * What a simulation has shown, as text and as JSON (schema 1, additive). The JSON holds nothing
 * that the clock decides: the same question has the same answer, byte for byte. Owns nothing.
 */
import { formatViolation, sentenceOf } from './claims.ts';
import { kindsOf } from './plan-facts.ts';
import { type Explanation, formatFailure, seedAt, type Tally } from './swarm-block.ts';

export function printSwarm(
  seed: number,
  tally: Tally,
  explanation: Explanation | null,
  seconds: number,
): string {
  const lines = tally.failures.map(formatFailure);
  if (explanation !== null) lines.push('', ...explanationLines(explanation), '');
  const perMinute = Math.round((tally.connections / seconds) * 60);
  const { worlds, connections, broken, saved, excused } = tally;
  const failed = tally.failures.length === 0 ? 'every claim holds' : 'claims do not hold';
  lines.push(
    `${failed}: ${connections} connections in ${worlds} worlds, ` +
      `seeds ${seed} to ${seedAt(seed, Math.max(0, worlds - 1))}`,
    `${broken} connections break without the shim, ${saved} of them live with it; ` +
      `${excused} are worse with it for a lost answer; trace hash ${hex(tally.traceHash)}`,
    `later than without it: at most ${tally.laterCleanUsMax / 1000} ms, ` +
      `${tally.laterUsMax / 1000} ms where packets are lost`,
    `${seconds.toFixed(1)} s, ${perMinute} connections a minute`,
  );
  return `${lines.join('\n')}\n`;
}

function explanationLines({ seed, violations, trial, tries, packets }: Explanation): string[] {
  const { plan } = trial;
  const [first] = violations;
  const said = violations.map((one) => `  ${formatViolation(one)}`);
  const faults = plan.connections.map((one) => kindsOf(plan, one).join(' and ') || 'no fault');
  return [
    `The world of seed ${seed}, as small as it still shows it (${tries} smaller ones tried):`,
    ...said,
    first === undefined ? '' : `  claimed: ${sentenceOf(first.claim)}`,
    `  IPv${plan.family}, ${faults.map((what, i) => `connection ${i}: ${what}`).join('; ')}`,
    `  plan ${planText(trial)}`,
    '',
    'Packets at the shim, numbers from each side’s first one:',
    ...packets,
    '',
    `Again: seqshim simulate --seed ${seed} --connections 1`,
  ];
}

/** A trial is data, but for what is made of it. */
function planText({ plan, shim, also }: Explanation['trial']): string {
  return JSON.stringify({ ...plan, faults: undefined, shim, also });
}

export function swarmJson(seed: number, tally: Tally, explanation: Explanation | null) {
  const { worlds, connections, broken, saved, excused } = tally;
  return {
    schema: 1,
    seed,
    lastSeed: seedAt(seed, Math.max(0, worlds - 1)),
    worlds,
    connections,
    broken,
    saved,
    excused,
    laterUsMax: tally.laterUsMax,
    laterCleanUsMax: tally.laterCleanUsMax,
    traceHash: hex(tally.traceHash),
    failures: tally.failures,
    smallest:
      explanation === null
        ? null
        : {
            seed: explanation.seed,
            violations: explanation.violations,
            tries: explanation.tries,
            plan: JSON.parse(planText(explanation.trial)) as unknown,
            packets: explanation.packets,
          },
  };
}

function hex(hash: number): string {
  return (hash >>> 0).toString(16).padStart(8, '0');
}
