/** The comments of each packet of a little-endian pcapng file, by a walk that shares no code. */
export function commentsOf(file: Uint8Array): string[][] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const packets: string[][] = [];
  for (let at = 0; at < file.length; at += view.getUint32(at + 4, true)) {
    if (view.getUint32(at, true) !== 6) continue;
    const end = at + view.getUint32(at + 4, true) - 4;
    const comments: string[] = [];
    let option = at + 28 + ((view.getUint32(at + 20, true) + 3) & ~3);
    while (option + 4 <= end && view.getUint16(option, true) !== 0) {
      const length = view.getUint16(option + 2, true);
      const text = file.subarray(option + 4, option + 4 + length);
      if (view.getUint16(option, true) === 1) comments.push(new TextDecoder().decode(text));
      option += 4 + ((length + 3) & ~3);
    }
    packets.push(comments);
  }
  return packets;
}
