/** The self test's packet against the slow model. */
import { expect, test } from 'vitest';
import { datagram } from '../../../src/datapath/nfqueue/self-test-datagram.ts';
import { be16, slowSum } from '../../helpers/segment-builder.ts';

test.each([4, 6] as const)('datagram() has complete checksums over IPv%i', (family) => {
  for (const port of [1, 255, 40_000, 65_535]) {
    const packet = [...datagram(family, port)];
    const header = family === 4 ? 20 : 40;
    if (family === 4) expect(slowSum(packet.slice(0, 20))).toBe(0xffff);
    const udp = packet.slice(header);
    const addresses = packet.slice(family === 4 ? 12 : 8, header);
    expect(slowSum([...addresses, ...be16(17), ...be16(udp.length), ...udp])).toBe(0xffff);
    expect(packet.length).toBe(header + 16);
  }
});
