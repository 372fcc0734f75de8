/**
 * What flows keep of their first packets, as rows of numbers until somebody looks: as objects they
 * were half of the memory, and half of the collector's work. Freed blocks are filled again.
 *
 * Owns the rows, in chunks that are never moved, and the texts that they name. Blocks are of
 * BLOCK_ROWS packets of one flow.
 */
import type { Seen } from './flow.ts';
import { PacketCopy } from './packet-copy.ts';
import type { CaptureSide, ChecksumVerdict } from './packet-record.ts';

export const BLOCK_ROWS = 20;
const CHUNK_BLOCKS = 32;
const CHUNK_ROWS = BLOCK_ROWS * CHUNK_BLOCKS;
const TEXT_COUNT_MAX = 65_536;

/** Words of a row. */
const FRAME = 0;
const BITS = 1;
const SEG_SEQ = 2;
const SEG_ACK = 3;
const PAYLOAD = 4;
const SEG_WND = 5;
const MSS = 6;
const WND_SCALE = 7;
const TS_VAL = 8;
const TS_ECR = 9;
const TTL = 10;
const IP_ID = 11;
const TCP_BYTES = 12;
const CHECKSUM_FIELD = 13;
const LAYOUT = 14;
const SRC_MAC = 15;
const ROW_WORDS = 16;

/** BITS: flags, direction, what is null, then the two verdicts. */
const FLAGS_MASK = 0xff;
const FROM_SERVER = 1 << 8;
const NO_SEQ = 1 << 9;
const NO_ACK = 1 << 10;
const NO_TS_VAL = 1 << 11;
const NO_TS_ECR = 1 << 12;
const CHECKSUM_SHIFT = 13;
const SIDE_SHIFT = 15;
const CHECKSUMS: readonly ChecksumVerdict[] = ['unknown', 'good', 'bad'];
const SIDES: readonly CaptureSide[] = ['unknown', 'in', 'out'];

/** Whose packets they are. */
export interface EndPoints {
  readonly client: string;
  readonly clientPort: string;
  readonly server: string;
  readonly serverPort: string;
}

export class PacketRows {
  private readonly chunks: Int32Array[] = [];
  private readonly times: Float64Array[] = [];
  private readonly free: number[] = [];
  private blocks = 0;
  private readonly texts: string[] = [];
  private readonly textIds = new Map<string, number>();

  /** Its number; good until it is released. */
  take(): number {
    const freed = this.free.pop();
    if (freed !== undefined) return freed;
    if (this.blocks % CHUNK_BLOCKS === 0) {
      this.chunks.push(new Int32Array(CHUNK_ROWS * ROW_WORDS));
      this.times.push(new Float64Array(CHUNK_ROWS));
    }
    this.blocks += 1;
    return this.blocks - 1;
  }

  release(block: number): void {
    this.free.push(block);
  }

  /** False: it does not fit in a row, for what stands at it, or for numbers no packet has. */
  write(block: number, row: number, seen: Seen, ends: EndPoints): boolean {
    const { options } = seen;
    if (!isPlain(seen) || !isBetween(seen, ends)) return false;
    const layout = this.idOf(options.layout);
    const srcMac = this.idOf(seen.srcMac);
    const words = this.chunks[(block / CHUNK_BLOCKS) | 0];
    const times = this.times[(block / CHUNK_BLOCKS) | 0];
    if (layout < 0 || srcMac < 0 || words === undefined || times === undefined) return false;
    const index = (block % CHUNK_BLOCKS) * BLOCK_ROWS + row;
    const at = index * ROW_WORDS;
    times[index] = seen.timeUs;
    words[at + FRAME] = seen.frame;
    words[at + BITS] = bitsOf(seen);
    words[at + SEG_SEQ] = seen.segSeq ?? 0;
    words[at + SEG_ACK] = seen.segAck ?? 0;
    words[at + PAYLOAD] = seen.payloadOctets;
    words[at + SEG_WND] = seen.segWnd;
    words[at + MSS] = options.mss;
    words[at + WND_SCALE] = options.wndScale;
    words[at + TS_VAL] = options.tsVal ?? 0;
    words[at + TS_ECR] = options.tsEcr ?? 0;
    words[at + TTL] = seen.ttl;
    words[at + IP_ID] = seen.ipId;
    words[at + TCP_BYTES] = seen.tcpBytes;
    words[at + CHECKSUM_FIELD] = seen.checksumField;
    words[at + LAYOUT] = layout;
    words[at + SRC_MAC] = srcMac;
    return true;
  }

  read(block: number, row: number, ends: EndPoints): PacketCopy {
    const chunk = (block / CHUNK_BLOCKS) | 0;
    const index = (block % CHUNK_BLOCKS) * BLOCK_ROWS + row;
    const words = this.chunks[chunk];
    const word = (offset: number) => words?.[index * ROW_WORDS + offset] ?? 0;
    const bits = word(BITS);
    const fromServer = (bits & FROM_SERVER) !== 0;
    const copy = new PacketCopy();
    copy.frame = word(FRAME);
    copy.timeUs = this.times[chunk]?.[index] ?? 0;
    copy.src = fromServer ? ends.server : ends.client;
    copy.srcPort = fromServer ? ends.serverPort : ends.clientPort;
    copy.dst = fromServer ? ends.client : ends.server;
    copy.dstPort = fromServer ? ends.clientPort : ends.serverPort;
    copy.flags = bits & FLAGS_MASK;
    copy.segSeq = (bits & NO_SEQ) === 0 ? word(SEG_SEQ) : null;
    copy.segAck = (bits & NO_ACK) === 0 ? word(SEG_ACK) : null;
    copy.payloadOctets = word(PAYLOAD);
    copy.segWnd = word(SEG_WND);
    copy.options.layout = this.texts[word(LAYOUT)] ?? '';
    copy.options.mss = word(MSS);
    copy.options.wndScale = word(WND_SCALE);
    copy.options.tsVal = (bits & NO_TS_VAL) === 0 ? word(TS_VAL) : null;
    copy.options.tsEcr = (bits & NO_TS_ECR) === 0 ? word(TS_ECR) : null;
    copy.ttl = word(TTL);
    copy.ipId = word(IP_ID);
    copy.tcpBytes = word(TCP_BYTES);
    copy.srcMac = this.texts[word(SRC_MAC)] ?? '';
    copy.checksum = CHECKSUMS[(bits >>> CHECKSUM_SHIFT) & 3] ?? 'unknown';
    copy.checksumField = word(CHECKSUM_FIELD);
    copy.side = SIDES[(bits >>> SIDE_SHIFT) & 3] ?? 'unknown';
    copy.dir = fromServer ? 1 : 0;
    return copy;
  }

  /** -1: there are too many texts. */
  private idOf(text: string): number {
    const known = this.textIds.get(text);
    if (known !== undefined) return known;
    if (this.texts.length >= TEXT_COUNT_MAX) return -1;
    this.texts.push(text);
    this.textIds.set(text, this.texts.length - 1);
    return this.texts.length - 1;
  }
}

/** Text can say anything; a capture cannot. */
function isPlain(seen: Seen): boolean {
  const { options } = seen;
  return (
    (seen.comment ?? '') === '' &&
    seen.isTimeCoarse !== true &&
    options.sack.length === 0 &&
    isInt32(seen.frame) &&
    seen.flags <= FLAGS_MASK &&
    isInt32(seen.segSeq ?? 0) &&
    isInt32(seen.segAck ?? 0) &&
    isInt32(seen.payloadOctets) &&
    isInt32(seen.segWnd) &&
    isInt32(options.mss) &&
    isInt32(options.wndScale) &&
    isInt32(options.tsVal ?? 0) &&
    isInt32(options.tsEcr ?? 0) &&
    isInt32(seen.ttl) &&
    isInt32(seen.ipId) &&
    isInt32(seen.tcpBytes) &&
    isInt32(seen.checksumField)
  );
}

function isInt32(value: number): boolean {
  return (value | 0) === value;
}

/** Rows leave the names out. */
function isBetween(seen: Seen, { client, clientPort, server, serverPort }: EndPoints): boolean {
  const fromServer = seen.dir === 1;
  return (
    seen.src === (fromServer ? server : client) &&
    seen.srcPort === (fromServer ? serverPort : clientPort) &&
    seen.dst === (fromServer ? client : server) &&
    seen.dstPort === (fromServer ? clientPort : serverPort)
  );
}

function bitsOf(seen: Seen): number {
  const { options } = seen;
  return (
    (seen.flags & FLAGS_MASK) |
    (seen.dir === 1 ? FROM_SERVER : 0) |
    (seen.segSeq === null ? NO_SEQ : 0) |
    (seen.segAck === null ? NO_ACK : 0) |
    (options.tsVal === null ? NO_TS_VAL : 0) |
    (options.tsEcr === null ? NO_TS_ECR : 0) |
    (CHECKSUMS.indexOf(seen.checksum) << CHECKSUM_SHIFT) |
    (SIDES.indexOf(seen.side) << SIDE_SHIFT)
  );
}
