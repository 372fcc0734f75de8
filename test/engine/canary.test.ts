/** A known fault of a path: what it changes, and the connection that goes without to see. */
import { describe, expect, it } from 'vitest';
import {
  CANARY_EVERY,
  FACT_FAULTY,
  P_CANARIES,
  P_CANARIES_CLEAN,
  PATH_WORDS,
  PathTable,
} from '../../src/engine/flow/path-table.ts';
import { ACK, FIN, RST, SYN } from '../../src/engine/wire/segment.ts';
import { Rig } from './rig.ts';

const ISS = 1000;
const IRS = 70_000;
const SERVER = 0x0a000002;
const KEY = Int32Array.from([0, 0, 0, 0, SERVER, 0, 0, 0, 0, 0]);

function faulty(): { rig: Rig; table: PathTable; word: (offset: number) => number } {
  const rig = new Rig();
  const table = new PathTable(rig.memory.paths);
  table.learn(table.row(KEY, 22, rig.nowMs), FACT_FAULTY, rig.nowMs);
  const words = new Int32Array(rig.memory.paths);
  return { rig, table, word: (offset) => words[table.find(KEY, 22) + offset] ?? 0 };
}

function open(rig: Rig, port: number): void {
  rig.ports = (port << 16) | 22;
  rig.out({ flags: SYN, seq: ISS });
  rig.in({ flags: SYN, seq: IRS, ack: ISS + 1 });
  rig.out({ flags: ACK, seq: ISS + 1, ack: IRS + 1 });
  rig.in({ flags: ACK, seq: IRS + 1, ack: ISS + 1, payload: 20 });
}

function close(rig: Rig): void {
  rig.in({ flags: FIN | ACK, seq: IRS + 21, ack: ISS + 1 });
  rig.out({ flags: FIN | ACK, seq: ISS + 1, ack: IRS + 22 });
}

describe('a canary', () => {
  it('that meets no fault clears what was known of handshakes', () => {
    const { rig, table, word } = faulty();
    for (let i = 1; i <= CANARY_EVERY; i++) open(rig, 40_000 + i);
    expect(word(P_CANARIES)).toBe(1);
    const at = table.find(KEY, 22);
    expect(table.holds(at, FACT_FAULTY, rig.nowMs)).toBe(true);
    close(rig);
    expect(table.holds(at, FACT_FAULTY, rig.nowMs)).toBe(false);
    expect(word(P_CANARIES_CLEAN)).toBe(1);
  });

  it('that meets the fault, or is reset, clears nothing', () => {
    for (const spoil of ['conflict', 'reset']) {
      const { rig, table, word } = faulty();
      for (let i = 1; i <= CANARY_EVERY; i++) open(rig, 40_000 + i);
      if (spoil === 'conflict') {
        rig.in({ flags: SYN, seq: IRS + 5_000_000, ack: ISS + 1 });
        close(rig);
      } else {
        rig.in({ flags: RST, seq: IRS + 21 });
      }
      expect(table.holds(table.find(KEY, 22), FACT_FAULTY, rig.nowMs), spoil).toBe(true);
      expect(word(P_CANARIES_CLEAN), spoil).toBe(0);
    }
  });

  it('is each connection from then on, and each that ends well is counted', () => {
    const { rig, table, word } = faulty();
    for (let i = 1; i <= CANARY_EVERY; i++) open(rig, 40_000 + i);
    close(rig);
    for (let i = 1; i <= 5; i++) {
      open(rig, 41_000 + i);
      close(rig);
    }
    expect([word(P_CANARIES), word(P_CANARIES_CLEAN)]).toEqual([6, 6]);
    open(rig, 41_100);
    rig.in({ flags: SYN, seq: IRS + 5_000_000, ack: ISS + 1 });
    close(rig);
    expect([word(P_CANARIES), word(P_CANARIES_CLEAN)]).toEqual([7, 6]);
    expect(table.holds(table.find(KEY, 22), FACT_FAULTY, rig.nowMs)).toBe(true);
  });

  it('does not go while all connections come one by one', () => {
    const { rig, word } = faulty();
    for (let i = 1; i <= 2 * CANARY_EVERY; i++) {
      open(rig, 40_000 + i);
      close(rig);
    }
    expect(word(P_CANARIES)).toBe(0);
    expect(PATH_WORDS).toBeGreaterThan(P_CANARIES);
  });
});
