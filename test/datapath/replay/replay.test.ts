/** `replay` without its command line: captures in, what each end would have received out. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { configFrom } from '../../../src/config/config.ts';
import type { Capture, Frame } from '../../../src/datapath/pcap/capture.ts';
import { readCapture } from '../../../src/datapath/pcap/read-capture.ts';
import type { Ports } from '../../../src/datapath/replay/connections.ts';
import { type ReplayReport, replayCapture } from '../../../src/datapath/replay/replay.ts';
import { tcpChecksumOk } from '../../../src/engine/wire/checksum.ts';
import { parseSegment, WIRE_OK } from '../../../src/engine/wire/parse.ts';
import { ACK, PSH, RST, Segment, SYN } from '../../../src/engine/wire/segment.ts';
import { commentsOf } from '../../helpers/pcapng-comments.ts';
import { CAPTURES_NOTE, captureNames, publicCapture } from '../../helpers/public-captures.ts';
import { arenaOf, type SegmentSpec, seg } from '../../helpers/segment-builder.ts';
import { ethernetCapture, type TimedPacket, traceCapture } from '../../helpers/trace-capture.ts';

const DIR = mkdtempSync(join(tmpdir(), 'seqshim-replay-'));
afterAll(() => rmSync(DIR, { recursive: true, force: true }));

const JUMPBOX = readFileSync(
  join(import.meta.dirname, '../../fixtures/jumpbox-first-connection-reset.txt'),
  'utf8',
);

interface Replayed {
  readonly report: ReplayReport;
  readonly file: Uint8Array;
  readonly out: Capture;
  readonly comments: string[][];
}

async function replay(
  capture: Capture,
  flags: Record<string, unknown> = {},
  ports: Ports = 'all',
): Promise<Replayed> {
  const path = join(DIR, 'out.pcapng');
  const config = await configFrom({ target: ['all'], ...flags });
  const report = replayCapture(capture, config, ports, path);
  const file = readFileSync(path);
  return { report, file, out: readCapture(file), comments: commentsOf(file) };
}

const bytesOf = ({ bytes, linkOff, linkBytes }: Frame) =>
  Buffer.from(bytes.subarray(linkOff, linkOff + linkBytes));

/** What a packet says, checked to be whole and its checksum right. */
function segmentOf(frame: Frame | undefined): Segment {
  if (frame === undefined) throw new Error('no such frame');
  const packet = frame.bytes.slice(frame.off, frame.off + frame.len);
  const { buf, words } = arenaOf(packet);
  const view = new Segment();
  expect(parseSegment(buf, 0, packet.length, view)).toBe(WIRE_OK);
  expect(tcpChecksumOk(buf, words, view)).toBe(true);
  return view;
}

/** In these a shim has something to do; nothing is wrong with any other. */
const TOUCHED: Record<string, readonly string[]> = {
  KakaoTalk_chat: ['probe-sent', 'synack-dropped'],
  'tcp-empty-sack': ['probe-sent', 'sack-withheld'],
  fin_retransmission: ['probe-sent', 'rst-held', 'rst-released'],
};

describe(CAPTURES_NOTE, () => {
  it.runIf(captureNames().length > 0).each(captureNames())(
    '%s goes on byte for byte where nothing is done',
    async (name) => {
      const capture = publicCapture(name);
      const { report, out } = await replay(capture);
      const { interventions, adjustments } = report;
      const done = Object.keys({ ...interventions, ...adjustments }).sort();
      const [, expected = []] = Object.entries(TOUCHED).find(([key]) => name.includes(key)) ?? [];
      expect(done).toEqual(expected);
      expect(report.frames).toBe(capture.frames.length);
      expect(out.frames.length).toBe(report.written);
      expect(report.written).toBe(report.frames - report.dropped + report.injected);
      if (done.length > 0) return;
      const all = ({ frames }: Capture) =>
        frames.map((frame) => ({
          ...{ bytes: bytesOf(frame), timeUs: frame.timeUs, wireBytes: frame.wireBytes },
          linkType: frame.linkType,
        }));
      expect(all(out)).toEqual(all(capture));
    },
  );
});

describe('the original failure', () => {
  const capture = () => readCapture(traceCapture(JUMPBOX));

  it('is repaired: the client gets the banner, and before it neither B nor the reset', async () => {
    const { report, out } = await replay(capture());
    const segments = out.frames.map(segmentOf);
    const toClient = segments.filter(({ srcPort }) => srcPort === 22);
    const told = toClient.map((view) => [view.flags, view.segSeq >>> 0, view.payloadBytes]);
    // In truth the client had lost its connection: at frame 9 it ends it itself, and B may come.
    const later = Array.from({ length: 4 }, () => [SYN | ACK, 4195986320, 0]);
    expect(told).toEqual([[SYN | ACK, 405921081, 0], [PSH | ACK, 405921082, 39], ...later]);
    expect(report.findings).toMatchObject({ 'synack-conflict': 1 });
    expect(report.interventions).toMatchObject({ 'synack-dropped': 2, 'rst-dropped': 1 });
  });

  it('names frame, code and what was delivered instead', async () => {
    const { report } = await replay(capture());
    const lines = report.entries
      .filter(({ kind }) => kind !== 'finding')
      .map(({ frame, code, delivered }) => `${frame} ${code} ${delivered}`);
    expect(lines[0]).toBe('4 synack-dropped not delivered');
    expect(lines).toContain('6 rst-held not delivered');
    expect(report.limits[0]).toContain('would have gone on differently');
  });

  it('is only told in observe mode', async () => {
    const input = capture();
    const { report, out, comments } = await replay(input, { mode: 'observe' });
    expect(out.frames.map(bytesOf)).toEqual(input.frames.map(bytesOf));
    expect(report.interventions).toEqual({});
    expect(report.wouldIntervene['synack-dropped']).toBe(2);
    expect(comments.flat().join('\n')).toContain(
      'seqshim: synack-dropped (observed only, not done): ',
    );
  });

  it('is nobody’s business where the targets, or the ports, are others', async () => {
    const input = capture();
    for (const [flags, ports] of [
      [{ target: ['192.0.2.0/24'] }, 'all'],
      [{ exclude: ['10.0.0.2'] }, 'all'],
      [{}, [443]],
    ] as const) {
      const { report, out } = await replay(input, flags, ports);
      expect(report.judged).toBe(0);
      expect(out.frames.map(bytesOf)).toEqual(input.frames.map(bytesOf));
    }
    expect((await replay(input, { target: ['10.0.0.2'] }, [22])).report.judged).toBe(17);
  });

  it('gives the same file every time', async () => {
    const first = await replay(capture());
    const second = await replay(capture());
    expect(Buffer.from(second.file).equals(Buffer.from(first.file))).toBe(true);
    expect(second.report).toEqual(first.report);
  });
});

const ISS = 1000;
const A = 5_000_000;
const B = 0xf000_0000;
const near = { srcPort: 40_000, dstPort: 22, wnd: 500 };
const far = { src: '10.0.0.2', dst: '10.0.0.1', srcPort: 22, dstPort: 40_000, wnd: 500 };
const offer = { mss: 1460, sackPermitted: true, wndScale: 7 };

function at(ms: number, fromNear: boolean, spec: SegmentSpec): TimedPacket {
  const packet = seg({ ...(fromNear ? near : far), ...spec });
  return { timeUs: 1_700_000_000_000_000 + ms * 1000, packet, fromNear };
}

/** A phantom answers first; the server, in SYN-RECV, refuses what it gets and repeats. */
function phantom(): TimedPacket[] {
  const opens: TimedPacket[] = [
    at(0, true, { ...offer, flags: SYN, seq: ISS }),
    at(1, false, { ...offer, flags: SYN | ACK, seq: A, ack: ISS + 1 }),
    at(1.1, true, { seq: ISS + 1, ack: A + 1 }),
    at(1.3, true, { flags: ACK | PSH, seq: ISS + 1, ack: A + 1, payload: 'SSH-2.0-client\r\n' }),
    at(3, false, { ...offer, flags: SYN | ACK, seq: B, ack: ISS + 1 }),
    at(3.1, false, { flags: RST, seq: A + 1 }),
  ];
  const goesOn = [1003, 3003].map((ms) =>
    at(ms, false, { ...offer, flags: SYN | ACK, seq: B, ack: ISS + 1 }),
  );
  const banner = at(3100, false, {
    ...{ flags: ACK | PSH, seq: B + 1, ack: ISS + 17, payload: 'SSH-2.0-server\r\n' },
  });
  return [...opens, ...goesOn, banner, at(3200, true, { seq: ISS + 17, ack: A + 17 })];
}

describe('a phantom', () => {
  it('is given up: what the server says comes in the numbers that the client knows', async () => {
    const { report, out, comments } = await replay(readCapture(ethernetCapture(phantom())));
    expect(report.interventions).toMatchObject({ reanchored: 1, 'first-data-resent': 1 });
    const segments = out.frames.map(segmentOf);
    const banner = segments.find(({ srcPort, payloadBytes }) => srcPort === 22 && payloadBytes > 0);
    expect([(banner?.segSeq ?? 0) >>> 0, (banner?.segAck ?? 0) >>> 0]).toEqual([A + 1, ISS + 17]);
    const last = segments.at(-1);
    expect([(last?.segSeq ?? 0) >>> 0, (last?.segAck ?? 0) >>> 0]).toEqual([ISS + 17, B + 17]);
    expect(report.injected).toBeGreaterThanOrEqual(3);
    const told = comments.flat().join('\n');
    expect(told).toContain('seqshim: reanchored because of phantom-synack');
    expect(told).toContain(`delivered with seq ${B + 1} -> ${A + 1}`);
    expect(told).toContain('sent to the far end: ');
    expect(report.limits.join('\n')).toContain('Nobody answers in a capture');
  });

  it('puts what it injects into frames like those of its direction', async () => {
    const { out } = await replay(readCapture(ethernetCapture(phantom())));
    for (const frame of out.frames) {
      const toFar = segmentOf(frame).dstPort === 22;
      expect(frame.bytes[frame.linkOff + 5]).toBe(toFar ? 2 : 1);
    }
  });

  it('is repaired in a capture of headers too, checksums carried on', async () => {
    const whole = readCapture(ethernetCapture(phantom()));
    const snap = 14 + 40 + 12;
    const cut: Capture = {
      cutShort: false,
      frames: whole.frames.map((frame) => {
        const linkBytes = Math.min(frame.linkBytes, snap);
        return { ...frame, linkBytes, len: linkBytes - 14 };
      }),
    };
    const fromWhole = await replay(whole);
    const { report, out } = await replay(cut);
    expect(report.interventions).toMatchObject({ reanchored: 1 });
    expect(report.limits.join('\n')).toContain('cut by the capture');
    const banner = (frames: readonly Frame[]) =>
      frames.find(({ bytes, off, wireBytes }) => bytes[off + 21] === 22 && wireBytes === 70);
    const expected = banner(fromWhole.out.frames);
    const got = banner(out.frames);
    if (expected === undefined || got === undefined) throw new Error('no banner');
    expect(got.linkBytes).toBe(Math.min(snap, expected.linkBytes));
    expect(bytesOf(got)).toEqual(bytesOf(expected).subarray(0, got.linkBytes));
  });
});

describe('which end is near', () => {
  it('is told by --direction, and doubted where TTLs say otherwise', async () => {
    const serverSide = phantom().map(({ fromNear, timeUs, packet }) => {
      packet[8] = fromNear ? 57 : 64;
      return { fromNear, timeUs, packet };
    });
    const capture = readCapture(ethernetCapture(serverSide));
    const doubted = await replay(capture);
    expect(doubted.report.limits.join('\n')).toContain('say --direction in');
    const right = await replay(capture, { direction: 'in' });
    expect(right.report.limits.join('\n')).not.toContain('--direction');
    // Seen from the server two SYN-ACKs are its own doing.
    expect(right.report.dropped).toBe(0);
  });
});

describe('times', () => {
  it('that stand, go back, or leap by a century cost no more than others', async () => {
    const frames = readCapture(ethernetCapture(phantom())).frames;
    const leaps = [0, 3.2e15, 5, 3.2e15, 1e21, 1e21, 1e21, 2e21, 3e21, 4e21];
    const began = performance.now();
    const { report } = await replay({
      cutShort: false,
      frames: frames.map((frame, i) => ({ ...frame, timeUs: leaps[i] ?? 0 })),
    });
    expect(report.frames).toBe(frames.length);
    expect(report.limits.join('\n')).toContain('older than the one before');
    expect(performance.now() - began).toBeLessThan(5000);
  });
});
