/**
 * A capture file as its blocks or records, as far as their lengths can be followed, so that whole
 * ones can be moved about. What cannot be followed is one part.
 */
const PCAP_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const BLOCK_BYTES_MIN = 12;
const PCAPNG = 0x0a0d0d0a;

export function captureParts(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  if (file.length >= PCAP_HEADER_BYTES && view.getUint32(0) !== PCAPNG) return records(file, view);
  const parts: Uint8Array[] = [];
  let at = 0;
  while (at + BLOCK_BYTES_MIN <= file.length) {
    const little = view.getUint32(at + 4, true);
    const bytes = little <= file.length ? little : view.getUint32(at + 4);
    if (bytes < BLOCK_BYTES_MIN || at + bytes > file.length) break;
    parts.push(file.subarray(at, at + bytes));
    at += bytes;
  }
  if (at < file.length) parts.push(file.subarray(at));
  return parts;
}

/** The header goes with the first record. */
function records(file: Uint8Array, view: DataView): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let at = 0;
  let head = PCAP_HEADER_BYTES;
  while (at + head + RECORD_HEADER_BYTES <= file.length) {
    const little = view.getUint32(at + head + 8, true);
    const captured = little <= file.length ? little : view.getUint32(at + head + 8);
    const bytes = head + RECORD_HEADER_BYTES + captured;
    if (at + bytes > file.length) break;
    parts.push(file.subarray(at, at + bytes));
    at += bytes;
    head = 0;
  }
  if (at < file.length) parts.push(file.subarray(at));
  return parts;
}
