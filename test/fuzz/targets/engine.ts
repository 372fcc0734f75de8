/**
 * The engine, fed with programs (`engine-program.ts`): the conversations of its tests to begin
 * with.
 */
import { createEngineMemory } from '../../../src/engine/memory.ts';
import type { Random } from '../../helpers/seed.ts';
import {
  EngineProgram,
  FLOW_COUNT,
  INSTRUCTION_BYTES,
  OP_AGAIN,
  OP_ANSWERS,
  OP_TIME,
} from '../engine-program.ts';
import { mutateParts } from '../mutation.ts';
import { demand, type Target } from '../target.ts';

const SYN = 0x02;
const RST = 0x04;
const ACK = 0x10;
const FIN = 0x01;
const DATA = 128 + 10;
const OPTIONS = 1 + 4;
const TS = 1;
const SACK = 2;

const memory = createEngineMemory(FLOW_COUNT, (bytes) => new ArrayBuffer(bytes));

/** One packet: of whom, with which flags, payload, options; numbers as they follow. */
function packet(who: number, flags: number, payload = 0, options = TS, numbers = 0): number[] {
  return [0, who, flags, numbers, 0, 0, 0, 0, options, payload, 0xff, 0x7f, 0, 1, 0x70, 4];
}

function op(kind: number, a = 0, b = 0, rest: readonly number[] = []): number[] {
  return [kind, a, b & 0xff, b >> 8, ...rest, ...Array<number>(12 - rest.length).fill(0)];
}

const HANDSHAKE = [packet(0, SYN, 0, OPTIONS), packet(1, SYN | ACK, 0, OPTIONS), packet(0, ACK)];
/** A second answer with other numbers, the client's word on it, a reset, data: the trace. */
const CONFLICT = [packet(2, SYN | ACK, 0, OPTIONS), packet(0, ACK), packet(1, RST)];
const TALK = [packet(0, ACK, DATA), packet(1, ACK, DATA), packet(0, ACK)];
const END = [packet(0, FIN | ACK), packet(1, FIN | ACK), packet(0, ACK)];
const SECOND = op(OP_TIME, 31, 31);
/** An open connection's client that jumps: all its numbers are moved by 0x1000. */
const JUMPED = [1, 0, 1, 0].map((who) => [
  ...packet(who, ACK, DATA).slice(0, 5),
  0x10,
  ...packet(who, ACK, DATA).slice(6),
]);

const SEEDS = [
  [...HANDSHAKE, ...TALK, ...END],
  [...HANDSHAKE, ...CONFLICT, ...TALK, SECOND, ...TALK],
  [...HANDSHAKE, ...CONFLICT, SECOND, packet(2, SYN | ACK, 0, OPTIONS), SECOND, SECOND],
  [...HANDSHAKE, ...TALK, packet(1, RST), SECOND, ...TALK],
  [...HANDSHAKE, ...TALK, packet(1, ACK, 0, TS | SACK), ...TALK, packet(1, ACK, 0, TS | SACK)],
  [...HANDSHAKE, ...TALK, ...JUMPED, SECOND, ...TALK],
  [op(OP_ANSWERS, 64, 1), ...HANDSHAKE, ...TALK, op(OP_AGAIN, 40, 0, [1]), SECOND],
];

export const engine: Target = {
  name: 'engine',
  about: 'programs of packets, time, answers and policies for the engine',
  bytesMax: 96 * INSTRUCTION_BYTES,
  seeds: () => SEEDS.map((program) => Uint8Array.from(program.flat())),

  mutate(input: Uint8Array, random: Random, other: Uint8Array): Uint8Array {
    return Buffer.concat(mutateParts(instructions(input), instructions(other), random));
  },

  run(input: Uint8Array): void {
    const program = new EngineProgram(memory);
    program.run(input);
    // Rarely, for what it costs: the same input does the same.
    const { trace } = program.oracle;
    if ((trace & 15) !== 0) return;
    const again = new EngineProgram(memory);
    again.run(input);
    demand(again.oracle.trace === trace, 'another run did something else');
  },
};

function instructions(program: Uint8Array): Uint8Array[] {
  const count = Math.floor(program.length / INSTRUCTION_BYTES);
  return Array.from({ length: count }, (_, at) =>
    program.subarray(at * INSTRUCTION_BYTES, (at + 1) * INSTRUCTION_BYTES),
  );
}
