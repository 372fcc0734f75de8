/** Boxes that follow sequence numbers and windows, and drop what is outside. */
import { describe, expect, it } from 'vitest';
import { ACK, FIN, RST, SYN } from '../../../src/engine/wire/segment.ts';
import { ChainRun, ISN, ISS } from './chain-run.ts';

const OPEN = { seq: ISS + 1, ack: ISN + 1 };

function strict(options: { exactResets?: boolean; fromMs?: number } = {}): ChainRun {
  const run = new ChainRun({ behaviours: [{ kind: 'strict-sequence', ...options }] });
  run.handshake({ wnd: 1000, sackPermitted: true }, { wnd: 1000, sackPermitted: true });
  return run;
}

describe('strict-sequence', () => {
  it('passes an ordinary conversation to its end', () => {
    const run = strict();
    expect(run.client({ ...OPEN, payload: 'hello', wnd: 1000 })).toHaveLength(1);
    expect(run.server({ seq: ISN + 1, ack: ISS + 6, payload: 'world', wnd: 1000 })).toHaveLength(1);
    expect(run.client({ seq: ISS + 6, ack: ISN + 6, flags: FIN | ACK, wnd: 1000 })).toHaveLength(1);
    expect(run.server({ seq: ISN + 6, ack: ISS + 7, flags: FIN | ACK })).toHaveLength(1);
    expect(run.client({ seq: ISS + 7, ack: ISN + 7 })).toHaveLength(1);
  });

  it('drops data far beyond the window (I), passes data just beyond it, and old data (II)', () => {
    const run = strict();
    expect(run.server({ seq: ISN + 200_001, ack: ISS + 1, payload: 'x' })).toEqual([]);
    expect(run.server({ seq: ISN + 1, ack: ISS + 1, payload: 'x' })).toHaveLength(1);
    expect(run.server({ seq: ISN - 70_000, ack: ISS + 1, payload: 'x' })).toHaveLength(1);
  });

  it('drops an ACK of what was not sent (III), and so SACK blocks that were not translated', () => {
    const run = strict();
    expect(run.server({ seq: ISN + 1, ack: ISS + 5000 })).toEqual([]);
    const untranslated = [[ISS + 900_000, ISS + 900_100]] as Array<[number, number]>;
    expect(run.server({ seq: ISN + 1, ack: ISS + 1, sack: untranslated })).toEqual([]);
    run.client({ ...OPEN, payload: 'hello', wnd: 1000 });
    const right = [[ISS + 3, ISS + 5]] as Array<[number, number]>;
    expect(run.server({ seq: ISN + 1, ack: ISS + 1, sack: right })).toHaveLength(1);
  });

  it('drops an old reset, passes an exact one, and an inexact one unless told otherwise', () => {
    const run = strict();
    run.client({ ...OPEN, ack: ISN + 1, payload: 'x' });
    expect(run.server({ flags: RST, seq: ISN })).toEqual([]);
    expect(run.server({ flags: RST, seq: ISN + 50 })).toHaveLength(1);
    expect(run.server({ flags: RST, seq: ISN + 1 })).toHaveLength(1);
    const exact = strict({ exactResets: true });
    expect(exact.server({ flags: RST, seq: ISN + 50 })).toEqual([]);
    expect(exact.server({ flags: RST, seq: ISN + 1 })).toHaveLength(1);
  });

  it('passes a refusal, and a second SYN-ACK, as conntrack does', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'strict-sequence' }] });
    run.client({ flags: SYN, seq: ISS });
    expect(run.server({ flags: RST | ACK, seq: 0, ack: ISS + 1 })).toHaveLength(1);
    expect(strict().server({ flags: SYN | ACK, seq: 1, ack: ISS + 1 })).toHaveLength(1);
  });

  it('knows no connection whose SYN it has not seen', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'strict-sequence' }] });
    expect(run.client(OPEN)).toEqual([]);
  });

  it('has followed the connection when its time comes', () => {
    const run = strict({ fromMs: 10 });
    expect(run.server({ seq: ISN + 1, ack: ISS + 5000 })).toHaveLength(1);
    run.wait(11);
    expect(run.server({ seq: ISN + 1, ack: ISS + 5000 })).toEqual([]);
    expect(run.server({ seq: ISN + 1, ack: ISS + 1 })).toHaveLength(1);
  });
});

describe('out-of-window-ack-drop', () => {
  it('drops keep-alives and ACKs of what was not sent; data and ordinary ACKs pass', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'out-of-window-ack-drop' }] });
    run.handshake();
    expect(run.client({ seq: ISS, ack: ISN + 1 })).toEqual([]);
    expect(run.client({ ...OPEN, ack: ISN + 900 })).toEqual([]);
    expect(run.client(OPEN)).toHaveLength(1);
    expect(run.client({ seq: ISS, ack: ISN + 1, payload: 'x' })).toHaveLength(1);
    expect(run.client({ seq: ISS, ack: ISN + 1, flags: RST })).toHaveLength(1);
  });

  it('watches the one side that it is told to', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'out-of-window-ack-drop', whose: 'server' }] });
    run.handshake();
    expect(run.client({ seq: ISS, ack: ISN + 1 })).toHaveLength(1);
    expect(run.server({ seq: ISN, ack: ISS + 1 })).toEqual([]);
  });
});
