/**
 * struct sockaddr_in and sockaddr_in6 (ip(7), ipv6(7)) from text and back. Owns nothing. Addresses
 * were checked before; ports are in host order.
 */
import { addressWords, formatAddressAt } from '../../telemetry/flow-address.ts';
import { AF_INET, AF_INET6 } from '../nfqueue/libc.ts';

export const SOCKADDR_BYTES = 28;
const SOCKADDR_IN_BYTES = 16;

export function socketAddress(family: 4 | 6, address: string, port: number): Uint8Array {
  const bytes = new Uint8Array(family === 4 ? SOCKADDR_IN_BYTES : SOCKADDR_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, family === 4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port, false);
  const words = addressWords(address);
  if (family === 4) view.setInt32(4, words[0] ?? 0, false);
  else for (let i = 0; i < 4; i++) view.setInt32(8 + 4 * i, words[i] ?? 0, false);
  return bytes;
}

export function readSocketAddress(bytes: Uint8Array): { address: string; port: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const family = view.getUint16(0, true) === AF_INET6 ? 6 : 4;
  const address = formatAddressAt(bytes, family === 4 ? 4 : 8, family);
  return { address, port: view.getUint16(2, false) };
}
