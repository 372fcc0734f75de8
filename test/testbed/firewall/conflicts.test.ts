/** A second end point, or a second translation: what arrives at the client, in which order. */
import { describe, expect, it } from 'vitest';
import { ACK, RST, SYN } from '../../../src/engine/wire/segment.ts';
import { ChainRun, defined, ISN, ISS, type Sent } from './chain-run.ts';

const SYN_ACK = SYN | ACK;

function word({ seg, text }: Sent): string {
  if ((seg.flags & SYN) !== 0) return seg.segSeq === ISN ? 'A' : 'B';
  if ((seg.flags & RST) !== 0) return 'R';
  return text === '' ? 'ack' : 'D';
}

describe('first-connection-reset', () => {
  for (const order of ['BRD', 'RBD', 'DRB'] as const) {
    it(`sends ${order} back to back, the reset with the exact number`, () => {
      const run = new ChainRun({ behaviours: [{ kind: 'first-connection-reset', order }] });
      run.handshake();
      expect(run.server({ seq: ISN + 1, ack: ISS + 1, payload: 'SSH-2.0' })).toEqual([]);
      const burst = run.wait(20);
      expect(burst.map(word).join('')).toBe(order);
      expect(new Set(burst.map(({ atMs }) => atMs)).size).toBe(1);
      expect(burst.find((one) => word(one) === 'R')?.seg.segSeq).toBe(ISN + 1);
      expect(burst.every(({ checksum }) => checksum === 'good')).toBe(true);
    });
  }

  it('waits for the server’s data, and sends B again at 1 and 3 s', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'first-connection-reset' }] });
    run.handshake();
    expect(run.wait(100)).toEqual([]);
    run.server({ seq: ISN + 1, ack: ISS + 1, payload: 'SSH-2.0' });
    expect(run.wait(10).map(word)).toEqual(['B', 'R', 'D']);
    const repeats = run.wait(4000);
    expect(repeats.map(word)).toEqual(['B', 'B']);
  });

  it('does it to the n-th connection only, when told so', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'first-connection-reset', connection: 2 }] });
    for (const [port, expected] of [
      [40_001, ['D']],
      [40_002, ['B', 'R', 'D']],
      [40_003, ['D']],
    ] as const) {
      run.client({ flags: SYN, seq: ISS, srcPort: port });
      run.server({ flags: SYN_ACK, seq: ISN, ack: ISS + 1, dstPort: port });
      const at = run.server({ seq: ISN + 1, ack: ISS + 1, payload: 'x', dstPort: port });
      expect([...at, ...run.wait(30)].map(word)).toEqual(expected);
    }
  });
});

describe('challenge-ack-reset', () => {
  it('answers the client’s duplicate ACK, and not an ACK that came before', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'challenge-ack-reset' }] });
    run.handshake();
    expect(run.wait(20).map(word)).toEqual(['B']);
    expect(run.server({ seq: ISN + 1, ack: ISS + 1, payload: 'SSH' })).toEqual([]);
    const said = run.client({ seq: ISS + 1, ack: ISN + 1 });
    expect(said.map((one) => [one.toClient, word(one)])).toEqual([
      [false, 'ack'],
      [true, 'R'],
      [true, 'D'],
    ]);
    expect(defined(said[1]).seg.segSeq).toBe(ISN + 1);
  });

  it('lets the server speak when the client says nothing', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'challenge-ack-reset' }] });
    run.handshake();
    run.wait(19);
    run.server({ seq: ISN + 1, ack: ISS + 1, payload: 'SSH' });
    expect(run.wait(100).map(word)).toEqual(['D']);
  });
});

describe('duplicate-address', () => {
  it('answers the SYN a second time, and each ACK with a reset, from farther away', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'duplicate-address' }] });
    run.client({ flags: SYN, seq: ISS });
    run.server({ flags: SYN_ACK, seq: ISN, ack: ISS + 1 });
    const said = run.client({ seq: ISS + 1, ack: ISN + 1 });
    expect(said.map(word)).toEqual(['ack', 'R']);
    expect(defined(said[1]).seg).toMatchObject({ segSeq: ISN + 1, ttl: 57 });
    const [other] = run.wait(20);
    expect(defined(other).seg).toMatchObject({ flags: SYN_ACK, segAck: ISS + 1, ttl: 57 });
    expect(defined(other).seg.segSeq).not.toBe(ISN);
  });
});

describe('phantom-synack', () => {
  it('answers at once with its own options, and the server’s SYN-ACK comes second', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'phantom-synack', wndScale: 2 }] });
    const said = run.client({ flags: SYN, seq: ISS, wndScale: 7, mss: 1460 });
    expect(said.map((one) => [one.toClient, one.seg.flags])).toEqual([
      [true, SYN_ACK],
      [false, SYN],
    ]);
    expect(defined(said[0]).seg).toMatchObject({ segAck: ISS + 1, wndScale: 2, tsOff: 0 });
    const [second] = run.server({ flags: SYN_ACK, seq: ISN, ack: ISS + 1 });
    expect(defined(second).seg.segSeq).toBe(ISN);
  });

  it('makes the server late, and as far ahead as it is told', () => {
    const run = new ChainRun({
      behaviours: [{ kind: 'phantom-synack', serverLateMs: 50, serverAhead: 100 }],
    });
    const [phantom, ...more] = run.client({ flags: SYN, seq: ISS });
    expect(more).toEqual([]);
    expect(run.wait(60).map(({ toClient, seg }) => [toClient, seg.flags])).toEqual([[false, SYN]]);
    const [second] = run.server({ flags: SYN_ACK, seq: ISN, ack: ISS + 1 });
    const { segSeq } = defined(second).seg;
    expect(segSeq).toBe((defined(phantom).seg.segSeq + 100) | 0);
    const [ack] = run.client({ seq: ISS + 1, ack: segSeq + 1 });
    expect(defined(ack).seg.segAck).toBe(ISN + 1);
  });
});
