/** Boxes that know connections, lose them, mistake them, or see half of them. */
import { describe, expect, it } from 'vitest';
import { ACK, FIN, RST, SYN } from '../../../src/engine/wire/segment.ts';
import { ChainRun, defined, ISN, ISS } from './chain-run.ts';

const OPEN = { seq: ISS + 1, ack: ISN + 1 };

describe('idle-drop', () => {
  it('lets a connection through that speaks in time, and drops it silently after', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'idle-drop', afterMs: 100 }] });
    run.handshake();
    run.wait(90);
    expect(run.client(OPEN)).toHaveLength(1);
    run.wait(101);
    expect(run.client(OPEN)).toEqual([]);
    expect(run.server({ seq: ISN + 1, ack: ISS + 1 })).toEqual([]);
    expect(run.client({ flags: SYN, seq: ISS + 99_999 })).toHaveLength(1);
  });

  it('answers what comes then with a reset that its sender believes', () => {
    const run = new ChainRun({
      behaviours: [{ kind: 'idle-drop', afterMs: 100, answer: 'reset' }],
    });
    run.handshake();
    expect(run.wait(150)).toEqual([]);
    const [toClient] = run.client(OPEN);
    expect(defined(toClient).toClient).toBe(true);
    expect(defined(toClient).seg).toMatchObject({ flags: RST, segSeq: ISN + 1 });
    const [toServer] = run.server({ seq: ISN + 1, ack: ISS + 1 });
    expect(defined(toServer).toClient).toBe(false);
    expect(defined(toServer).seg.segSeq).toBe(ISS + 1);
  });

  it('tells both ends when it forgets', () => {
    const run = new ChainRun({
      behaviours: [{ kind: 'idle-drop', afterMs: 100, answer: 'reset-both' }],
    });
    run.handshake();
    const told = run.wait(150);
    expect(told.map(({ toClient, atMs, seg }) => [toClient, atMs, seg.flags, seg.segSeq])).toEqual([
      [true, 100, RST, ISN + 1],
      [false, 100, RST, ISS + 1],
    ]);
  });
});

describe('state-loss', () => {
  it('passes everything until its moment, nothing after, and new connections again', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'state-loss', fromMs: 50 }] });
    run.handshake();
    expect(run.client(OPEN)).toHaveLength(1);
    run.wait(50);
    expect(run.client(OPEN)).toEqual([]);
    expect(run.server({ seq: ISN + 1, ack: ISS + 1, payload: 'x' })).toEqual([]);
    expect(run.client({ flags: SYN, seq: 77 })).toHaveLength(1);
    expect(run.server({ flags: SYN | ACK, seq: ISN, ack: 78 })).toHaveLength(1);
  });

  it('answers with resets when told so', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'state-loss', fromMs: 5, answer: 'reset' }] });
    run.handshake();
    run.wait(6);
    const [reset] = run.client({ ...OPEN, payload: 'ls' });
    expect(defined(reset).seg).toMatchObject({ flags: RST, segSeq: ISN + 1 });
    expect(defined(reset).toClient).toBe(true);
  });
});

describe('nat-port-reuse', () => {
  it('gives the one outer port to each connection, and what comes back to the newest', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'nat-port-reuse', ports: 1 }] });
    const outer = [40_001, 40_002].map((srcPort) =>
      defined(run.client({ flags: SYN, seq: ISS, srcPort })[0]),
    );
    expect(outer.map(({ seg }) => seg.srcPort)).toEqual([61_000, 61_000]);
    expect(outer.every(({ checksum }) => checksum === 'good')).toBe(true);
    const [back] = run.server({ flags: SYN | ACK, seq: ISN, ack: ISS + 1, dstPort: 61_000 });
    expect(defined(back).seg.dstPort).toBe(40_002);
    expect(run.client({ ...OPEN, srcPort: 40_001 })).toEqual([]);
    expect(defined(run.client({ ...OPEN, srcPort: 40_002 })[0]).seg.srcPort).toBe(61_000);
  });

  it('takes the ports of a pool in turn', () => {
    const run = new ChainRun({
      behaviours: [{ kind: 'nat-port-reuse', ports: 3, firstPort: 50_000 }],
    });
    const ports = [1, 2, 3, 4].map(
      (k) => defined(run.client({ flags: SYN, seq: ISS, srcPort: 40_000 + k })[0]).seg.srcPort,
    );
    expect(ports).toEqual([50_000, 50_001, 50_002, 50_000]);
  });

  it('keeps the port for retransmissions of a SYN', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'nat-port-reuse', ports: 3 }] });
    const ports = [1, 2].map(() => defined(run.client({ flags: SYN, seq: ISS })[0]).seg.srcPort);
    expect(new Set(ports).size).toBe(1);
  });

  it('leaves connections alone that it does not hit', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'nat-port-reuse', connection: 2 }] });
    const [syn, synAck] = run.handshake();
    expect([syn.seg.srcPort, synAck.seg.dstPort]).toEqual([40_000, 40_000]);
  });
});

describe('asymmetric-path', () => {
  it('hides the server’s half from the boxes behind, which then know no connection', () => {
    const run = new ChainRun({
      behaviours: [{ kind: 'asymmetric-path' }, { kind: 'randomize', whose: 'server' }],
    });
    const [, synAck] = run.handshake();
    expect(synAck.seg.segSeq).toBe(ISN);
  });

  it('makes a strict box drop what answers segments that it did not see', () => {
    const run = new ChainRun({
      behaviours: [{ kind: 'asymmetric-path', unseen: 'client' }, { kind: 'strict-sequence' }],
    });
    run.client({ flags: SYN, seq: ISS });
    expect(run.server({ flags: SYN | ACK, seq: ISN, ack: ISS + 1 })).toEqual([]);
  });

  it('hides nothing from boxes before it, and nothing until its time', () => {
    const before = new ChainRun({
      behaviours: [{ kind: 'randomize', whose: 'server' }, { kind: 'asymmetric-path' }],
    });
    expect(before.handshake()[1].seg.segSeq).not.toBe(ISN);
    const later = new ChainRun({
      behaviours: [
        { kind: 'asymmetric-path', fromMs: 10 },
        { kind: 'randomize', whose: 'server' },
      ],
    });
    expect(later.handshake()[1].seg.segSeq).not.toBe(ISN);
    later.wait(11);
    const [data] = later.server({ seq: ISN + 1, ack: ISS + 1, payload: 'x' });
    expect(defined(data).seg.segSeq).toBe(ISN + 1);
  });
});

describe('strict-timestamps', () => {
  it('drops segments without them once they are agreed on, resets excepted', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'strict-timestamps' }] });
    run.client({ flags: SYN, seq: ISS, ts: [1, 0] });
    run.server({ flags: SYN | ACK, seq: ISN, ack: ISS + 1, ts: [9, 1] });
    expect(run.client(OPEN)).toEqual([]);
    expect(run.client({ ...OPEN, ts: [2, 9] })).toHaveLength(1);
    expect(run.client({ ...OPEN, flags: RST })).toHaveLength(1);
    expect(run.server({ seq: ISN + 1, ack: ISS + 1 })).toHaveLength(1);
  });

  it('asks for nothing where they were not agreed on', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'strict-timestamps' }] });
    run.handshake();
    expect(run.client({ ...OPEN, flags: FIN | ACK })).toHaveLength(1);
  });
});
