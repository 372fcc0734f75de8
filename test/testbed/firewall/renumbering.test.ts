/** Boxes that change sequence numbers: both ends still agree, or do not where they shall not. */
import { describe, expect, it } from 'vitest';
import { get32 } from '../../../src/engine/wire/bytes.ts';
import { ACK, SYN } from '../../../src/engine/wire/segment.ts';
import { ChainRun, defined, ISN, ISS, type Sent } from './chain-run.ts';

function leftEdge({ bytes, seg }: Sent): number {
  return get32(bytes, seg.sackOff) >>> 0;
}

describe('randomize', () => {
  it('renumbers both directions so that each end reads its own numbers in ACKs', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'randomize' }] });
    const [syn, synAck, ack] = run.handshake();
    expect(syn.seg.segSeq).not.toBe(ISS);
    expect(synAck.seg.segSeq).not.toBe(ISN);
    expect(synAck.seg.segAck).toBe(ISS + 1);
    expect(ack.seg.segAck).toBe(ISN + 1);
    expect(ack.seg.segSeq).toBe((syn.seg.segSeq + 1) | 0);
    expect([syn, synAck, ack].map(({ checksum }) => checksum)).toEqual(['good', 'good', 'good']);
  });

  it('renumbers the one side that it is told to', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'randomize', whose: 'server' }] });
    const [syn, synAck] = run.handshake();
    expect(syn.seg.segSeq).toBe(ISS);
    expect(synAck.seg.segSeq).not.toBe(ISN);
  });

  it('translates SACK blocks, and leaves those of the side to which it is blind', () => {
    for (const sackBlind of ['neither', 'server', 'client', 'both'] as const) {
      const run = new ChainRun({ behaviours: [{ kind: 'randomize', sackBlind }] });
      const [syn, synAck] = run.handshake({ sackPermitted: true }, { sackPermitted: true });
      const clientShift = syn.seg.segSeq - ISS;
      const serverShift = synAck.seg.segSeq - ISN;
      const ofServer = defined(
        run.server({
          seq: ISN + 1,
          ack: ISS + 1 + clientShift,
          sack: [[ISS + 9 + clientShift, ISS + 19 + clientShift]],
        })[0],
      );
      const ofClient = defined(
        run.client({
          seq: ISS + 1,
          ack: ISN + 1 + serverShift,
          sack: [[ISN + 9 + serverShift, ISN + 19 + serverShift]],
        })[0],
      );
      const isServerBlind = sackBlind === 'server' || sackBlind === 'both';
      const isClientBlind = sackBlind === 'client' || sackBlind === 'both';
      expect(leftEdge(ofServer) === ISS + 9).toBe(!isServerBlind);
      expect(leftEdge(ofClient) === ISN + 9).toBe(!isClientBlind);
      expect(ofServer.checksum).toBe('good');
    }
  });

  it('stands in series with another: each keeps its own table, and the offsets add up', () => {
    const one = new ChainRun({ behaviours: [{ kind: 'randomize' }] });
    const two = new ChainRun({ behaviours: [{ kind: 'randomize' }, { kind: 'randomize' }] });
    const [first] = one.handshake();
    const [syn, synAck, ack] = two.handshake();
    expect(syn.seg.segSeq).not.toBe(first.seg.segSeq);
    expect(synAck.seg.segAck).toBe(ISS + 1);
    expect(ack.seg.segAck).toBe(ISN + 1);
  });

  it('works for IPv6', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'randomize' }] }, 6);
    const [, synAck] = run.handshake();
    expect(synAck.seg.segAck).toBe(ISS + 1);
    expect(synAck.checksum).toBe('good');
  });

  it('is another for another seed, and the same for the same', () => {
    const seqOf = (seed: number) =>
      new ChainRun({ behaviours: [{ kind: 'randomize' }], seed }).handshake()[0].seg.segSeq;
    expect(seqOf(7)).toBe(seqOf(7));
    expect(seqOf(7)).not.toBe(seqOf(8));
  });
});

describe('rerandomize', () => {
  it('leaves numbers alone until its time, then has others, and others again', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'rerandomize', fromMs: 50, everyMs: 100 }] });
    const [syn] = run.handshake();
    expect(syn.seg.segSeq).toBe(ISS);
    const seqs = [40, 20, 100].map((ms) => {
      run.wait(ms);
      return defined(run.client({ seq: ISS + 1, ack: ISN + 1 })[0]).seg.segSeq;
    });
    expect(seqs[0]).toBe(ISS + 1);
    expect(new Set(seqs).size).toBe(3);
  });

  it('changes the numbers of one side when told so', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'rerandomize', whose: 'server', fromMs: 5 }] });
    run.handshake();
    run.wait(10);
    const data = defined(run.server({ seq: ISN + 1, ack: ISS + 1, payload: 'x' })[0]);
    expect(data.seg.segSeq).not.toBe(ISN + 1);
    expect(data.seg.segAck).toBe(ISS + 1);
  });
});

describe('syn-cookie-proxy', () => {
  const SYN_ACK = SYN | ACK;

  function open(
    options: 'cookie' | 'client',
    splices = true,
  ): { run: ChainRun; asked: Sent; cookie: Sent } {
    const run = new ChainRun({ behaviours: [{ kind: 'syn-cookie-proxy', options, splices }] });
    const [cookie, ...more] = run.client({
      flags: SYN,
      seq: ISS,
      mss: 1400,
      wndScale: 7,
      ts: [1, 0],
    });
    expect(more).toEqual([]);
    const asked = run.client({ seq: ISS + 1, ack: defined(cookie).seg.segSeq + 1 });
    return { run, asked: defined(asked[0]), cookie: defined(cookie) };
  }

  it('answers the SYN itself with a closed window, and asks the server when that was acknowledged', () => {
    const { asked, cookie } = open('cookie');
    expect(cookie.toClient).toBe(true);
    expect(cookie.seg).toMatchObject({
      flags: SYN_ACK,
      segAck: ISS + 1,
      segWnd: 0,
      wndScale: -1,
      tsOff: 0,
    });
    expect(asked.toClient).toBe(false);
    expect(asked.seg).toMatchObject({ flags: SYN, segSeq: ISS, wndScale: -1, tsOff: 0 });
  });

  it('tells the server of options that the client was not granted', () => {
    expect(open('client').asked.seg).toMatchObject({ wndScale: 7, tsVal: 1 });
  });

  it('splices: opens the window, and renumbers the server from then on', () => {
    const { run, cookie } = open('cookie');
    const said = run.server({ flags: SYN_ACK, seq: ISN, ack: ISS + 1, wnd: 999 });
    expect(said.map(({ toClient, seg }) => [toClient, seg.segSeq, seg.segAck, seg.segWnd])).toEqual(
      [
        [false, ISS + 1, ISN + 1, 65_535],
        [true, (cookie.seg.segSeq + 1) | 0, ISS + 1, 999],
      ],
    );
    const data = defined(run.server({ seq: ISN + 1, ack: ISS + 1, payload: 'SSH-2.0' })[0]);
    expect(data.seg.segSeq).toBe((cookie.seg.segSeq + 1) | 0);
    const ack = defined(run.client({ seq: ISS + 1, ack: data.seg.segSeq + 7 })[0]);
    expect(ack.seg.segAck).toBe(ISN + 8);
  });

  it('asks again when the server says nothing', () => {
    const { run } = open('cookie');
    expect(run.wait(3100).map(({ seg }) => seg.flags)).toEqual([SYN, SYN]);
  });

  it('hands a refusal to the client with the number that it believes', () => {
    const { run, cookie } = open('cookie');
    const [reset] = run.server({ flags: 0x14, seq: 0, ack: ISS + 1 });
    expect(defined(reset).seg.segSeq).toBe((cookie.seg.segSeq + 1) | 0);
  });

  it('when it forgets to splice, the server’s SYN-ACK arrives as it is', () => {
    const { run } = open('cookie', false);
    const said = run.server({ flags: SYN_ACK, seq: ISN, ack: ISS + 1 });
    expect(said.map(({ toClient, seg }) => [toClient, seg.segSeq])).toEqual([[true, ISN]]);
  });
});
