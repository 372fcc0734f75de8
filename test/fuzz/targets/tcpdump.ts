/** Text of tcpdump, as tickets have it, through `diagnose`. */
import { demandDiagnosis } from '../diagnosis.ts';
import { fixtures } from '../fixtures.ts';
import { mutateLines } from '../lines.ts';
import type { Target } from '../target.ts';

export const tcpdump: Target = {
  name: 'tcpdump',
  about: 'text of tcpdump for diagnose',
  bytesMax: 4096,
  seeds: () => fixtures(/^[^/]*\.txt$/),
  mutate: mutateLines,
  run: demandDiagnosis,
};
