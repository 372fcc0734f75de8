/** Addresses from octets to text: dotted, RFC 5952, colons for MAC addresses. Owns nothing. */
import { get16 } from '../engine/wire/bytes.ts';

/** `family` is 4 or 6. */
export function addressText(bytes: Uint8Array, at: number, family: number): string {
  if (family === 4) return bytes.subarray(at, at + 4).join('.');
  const groups: string[] = [];
  for (let index = 0; index < 8; index++) {
    groups.push(get16(bytes, at + index * 2).toString(16));
  }
  return compress(groups);
}

/** RFC 5952: the longest run of zero groups, the first of equals, becomes `::`. */
function compress(groups: readonly string[]): string {
  let best = 0;
  let bestCount = 0;
  for (let start = 0; start < groups.length; start++) {
    let count = 0;
    while (groups[start + count] === '0') count += 1;
    if (count > bestCount) {
      best = start;
      bestCount = count;
    }
  }
  if (bestCount < 2) return groups.join(':');
  return `${groups.slice(0, best).join(':')}::${groups.slice(best + bestCount).join(':')}`;
}

export function macText(bytes: Uint8Array, at: number): string {
  const octets: string[] = [];
  for (const octet of bytes.subarray(at, at + 6)) octets.push(octet.toString(16).padStart(2, '0'));
  return octets.join(':');
}
