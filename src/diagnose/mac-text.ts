/** A MAC address from octets to text. Owns nothing. */
export function macText(bytes: Uint8Array, at: number): string {
  const octets: string[] = [];
  for (const octet of bytes.subarray(at, at + 6)) octets.push(octet.toString(16).padStart(2, '0'));
  return octets.join(':');
}
