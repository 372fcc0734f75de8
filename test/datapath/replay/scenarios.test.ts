/**
 * Captures of the simulated scenarios, made at the client while there is no shim, through `replay`:
 * what a shim would have done is done, and nothing where nothing is wrong.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { configFrom } from '../../../src/config/config.ts';
import { readCapture } from '../../../src/datapath/pcap/read-capture.ts';
import { replayCapture } from '../../../src/datapath/replay/replay.ts';
import { type ScenarioName, scenarioPlan } from '../../../src/datapath/sim/scenario.ts';
import { runWorld } from '../../../src/datapath/sim/world.ts';
import { ETHERNET_BYTES, ethernetCapture, type TimedPacket } from '../../helpers/trace-capture.ts';

const DIR = mkdtempSync(join(tmpdir(), 'seqshim-replay-'));
afterAll(() => rmSync(DIR, { recursive: true, force: true }));

/**
 * Codes that must be among the actions, for each variant, or for all; none: nothing is done at all.
 * The clients of these captures got the reset, and soon end their connections themselves: whether
 * it would have been refuted, and what comes later, is not in all of them.
 */
const SCENARIOS: Record<ScenarioName, readonly (readonly string[])[]> = {
  'first-connection-reset': [
    ['synack-dropped', 'rst-held', 'rst-dropped'],
    ['synack-dropped', 'rst-held'],
    ['rst-held', 'rst-dropped'],
  ],
  'challenge-ack-reset': [['synack-dropped', 'rst-held']],
  'double-endpoint': [['rst-held']],
  'quiet-server': [['synack-dropped']],
  'phantom-synack': [['synack-dropped', 'rst-held']],
  'blind-resets': [[]],
  healthy: [[]],
};
const VARIANTS = 3;

function captureAtClient(name: ScenarioName, family: 4 | 6, variant: number): TimedPacket[] {
  const packets: TimedPacket[] = [];
  runWorld(scenarioPlan(name, variant, { family, seed: 1 + variant, offsets: true }), null, tap);
  return packets;

  function tap(point: string, nowUs: number, bytes: Uint8Array): void {
    if (!point.startsWith('client-')) return;
    packets.push({ timeUs: nowUs, packet: bytes.slice(), fromNear: point === 'client-out' });
  }
}

describe.each(Object.entries(SCENARIOS))('%s', (name, variants) => {
  it.each([4, 6] as const)('IPv%i: a capture shows what a shim would have done', async (family) => {
    for (let variant = 0; variant < VARIANTS; variant++) {
      const expected = variants[variant % variants.length] ?? [];
      const packets = captureAtClient(name as ScenarioName, family, variant);
      const capture = readCapture(ethernetCapture(packets));
      const path = join(DIR, 'out.pcapng');
      const config = await configFrom({ target: ['all'] });
      const report = replayCapture(capture, config, 'all', path);
      const done = Object.keys({ ...report.interventions, ...report.adjustments });
      expect(done, `variant ${variant}`).toEqual(expect.arrayContaining([...expected]));
      expect(report.limits.join(), `variant ${variant}`).not.toContain('--direction');
      if (expected.length > 0) continue;
      expect(done).toEqual([]);
      const { frames } = readCapture(readFileSync(path));
      const out = frames.map(({ bytes, off, len }) => Buffer.from(bytes.subarray(off, off + len)));
      expect(out).toEqual(packets.map(({ packet }) => Buffer.from(packet)));
      expect(frames.every(({ linkBytes, len }) => linkBytes - len === ETHERNET_BYTES)).toBe(true);
    }
  });
});
