/**
 * A file of the evidence recorder as input of `diagnose`: what arrived is judged, what stands at a
 * packet is shown, and what is missing proves nothing.
 */
import { describe, expect, it } from 'vitest';
import { evidenceHead, TIME_DIGITS } from '../../src/datapath/evidence/evidence-format.ts';
import { packetBlock } from '../../src/datapath/pcap/write-pcapng.ts';
import { diagnoseStream } from '../../src/diagnose/diagnose.ts';
import { ladderOf } from '../../src/diagnose/html/ladder.ts';
import { commentLines } from '../../src/diagnose/packet-comments.ts';
import { REPLACEMENTS, type Report } from '../../src/diagnose/report.ts';
import { importantFrames } from '../../src/diagnose/timeline.ts';
import { A, ACK, B, C, RST, SYN } from '../helpers/evidence-run.ts';
import { type SegmentSpec, seg } from '../helpers/segment-builder.ts';

const T = 1_764_321_000_000;
const OUT = { srcPort: 40_270, dstPort: 22 };
const BACK = { srcPort: 22, dstPort: 40_270, src: '10.0.0.2', dst: '10.0.0.1' };

interface Given {
  readonly ms: number;
  readonly spec: SegmentSpec;
  readonly comments?: readonly string[];
  readonly delivered?: true;
}

function file(packets: readonly Given[]): Uint8Array {
  const blocks = packets.map(({ ms, spec, comments = [], delivered }) => {
    const bytes = seg(spec);
    const { length: wireBytes } = bytes;
    const len = wireBytes - (spec.payload?.length ?? 0);
    const about = { interfaceId: delivered ? 1 : 0, timeUs: (T + ms) * 1000, wireBytes };
    return packetBlock({ ...about, bytes, off: 0, len, comments }, TIME_DIGITS);
  });
  return Buffer.concat([evidenceHead(0), ...blocks]);
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

async function diagnosed(packets: readonly Given[], anonymized = false): Promise<Report> {
  const wishes = anonymized ? { disguise: <P>(packet: P) => ({ ...packet }) } : {};
  const outcome = await diagnoseStream('x.pcapng', pieces(file(packets)), wishes);
  if (outcome.kind !== 'report') throw new Error(outcome.problem);
  return outcome.report;
}

const HANDSHAKE: readonly Given[] = [
  { ms: 0, spec: { ...OUT, flags: SYN, seq: C } },
  { ms: 1, spec: { ...BACK, flags: SYN | ACK, seq: A, ack: C + 1 } },
  { ms: 1, spec: { ...OUT, flags: ACK, seq: C + 1, ack: A + 1 } },
];

const DROPPED = 'seqshim: synack-dropped because of synack-conflict: It was not delivered.';
const CONFLICT: readonly Given[] = [
  ...HANDSHAKE,
  { ms: 19, spec: { ...BACK, flags: SYN | ACK, seq: B, ack: C + 1 }, comments: [DROPPED, 'two'] },
  { ms: 19, spec: { ...BACK, flags: RST, seq: A + 1 } },
  { ms: 19, spec: { ...BACK, flags: ACK, seq: A + 1, ack: C + 1, payload: 'SSH-2.0' } },
];

/** The same octet again and again, as a timer repeats it: its acknowledgement is not recorded. */
const STORM: readonly Given[] = [
  ...HANDSHAKE,
  ...Array.from({ length: 8 }, (_, i): Given => {
    const spec = { ...BACK, flags: ACK, seq: A + 1, ack: C + 1, payload: 'x' };
    return { ms: 1000 * 2 ** i, spec };
  }),
];

describe('diagnose on evidence', () => {
  it('looks at what arrived only, and counts the rest', async () => {
    const replaced: Given = { ms: 20, spec: { ...BACK, flags: RST, seq: A + 9 }, delivered: true };
    const { input, flows, findings } = await diagnosed([...CONFLICT, replaced]);
    expect(input).toMatchObject({ packets: 6, lines: 7, tolerated: { [REPLACEMENTS]: 1 } });
    expect(flows).toHaveLength(1);
    expect(findings.map(({ code }) => code)).toContain('synack-conflict');
    expect(findings.flatMap(({ frames }) => frames)).not.toContain(7);
  });

  it('takes no round trip from times that are good to a millisecond', async () => {
    const { flows } = await diagnosed(CONFLICT);
    for (const half of flows[0]?.halves ?? []) expect(half.shortestReplyUs).toBe(-1);
  });

  it('shows what stands at a packet in the ladder and its table', async () => {
    const { flows, findings, wording } = await diagnosed(CONFLICT);
    const [flow] = flows;
    if (flow === undefined) throw new Error('no flow');
    const { text } = ladderOf(flow, findings, importantFrames(findings), wording, 'x');
    expect(text.match(/seqshim: synack-dropped because of synack-conflict/g)).toHaveLength(2);
    expect(text).toContain('>two<');
  });

  it('keeps a packet at which something stands, however long the connection is', async () => {
    const many = Array.from({ length: 60 }, (_, i): Given => {
      const spec = { ...BACK, flags: ACK, seq: A + 1 + i, ack: C + 1, payload: 'x' };
      return { ms: 20 + i, spec, ...(i === 50 ? { comments: ['seqshim: here'] } : {}) };
    });
    const { flows } = await diagnosed([...CONFLICT, ...many]);
    expect(flows[0]?.kept.map(({ comment }) => comment)).toContain('seqshim: here');
  });

  it('does not show it anonymized: it may name anybody', async () => {
    const { flows } = await diagnosed(CONFLICT, true);
    expect(flows[0]?.kept.some(({ comment }) => comment !== '')).toBe(false);
  });

  it('guesses nothing from packets that were not recorded, unless the recorder saw it', async () => {
    const codes = async (packets: readonly Given[]) => {
      return (await diagnosed(packets)).findings.map(({ code }) => code);
    };
    const told = STORM.map((given, i) => {
      return i === 3 ? { ...given, comments: ['seqshim: retransmission-storm: Seen.'] } : given;
    });
    expect(await codes(told)).toContain('retransmission-storm');
    expect(await codes(STORM)).toEqual([]);
  });
});

describe('commentLines()', () => {
  it('bounds what a stranger has written', () => {
    expect(commentLines({ comment: '' })).toEqual([]);
    expect(commentLines({ comment: 'a\n\nb' })).toEqual(['a', 'b']);
    const many = commentLines({ comment: Array.from({ length: 20 }, (_, i) => `${i}`).join('\n') });
    expect(many).toHaveLength(9);
    expect(many.at(-1)).toBe('… and 12 more');
    expect(commentLines({ comment: 'x'.repeat(5000) })[0]).toHaveLength(400);
  });
});
