/**
 * How an evidence file begins: what it is, and its two interfaces, of which the second holds only
 * what went on in place of a packet, or was sent besides. Owns the numbers of the interfaces.
 */
import { VERSION } from '../../version.ts';
import { LINKTYPE_RAW } from '../pcap/link-layer.ts';
import { ARRIVED_NAME, DELIVERED_NAME } from '../pcap/pcapng-interface.ts';
import { interfaceBlock, sectionBlock } from '../pcap/write-pcapng.ts';

export const ARRIVED = 0;
export const DELIVERED = 1;
/** The engine's clock: milliseconds, read once for each batch of packets. */
export const TIME_DIGITS = 3;

const SNAP_BYTES = 262_144;

export function evidenceHead(payloadOctets: number): Uint8Array {
  const payload = payloadOctets === 0 ? 'no payload' : `${payloadOctets} octets of payload at most`;
  const about =
    `Made by seqshim run: packets of connections about which something was found or done, as they ` +
    `arrived; on the interface "${DELIVERED_NAME}" what went on in place of them, or was sent ` +
    `besides. Not all packets of a connection are here. Headers, ${payload}. Times are those of ` +
    `the machine that ran it, to a millisecond.`;
  return Buffer.concat([
    sectionBlock(`seqshim ${VERSION}`, about),
    interfaceBlock(LINKTYPE_RAW, SNAP_BYTES, TIME_DIGITS, ARRIVED_NAME),
    interfaceBlock(LINKTYPE_RAW, SNAP_BYTES, TIME_DIGITS, DELIVERED_NAME),
  ]);
}
