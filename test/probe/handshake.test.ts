/** What a SYN asked for, and what came of it. */
import { describe, expect, it } from 'vitest';
import { ACK, SYN } from '../../src/engine/wire/segment.ts';
import { handshakeOf } from '../../src/probe/handshake.ts';
import { bookOf } from './flows.ts';

const ASKED = 'mss,sackOK,TS,nop,wscale';

describe('handshakeOf()', () => {
  it('names what is absent, the forms that came, and where from', () => {
    const flows = bookOf([
      { fromClient: true, flags: SYN, layout: ASKED, ttl: 64, atUs: 0 },
      { fromClient: false, flags: SYN | ACK, layout: 'mss,nop,nop,sackOK', ttl: 57, atUs: 700 },
    ]);
    expect(handshakeOf(flows)).toEqual({
      asked: ASKED,
      answered: ['mss,nop,nop,sackOK'],
      absent: ['TS', 'wscale'],
      ttls: [57],
      macs: ['02:00:00:00:00:01'],
      shortestReplyUs: 700,
    });
  });

  it('is nothing where no SYN was answered', () => {
    const flows = bookOf([{ fromClient: true, flags: SYN, layout: ASKED, ttl: 64, atUs: 0 }]);
    expect(handshakeOf(flows)).toBeUndefined();
    expect(handshakeOf([])).toBeUndefined();
  });
});
