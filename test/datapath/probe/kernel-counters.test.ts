/** Reading what the kernel counts, from its two files. */
import { describe, expect, it } from 'vitest';
import {
  countedSince,
  countersIn,
  KERNEL_COUNTERS,
  readKernelCounters,
} from '../../../src/datapath/probe/kernel-counters.ts';

const TEXT = `TcpExt: SyncookiesSent PAWSEstab TCPChallengeACK TCPSYNChallenge TCPSACKDiscard
TcpExt: 1 2 3 4 5
IpExt: InNoRoutes
IpExt: 9
Tcp: RtoAlgorithm InCsumErrors
Tcp: 1 7
Udp: InDatagrams InCsumErrors
Udp: 8 8
`;

describe('kernel counters', () => {
  it('have these names', () => {
    expect(KERNEL_COUNTERS).toEqual([
      'TCPSYNChallenge',
      'TCPChallengeACK',
      'TCPSACKDiscard',
      'PAWSEstab',
      'TcpInCsumErrors',
    ]);
  });

  it('are read by name, TCP’s and not UDP’s', () => {
    expect(countersIn(TEXT)).toEqual({
      TCPSYNChallenge: 4,
      TCPChallengeACK: 3,
      TCPSACKDiscard: 5,
      PAWSEstab: 2,
      TcpInCsumErrors: 7,
    });
  });

  it('are all there on this kernel', () => {
    expect(Object.keys(readKernelCounters()).sort()).toEqual([...KERNEL_COUNTERS].sort());
  });

  it('countedSince() leaves out what the kernel does not have', () => {
    const grown = countedSince({ PAWSEstab: 1 }, { PAWSEstab: 3, TCPChallengeACK: 2 });
    expect(grown).toEqual({ PAWSEstab: 2 });
    expect(countersIn('garbage\n\nTcp: a\n')).toEqual({});
  });
});
