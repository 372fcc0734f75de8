/** Stub. */
import { FaultyPath } from './faulty-path.ts';
import type { Behaviour } from './firewall/behaviour.ts';
import type { Lab } from './lab.ts';
import type { ScenarioFile } from './scenario-file.ts';

export async function openComposedPath(
  lab: Lab,
  { path, seed }: ScenarioFile,
  behaviours: readonly Behaviour[],
): Promise<{ close(): Promise<void> }> {
  const first = behaviours[0];
  const fault =
    first === undefined
      ? {}
      : first.kind === 'randomize'
        ? { offsets: true, sackBlind: first.sackBlind !== 'neither' }
        : first;
  const lagMs = path.delayMs ?? 0;
  return FaultyPath.open(lab, { ...(fault as object), lagMs, loss: path.loss ?? 0, seed });
}
