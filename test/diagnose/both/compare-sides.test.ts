/** Every kind of rewriting on a small connection: it is stated, and nothing else is. */
import { describe, expect, it } from 'vitest';
import { ACK, RST, SYN } from '../../../src/engine/wire/segment.ts';
import type { SegmentSpec } from '../../helpers/segment-builder.ts';
import {
  CLIENT_ISN,
  CLOCK_MS,
  captures,
  changesOf,
  codesOf,
  compare,
  conversation,
  rewriting,
  SERVER_ISN,
  type Sent,
} from './two-sides.ts';

const SHIFT = 0x1357_9bdf;
const OTHER_SHIFT = 0x7777_0000;

const isSyn = ({ spec }: Sent) => ((spec.flags ?? 0) & SYN) !== 0;

/** Adds to the client's numbers on the way to the server, takes it off acknowledgements. */
function renumber({ from, spec }: Sent, shift: number, sackToo: boolean): SegmentSpec {
  const { seq = 0, ack = 0, sack } = spec;
  if (from === 'client') return { seq: seq + shift };
  const moved = sack?.map(([left, right]): [number, number] => [left - shift, right - shift]);
  return { ack: ack - shift, ...(moved !== undefined && sackToo ? { sack: moved } : {}) };
}

/** The conversation as the server has it, when its side is renumbered by `shift`. */
function serverKnows(sent: Sent[], shift: number): Sent[] {
  return sent.map((one) =>
    one.from === 'client'
      ? one
      : { ...one, spec: { ...one.spec, ...renumber({ ...one, from: 'server' }, -shift, true) } },
  );
}

describe('a healthy path', () => {
  it('rewrites nothing; the clocks are known within the time on the way', () => {
    const comparison = compare(captures(conversation()));
    expect(changesOf(comparison)).toEqual([]);
    expect(codesOf(comparison)).toEqual([]);
    expect(comparison.flows[0]?.pair.by).toBe('addresses');
    expect(comparison.flows[0]?.undecided).toBe(0);
    const { offsetUs = 0, errorUs = 0 } = comparison.clock ?? {};
    expect(Math.abs(offsetUs - CLOCK_MS * 1000)).toBeLessThanOrEqual(errorUs);
    expect(errorUs).toBeLessThan(2100);
  });

  it('has the hops that the TTL says', () => {
    const [flow] = compare(captures(conversation())).flows;
    const hops = flow?.changes.filter(({ kind }) => kind === 'ttl');
    expect(hops?.map(({ numbers, what }) => [numbers, what])).toEqual([
      [{ hops: 1 }, '1 hop'],
      [{ hops: 1 }, '1 hop'],
    ]);
  });
});

describe('numbers', () => {
  it('that are shifted with everything else are stated and no finding', () => {
    const sent = serverKnows(conversation(), SHIFT);
    const comparison = compare(
      captures(
        sent,
        rewriting((one) => renumber(one, SHIFT, true)),
      ),
    );
    expect(changesOf(comparison)).toEqual(['client sequence 14', 'server sack-translated 1']);
    expect(comparison.flows[0]?.changes[0]?.numbers['offset']).toBe(SHIFT);
    expect(codesOf(comparison)).toEqual([]);
  });

  it('that are shifted without the SACK blocks are a finding', () => {
    const sent = serverKnows(conversation(), SHIFT);
    const comparison = compare(
      captures(
        sent,
        rewriting((one) => renumber(one, SHIFT, false)),
      ),
    );
    expect(changesOf(comparison)).toEqual(['client sequence 14', 'server sack-left 1']);
    expect(codesOf(comparison)).toEqual(['sack-out-of-window proven']);
  });

  it('whose translation is made anew are a jump', () => {
    const box = rewriting((one) =>
      one.from === 'client' ? { seq: (one.spec.seq ?? 0) + (one.atMs > 60 ? OTHER_SHIFT : 0) } : {},
    );
    const comparison = compare(captures(conversation(), box));
    expect(changesOf(comparison)).toContain('client sequence-again 7');
    expect(codesOf(comparison)).toEqual(['sequence-jump proven']);
  });

  it('whose acknowledgements are not shifted with them are told', () => {
    const box = rewriting(({ from, spec }) =>
      from === 'client' ? { seq: (spec.seq ?? 0) + SHIFT } : {},
    );
    const changes = compare(captures(conversation(), box)).flows[0]?.changes ?? [];
    expect(changes.find(({ kind }) => kind === 'acknowledgement')?.what).toBe('left as they were');
  });
});

describe('fields', () => {
  const syn = (change: SegmentSpec) => rewriting((one) => (isSyn(one) ? change : {}));
  const noOption = (name: keyof SegmentSpec, length: number) =>
    rewriting((one) => {
      if (!isSyn(one) || one.from === 'client') return {};
      return { [name]: undefined, options: Array<number>(length).fill(1) } as SegmentSpec;
    });

  it.each<[string, ReturnType<typeof rewriting>, string[], string[]]>([
    [
      'MSS',
      syn({ mss: 1300 }),
      ['client mss 1', 'server mss 1'],
      ['mss-lowered proven', 'mss-lowered proven'],
    ],
    ['a larger MSS', syn({ mss: 9000 }), ['client mss 1', 'server mss 1'], []],
    [
      'window scale',
      noOption('wndScale', 3),
      ['server window-scale 1'],
      ['window-scale-stripped proven'],
    ],
    ['timestamps', noOption('ts', 10), ['server timestamps 1'], ['timestamps-stripped proven']],
    [
      'SACK',
      noOption('sackPermitted', 2),
      ['server sack-permitted 1'],
      ['sack-permitted-stripped proven'],
    ],
    [
      'another option',
      rewriting((one) => (isSyn(one) && one.from === 'client' ? { options: [76, 4, 1, 1] } : {})),
      ['client option 1'],
      [],
    ],
    [
      'window',
      rewriting((one) => (one.from === 'server' ? { wnd: 1 } : {})),
      ['server window 14'],
      [],
    ],
    [
      'payload',
      rewriting((one) => (one.spec.payload && one.atMs === 40 ? { payload: 'x'.repeat(100) } : {})),
      ['client payload 1'],
      [],
    ],
    [
      'IP ID',
      rewriting((one) => (one.from === 'client' ? { ipId: 7 } : {})),
      ['client ip-id 14'],
      [],
    ],
    [
      'uneven TTL',
      rewriting((one) => (one.atMs === 40 ? { ttl: 200 } : {})),
      ['client ttl 14'],
      [],
    ],
  ])('%s', (_what, box, changes, codes) => {
    const comparison = compare(captures(conversation(), box));
    expect(changesOf(comparison)).toEqual(changes);
    expect(codesOf(comparison)).toEqual(codes);
  });

  it('an option that gives way to NOPs is told from one that is gone', () => {
    const what = (length: number) => {
      const comparison = compare(captures(conversation(), noOption('wndScale', length)));
      return comparison.flows[0]?.changes.find(({ kind }) => kind === 'window-scale')?.what;
    };
    expect(what(3)).toBe('overwritten with NOPs');
  });

  it('addresses that NAT changed do not hide the connection', () => {
    const nat = (one: Sent): Sent =>
      one.from === 'server'
        ? { ...one, spec: { ...one.spec, dst: '192.0.2.9', dstPort: 61_000 } }
        : one;
    const back = (one: Sent): SegmentSpec =>
      one.from === 'server'
        ? { dst: '10.0.0.1', dstPort: 40_000 }
        : { src: '192.0.2.9', srcPort: 61_000 };
    const comparison = compare(captures(conversation().map(nat), rewriting(back)));
    expect(comparison.flows[0]?.pair.by).toBe('content');
    expect(changesOf(comparison)).toEqual(['client addresses 28']);
  });
});

it('congestion marks are no rewriting, a changed DSCP is', () => {
  const marked = captures(conversation()).map((bytes) => bytes.slice()) as [Uint8Array, Uint8Array];
  const setTos = (sent: number, got: number) => {
    for (const [bytes, tos] of [
      [marked[0], sent],
      [marked[1], got],
    ] as const) {
      // The second octet of the first packet, behind the headers of file and record.
      bytes[24 + 16 + 1] = tos;
    }
    return changesOf(compare(marked));
  };
  expect(setTos(2, 3)).toEqual([]);
  expect(setTos(2, 0)).toEqual(['client ecn 1']);
  expect(setTos(0xb8, 0)).toEqual(['client dscp 1']);
});

describe('packets', () => {
  it('that never arrive are dropped, once they could have', () => {
    const comparison = compare(
      captures(conversation(), (one) =>
        one.atMs === 50 || one.atMs === 53 ? [] : rewriting(() => ({}))(one, 0),
      ),
    );
    const { changes = [] } = comparison.flows[0] ?? {};
    expect(
      changes.filter(({ kind }) => kind === 'dropped').map(({ dir, packets }) => [dir, packets]),
    ).toEqual([[1, 1]]);
    // The server acknowledged the octets of the other: its capture missed them.
    expect(comparison.flows[0]?.undecided).toBe(1);
  });

  it('that are missing at the end of a capture are not called dropped', () => {
    const comparison = compare(
      captures(conversation(), (one, index) =>
        one.atMs >= 1000 ? [] : rewriting(() => ({}))(one, index),
      ),
    );
    expect(changesOf(comparison)).toEqual([]);
    expect(comparison.flows[0]?.undecided).toBe(2);
  });

  it('that arrive twice are duplicated', () => {
    const box = (one: Sent, index: number) => {
      const once = rewriting(() => ({}))(one, index);
      return one.atMs === 50 ? [...once, ...once] : once;
    };
    expect(changesOf(compare(captures(conversation(), box)))).toEqual(['client duplicated 1']);
  });

  it('that nobody sent are invented: a reset', () => {
    const box = (one: Sent, index: number) => {
      const once = rewriting(() => ({}))(one, index);
      const reset = { ...one.spec, flags: RST, seq: SERVER_ISN + 22, ack: 0, ipId: 9, ttl: 200 };
      const { payload: _payload, ts: _ts, ...bare } = reset;
      return one.atMs === 53 ? [...once, bare] : once;
    };
    const comparison = compare(captures(conversation(), box));
    expect(changesOf(comparison)).toEqual(['server invented 1']);
    expect(codesOf(comparison)).toEqual(['rst-foreign likely']);
  });

  it('that nobody sent are invented: a second SYN-ACK and its reset', () => {
    const box = (one: Sent, index: number) => {
      const once = rewriting(() => ({}))(one, index);
      if (one.atMs !== 20) return once;
      const { payload: _payload, ...bare } = one.spec;
      const other = {
        ...bare,
        flags: SYN | ACK,
        seq: SERVER_ISN + 0x2000_0000,
        ipId: 0,
        mss: 1460,
      };
      return [other, { ...bare, flags: RST, seq: SERVER_ISN + 1, ack: 0, ipId: 0 }, ...once];
    };
    const comparison = compare(captures(conversation(), box));
    expect(changesOf(comparison)).toEqual(['server invented 1', 'server invented 1']);
    expect(codesOf(comparison)).toEqual(['synack-conflict likely', 'rst-after-conflict likely']);
  });

  it('that nobody sent are invented: a SYN-ACK before the server’s, which the client takes', () => {
    const phantom = 0x4000_0000;
    const box = (one: Sent, index: number) => {
      const once = rewriting(() => ({}))(one, index);
      return one.atMs === 3 ? [{ ...one.spec, seq: phantom, wnd: 512, ttl: 63 }, ...once] : once;
    };
    const sent = conversation().map((one): Sent => {
      const spec = one.atMs === 6 ? { ...one.spec, ack: phantom + 1 } : one.spec;
      return { ...one, spec };
    });
    // The firewall keeps the SYN until the client has gone on: the server gets the ACK first.
    for (const synLagMs of [2, 15]) {
      const lagMs = (index: number) => (index === 0 ? synLagMs : 2);
      const comparison = compare(captures(sent, box, lagMs));
      expect(comparison.server.flows).toHaveLength(1);
      expect(changesOf(comparison)).toContain('server invented 1');
      expect(codesOf(comparison)).toEqual(['synack-conflict likely', 'phantom-synack likely']);
    }
  });

  it('that come late and out of order are told', () => {
    const comparison = compare(
      captures(conversation(), undefined, (index) => (index === 7 ? 28 : 2)),
    );
    expect(changesOf(comparison)).toEqual(['client reordered 2', 'client delayed 1']);
  });
});

describe('sides that cannot be compared', () => {
  it('are known to be swapped', () => {
    const [client, server] = captures(conversation());
    expect(compare([server, client]).isSwapped).toBe(true);
    expect(compare([client, server]).isSwapped).toBe(false);
  });

  it('share no connection', () => {
    const [client] = captures(conversation());
    const far = conversation().map((one, index) => ({
      ...one,
      spec: {
        ...one.spec,
        src: '192.0.2.1',
        dst: '192.0.2.2',
        srcPort: 1,
        dstPort: 2,
        seq: 5,
        ts: [3, index] as [number, number],
        payload: [],
      },
    }));
    const [, server] = captures(far);
    expect(compare([client, server]).flows).toEqual([]);
  });

  it('have two connections that could be either', () => {
    const bare = (port: number, server: string): Sent => ({
      atMs: 0,
      from: 'client',
      spec: { flags: SYN, seq: CLIENT_ISN + port, dst: server, srcPort: 40_000 },
    });
    const [client] = captures([bare(1, '10.0.0.2'), bare(2, '10.0.0.2')]);
    const [, server] = captures([bare(3, '10.0.0.2'), bare(4, '10.0.0.2')]);
    const { match } = compare([client, server]);
    expect(match.pairs).toEqual([]);
    expect(match.ambiguous).toHaveLength(2);
  });
});
