/**
 * One scenario in a lab of its own: what the path carries by itself where that is asked for, then
 * the workloads without the shim and with it, each time on a path that begins anew. Owns the lab
 * while it lasts. Times: ms.
 */
import { join } from 'node:path';
import { ClientCapture } from './capture-client.ts';
import { FaultyPath } from './faulty-path.ts';
import type { Behaviour } from './firewall/behaviour.ts';
import { judgeCell } from './judge-cell.ts';
import { IPERF_PORT, Lab } from './lab.ts';
import type { Arm, Cell, Row, ScenarioResult } from './matrix-result.ts';
import type { ScenarioFile } from './scenario-file.ts';
import { ShimProcess } from './shim-process.ts';
import type { Attempted } from './workload/attempt.ts';
import { runWorkload } from './workload/run-workload.ts';
import { isMeasured, type Workload, workloadName } from './workload/workload.ts';

/** One attempt of a workload is enough to know what a healthy path carries. */
const CLEAN_ATTEMPTS = 1;

interface Work {
  readonly workload: Workload;
  readonly family: 4 | 6;
  /** 0: not measured. */
  cleanBitsPerSecond: number;
  readonly cells: Partial<Record<Arm, Cell>>;
}

export interface Play {
  readonly arms: readonly Arm[];
  readonly round: number;
  /** Where captures are written; without one none are made. */
  readonly captureDir: string | undefined;
}

/** Never throws: what could not be played is a result too. */
export async function playScenario(scenario: ScenarioFile, play: Play): Promise<ScenarioResult> {
  const startedMs = performance.now();
  const works: Work[] = scenario.workload.flatMap((workload) =>
    scenario.families.map((family) => ({ workload, family, cleanBitsPerSecond: 0, cells: {} })),
  );
  const captures: Partial<Record<Arm, string>> = {};
  let interventions: Readonly<Record<string, number>> = {};
  let problem: string | undefined;
  let lab: Lab | undefined;
  try {
    lab = await Lab.open();
    await measureClean(lab, scenario, works);
    for (const arm of play.arms) {
      const file = captureFile(scenario, play, arm);
      if (file !== undefined) captures[arm] = file;
      const did = await playArm(lab, scenario, works, arm, file);
      if (arm === 'with') interventions = did;
    }
  } catch (error) {
    problem = (error as Error).message.trim().replaceAll(/\s*\n\s*/g, ' ');
  } finally {
    await lab?.close();
  }
  return {
    scenario,
    round: play.round,
    ms: Math.round(performance.now() - startedMs),
    rows: works.map(
      ({ workload, family, cells }): Row => ({ workload: workloadName(workload), family, cells }),
    ),
    interventions,
    captures,
    ...(problem === undefined ? {} : { problem }),
  };
}

function captureFile({ name }: ScenarioFile, play: Play, arm: Arm): string | undefined {
  if (play.captureDir === undefined) return undefined;
  const again = play.round === 1 ? '' : `-${play.round}`;
  return join(play.captureDir, `${name}-${arm}-shim${again}.pcap`);
}

async function measureClean(lab: Lab, scenario: ScenarioFile, works: readonly Work[]) {
  const measured = works.filter(({ workload }) => isMeasured(workload));
  if (measured.length === 0) return;
  const path = await openPath(lab, scenario, []);
  try {
    for (const work of measured) {
      const workload = { ...work.workload, attempts: CLEAN_ATTEMPTS };
      const [made] = await runWorkload(lab, work.family, workload);
      work.cleanBitsPerSecond = made?.bitsPerSecond ?? 0;
    }
  } finally {
    await path.close();
  }
}

/** Returns what the shim did. */
async function playArm(
  lab: Lab,
  scenario: ScenarioFile,
  works: readonly Work[],
  arm: Arm,
  file: string | undefined,
): Promise<Readonly<Record<string, number>>> {
  lab.takeFreshPorts();
  const whole = !scenario.workload.some(isMeasured);
  const capture = file === undefined ? undefined : await ClientCapture.open(lab, file, whole);
  const shim = arm === 'with' ? await ShimProcess.open(lab, shimOptions(scenario)) : undefined;
  const path = await openPath(lab, scenario);
  try {
    for (const work of works) {
      const made = await runWorkload(lab, work.family, work.workload);
      work.cells[arm] = cellOf(work, arm, made);
    }
    return (shim?.status()['interventions'] ?? {}) as Readonly<Record<string, number>>;
  } finally {
    await path.close();
    await shim?.stop();
    await capture?.close();
  }
}

/** The scenario's path begins: connections are counted, and its dice thrown, from here on. */
export function openPath(
  lab: Lab,
  { path, seed, behaviour }: ScenarioFile,
  behaviours: readonly Behaviour[] = behaviour,
): Promise<FaultyPath> {
  return FaultyPath.open(lab, { behaviours: [...behaviours], path, seed });
}

/** Beyond those of every shim in a lab. */
export function shimOptions({ shim }: ScenarioFile): readonly string[] {
  return ['--port', String(IPERF_PORT), ...shim];
}

function cellOf({ workload, cleanBitsPerSecond }: Work, arm: Arm, made: readonly Attempted[]) {
  return judgeCell(made, workload[arm], cleanBitsPerSecond);
}
