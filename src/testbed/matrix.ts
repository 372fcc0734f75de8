/**
 * Scenarios × {without, with the shim}: in which order, and how many labs at once. Where throughput
 * is measured a scenario has the machine to itself. Owns the order.
 */
import type { Arm, ScenarioResult } from './matrix-result.ts';
import { playScenario } from './play-scenario.ts';
import type { ScenarioFile } from './scenario-file.ts';
import { isMeasured } from './workload/workload.ts';

export interface MatrixPlan {
  readonly scenarios: readonly ScenarioFile[];
  readonly arms: readonly Arm[];
  /** The whole of it so many times, one after the other. */
  readonly repeat: number;
  /** Side by side. */
  readonly labs: number;
  readonly captureDir: string | undefined;
  /** Is told of each scenario when it has been played. */
  readonly tell: (result: ScenarioResult) => void;
}

/** In the order of the plan, round by round. */
export async function playMatrix(plan: MatrixPlan): Promise<readonly ScenarioResult[]> {
  const results: ScenarioResult[] = [];
  for (let round = 1; round <= plan.repeat; round++) {
    const played = await playRound(plan, round);
    results.push(...plan.scenarios.flatMap((scenario) => played.get(scenario) ?? []));
  }
  return results;
}

async function playRound(
  plan: MatrixPlan,
  round: number,
): Promise<ReadonlyMap<ScenarioFile, ScenarioResult>> {
  const { scenarios, arms, captureDir } = plan;
  const played = new Map<ScenarioFile, ScenarioResult>();
  const play = async (waiting: ScenarioFile[]) => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const result = await playScenario(next, { arms, round, captureDir });
      played.set(next, result);
      plan.tell(result);
    }
  };
  const isAlone = ({ workload }: ScenarioFile) => workload.some(isMeasured);
  const together = scenarios.filter((scenario) => !isAlone(scenario));
  await Promise.all(Array.from({ length: plan.labs }, () => play(together)));
  await play(scenarios.filter(isAlone));
  return played;
}
