/**
 * tcpdump itself as the model: what it prints of the public captures, in every mode, must be read
 * back as the numbers that our binary parser finds in the same file.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readCapturePackets } from '../../src/diagnose/capture-packets.ts';
import { type PacketRecord, UNKNOWN } from '../../src/diagnose/packet-record.ts';
import {
  CAPTURES_DIR,
  CAPTURES_NOTE,
  CAPTURES_PRESENT,
  captureNames,
} from '../helpers/public-captures.ts';
import { packetsOf } from './trace.ts';

const MODES = ['-n', '-nS', '-nv', '-nvvv', '-nvvvS', '-ne', '-nevvv', '-ntttt', '-ntt', '-nt'];

/** Cut within the header, without an IP length, or with options that our parser refuses. */
const UNREADABLE = /truncated-header|xml_tso|tcp-empty-sack/;

function printed(path: string, mode: string): string {
  return execFileSync('tcpdump', [mode, '-r', path], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, TZ: 'UTC' },
  });
}

function fromFile(path: string): PacketRecord[] {
  const packets: PacketRecord[] = [];
  readCapturePackets(readFileSync(path), (packet) => packets.push(packet));
  return packets;
}

type Compared = readonly (string | number | null)[];

/** What every mode prints. A pure ACK has no `seq` unless `-vv` is given. */
function essence(packet: PacketRecord): Compared {
  const { src, srcPort, dst, dstPort, flags, segAck, payloadOctets, options } = packet;
  return [src, srcPort, dst, dstPort, flags, segAck, payloadOctets, options.mss, options.tsVal];
}

describe(CAPTURES_NOTE, () => {
  it.runIf(CAPTURES_PRESENT)('are all there', () => {
    expect(captureNames().length).toBeGreaterThan(20);
  });

  for (const name of captureNames().filter((capture) => !UNREADABLE.test(capture))) {
    const path = join(CAPTURES_DIR, name);
    const binary = fromFile(path);

    it.each(MODES)(`${name} as tcpdump %s prints it`, (mode) => {
      const { packets, reader } = packetsOf(printed(path, mode));
      expect(reader.counts.unreadable).toBe(0);
      expect(packets.map(essence)).toEqual(binary.map(essence));
      // Where the text has a number it is the packet's.
      const numbers = packets.map(({ segSeq }, index) => segSeq ?? binary[index]?.segSeq);
      expect(numbers).toEqual(binary.map(({ segSeq }) => segSeq));
      if (mode.includes('v')) {
        // tcpdump does not print a TTL of 0.
        expect(packets.map(({ ttl }) => ttl)).toEqual(
          binary.map(({ ttl }) => (ttl === 0 ? UNKNOWN : ttl)),
        );
        expect(packets.filter(({ checksum }) => checksum === 'bad')).toHaveLength(
          binary.filter(({ checksum }) => checksum === 'bad').length,
        );
      }
      if (mode === '-ntt') {
        const off = packets.filter(
          ({ timeUs }, index) => Math.abs(timeUs - (binary[index]?.timeUs ?? 0)) > 1,
        );
        expect(off).toEqual([]);
      }
    });
  }
});
