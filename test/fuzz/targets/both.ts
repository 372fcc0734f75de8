/** Two captures of one connection, compared: the length of the first stands before them. */
import { OperatorError } from '../../../src/config/errors.ts';
import { compareSides } from '../../../src/diagnose/both/compare-sides.ts';
import { bothText, findingsOf } from '../../../src/diagnose/both/diagnose-both.ts';
import { sideOf } from '../../../src/diagnose/both/read-side.ts';
import type { Random } from '../../helpers/seed.ts';
import { captureParts } from '../capture-parts.ts';
import { mutateParts } from '../mutation.ts';
import { sampleCaptures } from '../sample-captures.ts';
import { demand, demandOneLine, demandWhole, type Target } from '../target.ts';

export const both: Target = {
  name: 'both',
  about: 'two captures for diagnose --both',
  bytesMax: 6000,
  seeds: () => {
    const files = sampleCaptures();
    return files.map((file, n) => joined(file, files[(n + 1) % files.length] ?? file));
  },

  mutate(input: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
    const [client, server] = parted(input);
    const [more] = parted(other);
    const change = (file: Uint8Array) =>
      Buffer.concat(mutateParts(captureParts(file), captureParts(more), random));
    return random.below(2) === 0 ? joined(change(client), server) : joined(client, change(server));
  },

  run(input: Uint8Array): void {
    const [client, server] = parted(input);
    try {
      const comparison = compareSides(sideOf('c', client), sideOf('s', server));
      const report = { comparison, findings: findingsOf(comparison) };
      demand(JSON.parse(bothText(report, true)).schema === 1, 'no JSON of schema 1');
      demandWhole(bothText(report, false));
    } catch (error) {
      if (!(error instanceof OperatorError)) throw error;
      demandOneLine(error.message);
    }
  },
};

function joined(client: Uint8Array, server: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(client.length >> 8, client.length & 255), client, server]);
}

function parted(input: Uint8Array): [client: Uint8Array, server: Uint8Array] {
  const end = 2 + (((input[0] ?? 0) << 8) | (input[1] ?? 0));
  return [input.subarray(2, end), input.subarray(end)];
}
