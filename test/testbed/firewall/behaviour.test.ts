/** Names and defaults of behaviours, which scenario files are written in; and the chain as such. */
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import {
  behaviourSchema,
  camelKeys,
  readComposition,
} from '../../../src/testbed/firewall/behaviour.ts';
import { SEED, SEED_HINT } from '../../helpers/seed.ts';
import { ChainRun, defined, ISN, ISS } from './chain-run.ts';

/** Kind: its options besides the four of the schedule. */
const NAMES = [
  'randomize: whose sackBlind',
  'rerandomize: whose everyMs',
  'first-connection-reset: delayMs order ttl',
  'challenge-ack-reset: delayMs ttl',
  'duplicate-address: delayMs ttl',
  'phantom-synack: wndScale timestamps serverLateMs serverAhead ttl',
  'syn-cookie-proxy: mss options splices ttl',
  'forged-reset: number distance count follows everyMs to data ttl',
  'randomized-reset: whose which',
  'idle-drop: afterMs answer ttl',
  'state-loss: answer ttl',
  'nat-port-reuse: ports firstPort',
  'strip-option: option from by',
  'change-option: option value from',
  'window: whose how value',
  'checksum: whose damage on share',
  'mtu-limit: whose octets answer',
  'out-of-window-ack-drop: whose',
  'asymmetric-path: unseen',
  'strict-sequence: exactResets',
  'strict-timestamps: whose',
  'link: delayMs jitterMs rateMbit bufferOctets loss reordering duplication toServer toClient',
];
const KINDS = NAMES.map((row) => row.split(':')[0] ?? '');

/** What has no default. */
const NEEDED: Record<string, object> = {
  'idle-drop': { afterMs: 1000 },
  'strip-option': { option: 'timestamps' },
  'change-option': { option: 'mss', value: 1380 },
  'mtu-limit': { octets: 1300 },
};

describe('behaviourSchema', () => {
  it('knows these kinds with these options: names are API', () => {
    const names = behaviourSchema.options.map(({ entries }) => {
      const { kind, fromMs, untilMs, probability, connection, ...own } = entries;
      const schedule = [fromMs, untilMs, probability, connection];
      expect(schedule).not.toContain(undefined);
      return `${kind.literal}: ${Object.keys(own).join(' ')}`;
    });
    expect(names).toEqual(NAMES);
  });

  it('fills in defaults', () => {
    const [behaviour] = readComposition({ behaviours: [{ kind: 'forged-reset' }] }).behaviours;
    expect(behaviour).toMatchObject({ fromMs: 0, untilMs: 0, probability: 1, connection: 0 });
    expect(behaviour).toMatchObject({ number: 'exact', count: 1, follows: 'clock', ttl: 63 });
  });

  it('refuses what it does not know, with the key', () => {
    expect(() =>
      readComposition({ behaviours: [{ kind: 'idle-drop', afterMs: 1, afer: 2 }] }),
    ).toThrow(/behaviours\.0\.afer/);
    expect(() => readComposition({ behaviours: [{ kind: 'nonsense' }] })).toThrow(/kind/);
    expect(() => readComposition({ behaviours: [], path: { loss: 2 } })).toThrow(
      /must be a part from 0 to 1\n.*path\.loss/,
    );
  });
});

describe('camelKeys()', () => {
  it('turns the keys of TOML into those of the schema, and leaves values', () => {
    const told = { kind: 'idle-drop', 'after-ms': 5, 'to-client': { 'rate-mbit': [1] } };
    const read = { kind: 'idle-drop', afterMs: 5, toClient: { rateMbit: [1] } };
    expect(camelKeys(told)).toEqual(read);
  });
});

describe('schedule', () => {
  it('hits the share of connections that it is told, the same ones for the same seed', () => {
    const hits = (seed: number) => {
      const behaviours = [{ kind: 'randomize', probability: 0.3 }] as const;
      const run = new ChainRun({ behaviours: [...behaviours], seed });
      return Array.from({ length: 300 }, (_, k) => {
        const [syn] = run.client({ flags: 2, seq: ISS, srcPort: 40_000 + k });
        return defined(syn).seg.segSeq !== ISS;
      });
    };
    expect(hits(1)).toEqual(hits(1));
    expect(hits(1)).not.toEqual(hits(2));
    const count = hits(1).filter(Boolean).length;
    expect(count).toBeGreaterThan(60);
    expect(count).toBeLessThan(120);
  });

  it('is over after untilMs: what was renumbered passes as it is', () => {
    const run = new ChainRun({ behaviours: [{ kind: 'randomize', untilMs: 30 }] });
    run.handshake();
    run.wait(30);
    expect(defined(run.client({ seq: ISS + 1, ack: 7 })[0]).seg).toMatchObject({ segSeq: ISS + 1 });
  });
});

describe('chain', () => {
  it('is transparent without behaviours, to the octet', () => {
    const run = new ChainRun({ behaviours: [] });
    const [syn] = run.client({ flags: 2, seq: ISS, mss: 1460, wndScale: 7, ts: [1, 0] });
    const bare = new ChainRun({ behaviours: [{ kind: 'state-loss', fromMs: 1e9 }] });
    const [same] = bare.client({ flags: 2, seq: ISS, mss: 1460, wndScale: 7, ts: [1, 0] });
    expect(defined(same).bytes).toEqual(defined(syn).bytes);
  });

  it('passes packets of connections that it has not seen begin', () => {
    for (const kind of KINDS.filter((one) => one !== 'strict-sequence')) {
      const behaviour = v.parse(behaviourSchema, { kind, ...NEEDED[kind] });
      const run = new ChainRun({ behaviours: [behaviour] });
      expect([kind, run.client({ seq: ISS, ack: ISN }).length]).toEqual([kind, 1]);
    }
  });

  it(`gives the same packets again for the same seed, all behaviours at once (${SEED_HINT})`, () => {
    const behaviours = KINDS.map((kind) =>
      v.parse(behaviourSchema, { kind, ...NEEDED[kind], probability: 0.5 }),
    );
    const path = { delayMs: 3, jitterMs: 5, loss: 0.05, reordering: 0.1, duplication: 0.05 };
    const once = () => {
      const run = new ChainRun({ behaviours, path, seed: SEED });
      const seen: string[] = [];
      for (let k = 0; k < 60; k++) {
        const port = 40_000 + (k % 20);
        const [client, server] = [{ srcPort: port }, { dstPort: port }];
        const sent = [
          ...run.client({ ...client, flags: 2, seq: k, sackPermitted: true, ts: [k, 0] }),
          ...run.server({ ...server, flags: 18, seq: 9, ack: k + 1, wndScale: 7 }),
          ...run.client({ ...client, seq: k + 1, ack: 10, payload: 'ls' }),
          ...run.wait(7),
          ...run.server({
            ...server,
            seq: 10,
            ack: k + 3,
            payload: 'SSH-2.0',
            sack: [[k + 5, k + 9]],
          }),
        ];
        for (const { atMs, bytes } of sent)
          seen.push(`${atMs} ${Buffer.from(bytes).toString('hex')}`);
      }
      return seen;
    };
    const first = once();
    expect(first.length).toBeGreaterThan(100);
    expect(once()).toEqual(first);
  });
});
