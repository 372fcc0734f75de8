/**
 * Whatever a capture does to a healthy conversation (it loses packets, doubles and reorders them,
 * begins in the middle), no finding of severity warning or above comes out. Seeded.
 */
import { describe, expect, it } from 'vitest';
import type { PacketRecord, TcpOptions } from '../../src/diagnose/packet-record.ts';
import { Random, SEED, SEED_HINT } from '../helpers/seed.ts';
import { analyseRecords, type Facts, record, type World } from './records.ts';

const RUN_COUNT = 1500;
const MSS = 1448;
const LAYOUTS = [
  'mss,sackOK,TS,nop,wscale',
  'mss,nop,nop,sackOK,nop,wscale',
  'mss,nop,nop,TS,nop,wscale',
  'mss,nop,wscale',
  'mss',
] as const;

/** A client and a server on a path that loses a segment now and then: what passes, in order. */
class Conversation {
  readonly rows: Facts[] = [];
  private readonly random: Random;
  private readonly world: World;
  private readonly stamps: boolean;
  private readonly sacks: boolean;
  private ms = 0;
  private readonly nxt = { c: 1, s: 1 };

  constructor(random: Random, world: World) {
    this.random = random;
    this.world = world;
    const asked = LAYOUTS[random.below(LAYOUTS.length)] ?? 'mss';
    const told = LAYOUTS[random.below(LAYOUTS.length)] ?? 'mss';
    // A server agrees to what was asked for, at most.
    const answer = asked.includes('TS') || !told.includes('TS') ? told : 'mss,nop,wscale';
    const both = (name: string) => asked.includes(name) && answer.includes(name);
    this.stamps = both('TS');
    this.sacks = both('sackOK');
    const options = (layout: string, tsVal: number) => ({
      mss: 1460,
      wndScale: layout.includes('wscale') ? 7 : -1,
      tsVal: layout.includes('TS') ? tsVal : null,
      tsEcr: layout.includes('TS') ? 0 : null,
    });
    this.push({ from: 'c', flags: 'S', wnd: 64_240, layout: asked, options: options(asked, 1) });
    this.push(
      { from: 's', flags: 'S.', wnd: 65_160, layout: answer, options: options(answer, 1) },
      10,
    );
    this.say('c', 0, 0.1);
    const count = 2 + random.below(12);
    for (let turn = 0; turn < count; turn++) this.turn();
    if (random.below(2) === 0) this.finish();
  }

  private push(facts: Omit<Facts, 'ms'>, wait = 0.01): void {
    this.ms += wait;
    this.rows.push({ ms: this.ms, ...facts });
  }

  private say(from: 'c' | 's', octets: number, wait: number, more: Partial<Facts> = {}): void {
    const other = from === 'c' ? 's' : 'c';
    const now = Math.trunc(this.ms);
    const stamp: Partial<TcpOptions> = this.stamps ? { tsVal: now + 1, tsEcr: now } : {};
    this.push(
      {
        from,
        flags: octets > 0 ? 'P.' : '.',
        seq: this.nxt[from],
        ack: this.nxt[other],
        octets,
        wnd: 300 + this.random.below(200),
        ...more,
        options: { ...stamp, ...more.options },
      },
      wait,
    );
  }

  private turn(): void {
    const { random } = this;
    if (random.below(4) === 0) this.ms += random.below(200_000);
    const from = random.below(2) === 0 ? 'c' : 's';
    const other = from === 'c' ? 's' : 'c';
    const first = this.nxt[from];
    const count = 1 + random.below(8);
    const lost = count > 2 && random.below(3) === 0 ? random.below(count - 1) : -1;
    const isn = from === 'c' ? this.world.clientIsn : this.world.serverIsn;
    for (let n = 0; n < count; n++)
      this.say(from, MSS, n === 0 ? 1 : 0.01, { seq: first + n * MSS });
    if (lost >= 0) {
      const hole = first + lost * MSS;
      for (let n = lost + 1; n < count; n++) {
        const sack = [hole + MSS, first + (n + 1) * MSS].map((edge) => (isn + edge) | 0);
        this.say(other, 0, n === lost + 1 ? 10 : 0.01, {
          ack: hole,
          options: this.sacks ? { sack } : {},
        });
      }
      this.say(from, MSS, this.sacks ? 0.1 : 250, { seq: hole });
    }
    this.nxt[from] = first + count * MSS;
    this.say(other, 0, 10);
  }

  private finish(): void {
    this.say('c', 0, 5, { flags: 'F.' });
    this.nxt.c += 1;
    this.say('s', 0, 10, { flags: 'F.' });
    this.nxt.s += 1;
    this.say('c', 0, 0.1);
  }
}

/** What a busy machine's capture makes of it. */
function captured(rows: readonly Facts[], random: Random): Facts[] {
  const loss = [0, 0, 5, 30][random.below(4)] ?? 0;
  const doubles = [0, 0, 10, 100][random.below(4)] ?? 0;
  const swaps = [0, 0, 10][random.below(3)] ?? 0;
  const start = random.below(3) === 0 ? random.below(rows.length) : 0;
  const out: Facts[] = [];
  for (const row of rows.slice(start)) {
    if (random.below(100) < loss) continue;
    out.push(row);
    if (random.below(100) < doubles) out.push({ ...row, ms: row.ms + 0.003 });
  }
  for (let at = 1; at < out.length; at++) {
    const [before, after] = [out[at - 1], out[at]];
    if (before === undefined || after === undefined || random.below(100) >= swaps) continue;
    out[at - 1] = { ...after, ms: before.ms };
    out[at] = { ...before, ms: after.ms };
  }
  return out;
}

describe('a healthy conversation', () => {
  it(`is never called faulty, whatever the capture did to it (${SEED_HINT})`, () => {
    const random = new Random(SEED);
    for (let run = 0; run < RUN_COUNT; run++) {
      const world = { clientIsn: random.int32(), serverIsn: random.int32() };
      const { rows } = new Conversation(random, world);
      const seen = captured(rows, random);
      const records: PacketRecord[] = seen.map((facts, at) => record(facts, at + 1, world));
      if (records.length === 0) continue;
      const { findings } = analyseRecords(records);
      const faults = findings.filter(({ severity }) => severity !== 'note');
      const told = faults.map(({ code, summary }) => `run ${run}: ${code}: ${summary}`);
      expect(told).toEqual([]);
    }
  });
});
