/** Resets that somebody forges, and genuine ones that arrive with another number. */
import { describe, expect, it } from 'vitest';
import { ACK, RST, SYN } from '../../../src/engine/wire/segment.ts';
import { ChainRun, defined, ISN, ISS } from './chain-run.ts';

describe('forged-reset', () => {
  const OPEN = { seq: ISS + 1, ack: ISN + 1 };

  it('comes at its time with the number that the client expects', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'forged-reset', fromMs: 60, ttl: 200 }] });
    run.handshake();
    run.client({ ...OPEN, ack: ISN + 22 });
    expect(run.wait(59)).toEqual([]);
    const [reset, ...more] = run.wait(500);
    expect(more).toEqual([]);
    expect(defined(reset)).toMatchObject({ atMs: 60, toClient: true, text: '', checksum: 'good' });
    expect(defined(reset).seg).toMatchObject({ flags: RST, segSeq: ISN + 22, ttl: 200 });
  });

  it('comes as often as told, each after the time between', () => {
    const run = new ChainRun({
      behaviours: [{ kind: 'forged-reset', fromMs: 10, count: 3, everyMs: 20 }],
    });
    run.handshake();
    expect(run.wait(200).map(({ atMs }) => atMs)).toEqual([10, 30, 50]);
  });

  it('is so many octets beyond, or one of 256 everywhere, never the exact one', () => {
    const near = new ChainRun({
      behaviours: [{ kind: 'forged-reset', fromMs: 1, number: 'in-window', distance: 77 }],
    });
    near.handshake();
    expect(near.wait(5).map(({ seg }) => seg.segSeq)).toEqual([ISN + 1 + 77]);
    const blind = new ChainRun({
      behaviours: [{ kind: 'forged-reset', fromMs: 1, number: 'blind' }],
    });
    blind.handshake();
    const seqs = blind.wait(5).map(({ seg }) => seg.segSeq);
    expect(new Set(seqs).size).toBe(256);
    expect(seqs).not.toContain(ISN + 1);
  });

  it('carries data, and goes to the server', () => {
    const run = new ChainRun({
      behaviours: [{ kind: 'forged-reset', fromMs: 1, to: 'server', data: 'go away' }],
    });
    run.handshake();
    run.server({ seq: ISN + 1, ack: ISS + 30 });
    const [reset] = run.wait(5);
    expect(defined(reset)).toMatchObject({ toClient: false, text: 'go away', checksum: 'good' });
    expect(defined(reset).seg).toMatchObject({ segSeq: ISS + 30, srcPort: 40_000 });
  });

  it('follows the victim’s segments', () => {
    const run = new ChainRun({
      behaviours: [{ kind: 'forged-reset', follows: 'victim', count: 2 }],
    });
    run.client({ flags: SYN, seq: ISS });
    run.server({ flags: SYN | ACK, seq: ISN, ack: ISS + 1 });
    const flags = [0, 1, 2].map((k) =>
      run.client({ ...OPEN, ack: ISN + 1 + k }).map(({ seg }) => seg.segSeq),
    );
    expect(flags).toEqual([[ISS + 1, ISN + 1], [ISS + 1, ISN + 2], [ISS + 1]]);
  });

  it('is in numbers of its place: what renumbers before it renumbers it too', () => {
    const run = new ChainRun({
      behaviours: [{ kind: 'randomize' }, { kind: 'forged-reset', fromMs: 5 }],
    });
    const [, synAck] = run.handshake();
    const [reset] = run.wait(10);
    expect(defined(reset).seg.segSeq).toBe((synAck.seg.segSeq + 1) | 0);
  });
});

describe('randomized-reset', () => {
  it('gives a refusal a number of its own, and leaves what it acknowledges', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'randomized-reset', which: 'refusal' }] });
    run.client({ flags: SYN, seq: ISS });
    const [reset] = run.server({ flags: RST | ACK, seq: 0, ack: ISS + 1 });
    expect(defined(reset).seg.segSeq).not.toBe(0);
    expect(defined(reset).seg.segAck).toBe(ISS + 1);
    expect(defined(reset).checksum).toBe('good');
  });

  it('leaves resets of open connections alone, or changes those too', () => {
    for (const which of ['refusal', 'any'] as const) {
      const run = new ChainRun({ behaviours: [{ kind: 'randomized-reset', which }] });
      run.handshake();
      const [reset] = run.server({ flags: RST, seq: ISN + 1 });
      expect(defined(reset).seg.segSeq === ISN + 1).toBe(which === 'refusal');
    }
  });

  it('is dropped by a box that wants exact resets: CSCeg04006, the client hangs', () => {
    const run = new ChainRun({
      behaviours: [{ kind: 'strict-sequence', exactResets: true }, { kind: 'randomized-reset' }],
    });
    run.client({ flags: SYN, seq: ISS });
    expect(run.server({ flags: RST | ACK, seq: 0, ack: ISS + 1 })).toEqual([]);
  });
});
