/** tcpdump on both sides of a lab's firewall while something is done. Owns the two processes. */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { readCapture } from '../../src/datapath/pcap/read-capture.ts';
import type { BothFinding } from '../../src/diagnose/both/both-findings.ts';
import type { Change } from '../../src/diagnose/both/change.ts';
import { parseSegment } from '../../src/engine/wire/parse.ts';
import { ACK, Segment, SYN } from '../../src/engine/wire/segment.ts';
import { formatSeq } from '../../src/engine/wire/seq.ts';
import { distFile } from '../../src/testbed/dist-file.ts';
import type { Lab } from '../../src/testbed/lab.ts';
import { call, collect, type Namespace } from '../../src/testbed/namespace.ts';

const READY_MS = 10_000;
/** What is still on its way when the work is done. */
const TAIL_MS = 500;

export interface BothFiles {
  readonly client: string;
  readonly server: string;
}

export async function captureBoth(lab: Lab, work: () => Promise<unknown>): Promise<BothFiles> {
  const client = join(lab.dir, 'client.pcap');
  const server = join(lab.dir, 'server.pcap');
  const dumps = [await start(lab.jumpbox, 'c0', client), await start(lab.server, 's0', server)];
  await work();
  await pause(TAIL_MS);
  for (const dump of dumps) {
    dump.kill('SIGINT');
    await once(dump, 'close');
  }
  return { client, server };
}

async function start(namespace: Namespace, device: string, file: string): Promise<ChildProcess> {
  // Without it a packet may be in the kernel's ring for a second when the work is done.
  const own = ['--immediate-mode', '-B', '65536', '-n', '-U', '-Z', 'root'];
  const args = ['-i', device, ...own, '-w', file, 'tcp'];
  const child = namespace.start('tcpdump', args);
  const output = collect(child);
  for (let waited = 0; waited < READY_MS; waited += 10) {
    if (output.stderr.includes('listening on')) return child;
    await pause(10);
  }
  throw new Error(`tcpdump did not start: ${output.stderr}`);
}

export interface BothJson {
  readonly findings: readonly BothFinding[];
  readonly both: {
    readonly clockOffsetUs: number;
    readonly clockErrorUs: number;
    readonly flows: readonly {
      readonly clientOffset: number;
      readonly serverOffset: number;
      readonly matchedBy: string;
      readonly changes: readonly (Change & { readonly from: string })[];
    }[];
    readonly ambiguous: readonly unknown[];
  };
}

export function diagnoseBoth({ client, server }: BothFiles): BothJson {
  const args = [distFile('cli.js'), 'diagnose', '--both', client, server, '--json'];
  try {
    return JSON.parse(call(process.execPath, args)) as BothJson;
  } catch (error) {
    // Findings exit 1, and are printed all the same.
    const { stdout = '' } = error as { stdout?: string };
    if (stdout === '') throw error;
    return JSON.parse(stdout) as BothJson;
  }
}

/** `client mss`: every kind of change that is no ordinary fate of a packet, sorted. */
export function rewritings({ both }: BothJson): string[] {
  const ordinary = ['ttl', 'dropped', 'duplicated', 'reordered', 'delayed'];
  const kinds = both.flows.flatMap(({ changes }) =>
    changes
      .filter(({ kind }) => !ordinary.includes(kind))
      .map(({ from, kind }) => `${from} ${kind}`),
  );
  return [...new Set(kinds)].sort();
}

export function findingCodes({ findings }: BothJson): string[] {
  return [...new Set(findings.map(({ code, certainty }) => `${code} ${certainty}`))].sort();
}

/** The first initial numbers of both ends in a capture, by the port of the client. */
export function initialNumbers(file: string): Map<number, { client?: number; server?: number }> {
  const found = new Map<number, { client?: number; server?: number }>();
  const seg = new Segment();
  for (const { bytes, off, len } of readCapture(readFileSync(file)).frames) {
    const packet = bytes.slice(off, off + len);
    parseSegment(packet, 0, len, seg);
    if ((seg.flags & SYN) === 0) continue;
    const isAnswer = (seg.flags & ACK) !== 0;
    const port = isAnswer ? seg.dstPort : seg.srcPort;
    const numbers = found.get(port) ?? {};
    const seq = formatSeq(seg.segSeq);
    found.set(port, isAnswer ? { server: seq, ...numbers } : { client: seq, ...numbers });
  }
  return found;
}
