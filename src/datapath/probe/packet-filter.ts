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
  readonly yes?: Label;
  readonly no?: Label;
}

type Label = 'next' | 'leaving' | 'accept' | 'drop';

/** struct sock_filter[], 8 octets each. */
export function packetFilter(watched: Watched): Uint8Array {
  const words = addressWords(watched.farAddr);
  const isIp4 = watched.family === 4;
  const arriving = way(words, isIp4, watched, isIp4 ? 12 : 8, true);
  const leaving = way(words, isIp4, watched, isIp4 ? 16 : 24, false);
  const head = header(isIp4);
  const accept: Step = { code: RETURN, k: ACCEPTED_BYTES };
  const drop: Step = { code: RETURN, k: 0 };
  const steps = [...head, ...arriving, ...leaving, accept, drop];
  const places: Record<Exclude<Label, 'next'>, number> = {
    leaving: head.length + arriving.length,
    accept: steps.length - 2,
    drop: steps.length - 1,
  };
  const program = new Uint8Array(steps.length * INSTRUCTION_BYTES);
  const view = new DataView(program.buffer);
  steps.forEach(({ code, k, yes = 'next', no = 'next' }, at) => {
    const from = at + 1;
    const jump = (label: Label) => (label === 'next' ? 0 : places[label] - from);
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
    { code: LD_WORD, k: addressAt + 4 * i },
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
