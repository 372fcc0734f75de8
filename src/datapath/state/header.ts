/**
 * The first page of a state file: what it holds, and for which boot, network namespace and program
 * it means anything. Owns its layout; little-endian, sizes in bytes:
 *
 *     0   8  magic "seqshim" and a zero
 *     8   4  version of this header
 *    12   4  layout checksum (`layout-checksum.ts`)
 *    16  36  boot id, ASCII (/proc/sys/kernel/random/boot_id)
 *    56   8  inode of the network namespace (/proc/self/ns/net)
 *    64   4  flows it has room for
 *    68   4  number of the packet queue, from 0
 *    72   4  packet queues in all
 *    80   8  bytes of the file
 *    88   8  seconds since boot when a shim was last known to run (float64)
 *    96   4  FNV-1a over bytes 0 to 87
 */
import { fnv1a } from './layout-checksum.ts';

export const HEADER_BYTES = 4096;
export const HEADER_VERSION = 1;
const MAGIC = 'seqshim\0';
const AT_VERSION = 8;
const AT_LAYOUT = 12;
const AT_BOOT = 16;
const BOOT_BYTES = 36;
const AT_NETNS = 56;
const AT_FLOWS = 64;
const AT_QUEUE = 68;
const AT_QUEUES = 72;
const AT_BYTES = 80;
const AT_ALIVE = 88;
const AT_CHECK = 96;

/** For whom a file means anything. */
export interface Identity {
  readonly layout: number;
  readonly bootId: string;
  readonly netns: bigint;
  readonly flowCountMax: number;
  readonly queue: number;
  readonly queueCount: number;
  readonly bytes: number;
}

/** Without its magic, which is written last: what has none is no state file yet. */
export function writeHeader(page: Uint8Array, identity: Identity, nowS: number): void {
  const view = viewOf(page);
  view.setUint32(AT_VERSION, HEADER_VERSION, true);
  view.setUint32(AT_LAYOUT, identity.layout, true);
  page.set(new TextEncoder().encode(identity.bootId).subarray(0, BOOT_BYTES), AT_BOOT);
  view.setBigUint64(AT_NETNS, identity.netns, true);
  view.setUint32(AT_FLOWS, identity.flowCountMax, true);
  view.setUint32(AT_QUEUE, identity.queue, true);
  view.setUint32(AT_QUEUES, identity.queueCount, true);
  view.setBigUint64(AT_BYTES, BigInt(identity.bytes), true);
  noteAlive(page, nowS);
  const magic = new TextEncoder().encode(MAGIC);
  view.setUint32(AT_CHECK, checksumOf(page, magic), true);
  page.set(magic, 0);
}

export function noteAlive(page: Uint8Array, nowS: number): void {
  viewOf(page).setFloat64(AT_ALIVE, nowS, true);
}

/** Why the file must not be believed; empty: it may. Its first page, and its size. */
export function whyForeign(
  page: Uint8Array,
  fileBytes: number,
  wanted: Identity,
  nowS: number,
  ageMaxS: number,
): string {
  if (page.length < HEADER_BYTES) return 'it is cut short';
  const view = viewOf(page);
  const magic = page.subarray(0, MAGIC.length);
  if (new TextDecoder().decode(magic) !== MAGIC) return 'it is no state file';
  if (view.getUint32(AT_VERSION, true) !== HEADER_VERSION) return 'it is of another version';
  if (view.getUint32(AT_CHECK, true) !== checksumOf(page, magic)) return 'its header is damaged';
  const boot = new TextDecoder().decode(page.subarray(AT_BOOT, AT_BOOT + BOOT_BYTES));
  if (boot !== wanted.bootId) return 'it is from before the last boot';
  if (view.getBigUint64(AT_NETNS, true) !== wanted.netns) {
    return 'it is of another network namespace';
  }
  if (view.getUint32(AT_LAYOUT, true) !== wanted.layout) return 'it is of another version';
  if (view.getUint32(AT_QUEUES, true) !== wanted.queueCount) return 'it is for other --queues';
  if (view.getUint32(AT_QUEUE, true) !== wanted.queue) return 'it is of another queue';
  if (view.getUint32(AT_FLOWS, true) !== wanted.flowCountMax) return 'it is for other --flows';
  if (view.getBigUint64(AT_BYTES, true) !== BigInt(fileBytes) || fileBytes !== wanted.bytes) {
    return 'it is cut short';
  }
  const ageS = nowS - view.getFloat64(AT_ALIVE, true);
  return ageS >= 0 && ageS <= ageMaxS ? '' : 'it is too old';
}

/** How it is laid out, by its own word; undefined: it is no state file. */
export function sizesIn(
  page: Uint8Array,
): Pick<Identity, 'flowCountMax' | 'queueCount'> | undefined {
  const view = viewOf(page);
  const magic = page.subarray(0, MAGIC.length);
  if (page.length < HEADER_BYTES || new TextDecoder().decode(magic) !== MAGIC) return undefined;
  if (view.getUint32(AT_CHECK, true) !== checksumOf(page, magic)) return undefined;
  const flowCountMax = view.getUint32(AT_FLOWS, true);
  return { flowCountMax, queueCount: view.getUint32(AT_QUEUES, true) };
}

function viewOf(page: Uint8Array): DataView {
  return new DataView(page.buffer, page.byteOffset, page.byteLength);
}

function checksumOf(page: Uint8Array, magic: Uint8Array): number {
  const covered = page.slice(0, AT_ALIVE);
  covered.set(magic, 0);
  return fnv1a(covered);
}
