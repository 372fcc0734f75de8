/**
 * Floods of segments that nobody asked for: established connections keep their rows, and a new one
 * keeps its row for as long as its handshake can take. Times: ms.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { STAT_FLOW_PICKED_UP, STAT_TABLE_FULL } from '../../src/engine/codes.ts';
import {
  EXPIRES_MS,
  FLOW_ROW_WORDS,
  INDEX_COUNT,
  INDEX_EVICTED,
} from '../../src/engine/flow/layout.ts';
import { IDLE_ESTABLISHED_MS, IDLE_TRANSITORY_MS } from '../../src/engine/limits.ts';
import { HOOK_INPUT, HOOK_PREROUTING, TO_FAR, TO_NEAR } from '../../src/engine/verdict.ts';
import { put16, put32 } from '../../src/engine/wire/bytes.ts';
import { parseSegment } from '../../src/engine/wire/parse.ts';
import { ACK, RST, Segment, SYN } from '../../src/engine/wire/segment.ts';
import { ARENA_OFF, EngineRun } from '../helpers/engine-run.ts';
import { Random, SEED } from '../helpers/seed.ts';
import { type SegmentSpec, seg } from '../helpers/segment-builder.ts';

const CAPACITY = 4096;
const SESSIONS = 100;
const ISS = 1000;
const IRS = 70_000;

let run: EngineRun;
let nowMs: number;
beforeEach(() => {
  run = new EngineRun(CAPACITY, 7);
  nowMs = 1000;
});

function there(port: number, spec: SegmentSpec): void {
  run.feed(seg({ srcPort: port, ...spec }), TO_FAR, 0, nowMs);
}

function back(port: number, spec: SegmentSpec): void {
  const ends = { src: '10.0.0.2', dst: '10.0.0.1', srcPort: 22, dstPort: port };
  run.feed(seg({ ...ends, ...spec }), TO_NEAR, 0, nowMs);
}

function begin(port: number): void {
  there(port, { flags: SYN, seq: ISS });
}

function connect(port: number): void {
  begin(port);
  back(port, { flags: SYN | ACK, seq: IRS, ack: ISS + 1 });
  there(port, { flags: ACK, seq: ISS + 1, ack: IRS + 1 });
  back(port, { flags: ACK, seq: IRS + 1, ack: ISS + 1, payload: 'hello' });
}

/** The row of the connection from this port, or -1. */
function rowOf(port: number): number {
  const packet = seg({ srcPort: port });
  const view = new Segment();
  parseSegment(packet, 0, packet.length, view);
  run.engine.flows.setKey(packet, view, true);
  return run.engine.flows.find();
}

/** Segments from ever new addresses and ports to our port 22. */
function flood(flags: number, count: number, from = 0): void {
  const hook = (flags & (SYN | RST)) !== 0 ? HOOK_PREROUTING : HOOK_INPUT;
  const packet = seg({ src: '10.9.0.1', dst: '10.0.0.1', srcPort: 1, dstPort: 22, flags, ack: 5 });
  run.arena.set(packet, ARENA_OFF);
  for (let i = from; i < from + count; i++) {
    put32(run.arena, ARENA_OFF + 12, 0x0a090000 + (i >>> 14));
    put16(run.arena, ARENA_OFF + 20, 1024 + (i & 0x3fff));
    run.engine.step(ARENA_OFF, packet.length, TO_NEAR, hook, 0, 0, nowMs);
    if ((i & 1023) === 0) run.engine.tick(nowMs);
  }
}

function sessionsAreThere(): void {
  for (let i = 0; i < SESSIONS; i++) expect(rowOf(40_000 + i)).toBeGreaterThanOrEqual(0);
}

describe.each([
  ['SYN', SYN],
  ['ACK', ACK],
  ['RST', RST],
  ['SYN-ACK', SYN | ACK],
])('a flood of %s', (_, flags) => {
  it('takes no row from an established connection, and none is refused', () => {
    for (let i = 0; i < SESSIONS; i++) connect(40_000 + i);
    flood(flags, 20 * CAPACITY);
    sessionsAreThere();
    expect(run.counters[STAT_TABLE_FULL]).toBe(0);
    expect(run.engine.flows.index[INDEX_COUNT]).toBeLessThanOrEqual(CAPACITY);
  });

  it('leaves a new connection its row until the table has been filled behind it', () => {
    for (let i = 0; i < SESSIONS; i++) connect(40_000 + i);
    flood(flags, 20 * CAPACITY);
    begin(50_000);
    flood(flags, CAPACITY - SESSIONS - 1, 20 * CAPACITY);
    expect(rowOf(50_000)).toBeGreaterThanOrEqual(0);
    back(50_000, { flags: SYN | ACK, seq: IRS, ack: ISS + 1 });
    there(50_000, { flags: ACK, seq: ISS + 1, ack: IRS + 1 });
    flood(flags, 4 * CAPACITY, 30 * CAPACITY);
    expect(rowOf(50_000)).toBeGreaterThanOrEqual(0);
    sessionsAreThere();
  });
});

describe('a connection older than the run', () => {
  it('is believed when both ends have spoken, and gives way before', () => {
    back(40_000, { flags: ACK, seq: IRS, ack: ISS });
    const row = rowOf(40_000) * FLOW_ROW_WORDS;
    const { rows } = run.engine.flows;
    expect(rows[row + EXPIRES_MS]).toBe(nowMs + IDLE_TRANSITORY_MS);
    there(40_000, { flags: ACK, seq: ISS, ack: IRS });
    expect(rows[row + EXPIRES_MS]).toBe(nowMs + IDLE_ESTABLISHED_MS);
    back(40_001, { flags: ACK, seq: IRS, ack: ISS });
    flood(SYN, 2 * CAPACITY);
    expect(rowOf(40_000)).toBeGreaterThanOrEqual(0);
    expect(rowOf(40_001)).toBe(-1);
    expect(run.counters[STAT_FLOW_PICKED_UP]).toBe(2);
  });
});

describe('a million tuples', () => {
  it('in any order cost nothing but rows of those that nobody answered', () => {
    const random = new Random(SEED);
    for (let i = 0; i < SESSIONS; i++) connect(40_000 + i);
    const kinds = [SYN, ACK, RST, SYN | ACK];
    for (let i = 0; i < 1_000_000; i += 1000) {
      flood(kinds[random.below(kinds.length)] ?? SYN, 1000, i);
      nowMs += 20;
    }
    sessionsAreThere();
    expect(run.counters[STAT_TABLE_FULL]).toBe(0);
    const { index } = run.engine.flows;
    expect(index[INDEX_COUNT]).toBeLessThanOrEqual(CAPACITY);
    expect(index[INDEX_EVICTED]).toBeGreaterThan(100_000);
  });
});
