/**
 * A classic BPF program (bpf(4), linux/filter.h) that accepts the TCP packets between one far end
 * and a range of near ports, in both directions. Owns nothing. It reads from the IP header on, as a
 * cooked packet socket hands it over; IPv6 extension headers and IP fragments do not match.
 */
import { addressWords } from '../../telemetry/flow-address.ts';

export interface Watched {
  readonly family: 4 | 6;
  readonly farAddr: string;
  readonly farPort: number;
  readonly nearPortFirst: number;
  readonly nearPortLast: number;
}

const LD_WORD = 0x20;
const LD_HALF = 0x28;
const LD_BYTE = 0x30;
const LD_HALF_INDEXED = 0x48;
/** X = 4 * (octet & 0x0f): the length of an IPv4 header. */
const LDX_IP4_HEADER = 0xb1;
const LDX_CONSTANT = 0x01;
const RSHIFT = 0x74;
const JUMP_EQUAL = 0x15;
const JUMP_GREATER = 0x25;
const JUMP_AT_LEAST = 0x35;
const JUMP_SET = 0x45;
const RETURN = 0x06;
const ACCEPTED_BYTES = 0x40000;
const INSTRUCTION_BYTES = 8;
const PROTOCOL_TCP = 6;
const FRAGMENT_OFFSET = 0x1fff;

/** Jump targets by name until the program is laid out: they are relative, and only forward. */
interface Step {
  readonly code: number;
  readonly k: number;
  /** Under which name others jump here. */
  readonly at?: Label;
  readonly yes?: Label;
  readonly no?: Label;
}

type Label = 'leaving' | 'six' | 'ports' | 'accept' | 'drop';

const ENDS: readonly Step[] = [
  { code: RETURN, k: ACCEPTED_BYTES, at: 'accept' },
  { code: RETURN, k: 0, at: 'drop' },
];

/** struct sock_filter[], 8 octets each: one far end, a range of near ports. */
export function packetFilter(watched: Watched): Uint8Array {
  const words = addressWords(watched.farAddr);
  const isIp4 = watched.family === 4;
  return layOut([
    ...header(isIp4),
    ...way(words, isIp4, watched, isIp4 ? 12 : 8, true),
    ...way(words, isIp4, watched, isIp4 ? 16 : 24, false),
    ...ENDS,
  ]);
}

/** Whoever speaks with one port of this machine, over IPv4 and IPv6. */
export function portFilter(port: number): Uint8Array {
  const [version, shift, isFour, ...four] = header(true);
  if (version === undefined || shift === undefined || isFour === undefined) return layOut(ENDS);
  return layOut([
    version,
    shift,
    { ...isFour, no: 'six' },
    ...four,
    { code: JUMP_EQUAL, k: 0, yes: 'ports', no: 'ports' },
    { code: JUMP_EQUAL, k: 6, at: 'six', no: 'drop' },
    ...header(false).slice(3),
    { code: LD_HALF_INDEXED, k: 0, at: 'ports' },
    { code: JUMP_EQUAL, k: port, yes: 'accept' },
    { code: LD_HALF_INDEXED, k: 2 },
    { code: JUMP_EQUAL, k: port, yes: 'accept', no: 'drop' },
    ...ENDS,
  ]);
}

function layOut(steps: readonly Step[]): Uint8Array {
  const program = new Uint8Array(steps.length * INSTRUCTION_BYTES);
  const view = new DataView(program.buffer);
  steps.forEach(({ code, k, yes, no }, at) => {
    const jump = (label: Label | undefined) =>
      label === undefined ? 0 : steps.findIndex((step) => step.at === label) - at - 1;
    view.setUint16(at * INSTRUCTION_BYTES, code, true);
    view.setUint8(at * INSTRUCTION_BYTES + 2, jump(yes));
    view.setUint8(at * INSTRUCTION_BYTES + 3, jump(no));
    view.setUint32(at * INSTRUCTION_BYTES + 4, k >>> 0, true);
  });
  return program;
}

function header(isIp4: boolean): Step[] {
  const version: Step[] = [
    { code: LD_BYTE, k: 0 },
    { code: RSHIFT, k: 4 },
    { code: JUMP_EQUAL, k: isIp4 ? 4 : 6, no: 'drop' },
    { code: LD_BYTE, k: isIp4 ? 9 : 6 },
    { code: JUMP_EQUAL, k: PROTOCOL_TCP, no: 'drop' },
  ];
  if (!isIp4) return [...version, { code: LDX_CONSTANT, k: 40 }];
  return [
    ...version,
    { code: LD_HALF, k: 6 },
    { code: JUMP_SET, k: FRAGMENT_OFFSET, yes: 'drop' },
    { code: LDX_IP4_HEADER, k: 0 },
  ];
}

/** One direction: the far address at `addressAt`, then both ports. */
function way(
  words: Int32Array,
  isIp4: boolean,
  { farPort, nearPortFirst, nearPortLast }: Watched,
  addressAt: number,
  arriving: boolean,
): Step[] {
  const other = arriving ? 'leaving' : 'drop';
  const address = [...words.subarray(0, isIp4 ? 1 : 4)].flatMap((word, i): Step[] => [
    { code: LD_WORD, k: addressAt + 4 * i, ...(arriving || i > 0 ? {} : { at: 'leaving' }) },
    { code: JUMP_EQUAL, k: word, no: other },
  ]);
  const [farAt, nearAt] = arriving ? [0, 2] : [2, 0];
  return [
    ...address,
    { code: LD_HALF_INDEXED, k: farAt },
    { code: JUMP_EQUAL, k: farPort, no: other },
    { code: LD_HALF_INDEXED, k: nearAt },
    { code: JUMP_AT_LEAST, k: nearPortFirst, no: other },
    { code: JUMP_GREATER, k: nearPortLast, yes: other, no: 'accept' },
  ];
}
