/** Output of `ssh -v` through `diagnose`. */
import { demandDiagnosis } from '../diagnosis.ts';
import { fixtures } from '../fixtures.ts';
import { mutateLines } from '../lines.ts';
import type { Target } from '../target.ts';

export const sshDebug: Target = {
  name: 'ssh-debug',
  about: 'output of ssh -v for diagnose',
  bytesMax: 4096,
  seeds: () => fixtures(/^ssh-(debug\/|v-).*\.txt$/),
  mutate: mutateLines,
  run: demandDiagnosis,
};
