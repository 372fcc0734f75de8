/** A capture, packed or not, through `diagnose`: from the first octet to the findings. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { isGzip } from '../../../src/datapath/pcap/read-capture.ts';
import type { Random } from '../../helpers/seed.ts';
import { captureParts } from '../capture-parts.ts';
import { demandDiagnosis } from '../diagnosis.ts';
import { mutateParts } from '../mutation.ts';
import { sampleCaptures } from '../sample-captures.ts';
import type { Target } from '../target.ts';

export const findings: Target = {
  name: 'findings',
  about: 'a capture, packed or not, for diagnose',
  bytesMax: 4096,
  seeds: () => [...sampleCaptures(), ...sampleCaptures().map((file) => gzipSync(file))],

  /** What is packed is changed as it was, and packed again, in one member or two. */
  mutate(input: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
    const [plain, more] = [unpacked(input), unpacked(other)];
    const changed = Buffer.concat(mutateParts(captureParts(plain), captureParts(more), random));
    if (random.below(4) !== 0) return changed;
    const at = random.below(changed.length + 1);
    const members = [changed.subarray(0, at), changed.subarray(at)].map((part) => gzipSync(part));
    return Buffer.concat(members);
  },

  run: demandDiagnosis,
};

function unpacked(input: Uint8Array): Uint8Array {
  if (!isGzip(input)) return input;
  try {
    return gunzipSync(input, { maxOutputLength: 1 << 16 });
  } catch {
    return input;
  }
}
