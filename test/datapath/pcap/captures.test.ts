/** The capture reader against tshark's counts for the public captures, and against itself. */
import { describe, expect, it } from 'vitest';
import {
  STAT_PASSED_BAD_OPTION,
  STAT_PASSED_NOT_TCP,
  STAT_PASSED_TRUNCATED,
} from '../../../src/engine/codes.ts';
import { parseSegment, WIRE_OK } from '../../../src/engine/wire/parse.ts';
import { Segment } from '../../../src/engine/wire/segment.ts';
import { CAPTURES_NOTE, captureNames, publicCapture } from '../../helpers/public-captures.ts';

/** Frames, and frames whose TCP segment tshark 4.0 reads (`-Y 'tcp && !icmp'`). */
const TSHARK: Record<string, [number, number]> = {
  KakaoTalk_chat: [347, 310],
  'bug-2430': [28, 28],
  'bug-3286-01': [7, 7],
  'bug-3286-02': [10, 10],
  'bug-4376': [254, 254],
  'bug-4903-03': [6, 6],
  'bug-5881': [42, 42],
  'bug-6244': [8, 8],
  'bug-6269': [7, 7],
  'security-4710': [12, 12],
  'tcp-empty-sack': [42, 42],
  'tcp-fastopen-01': [16, 16],
  'tcp-split-handshake-01': [7, 7],
  accecn_handshake: [6, 6],
  'gso-ipv4': [1, 1],
  ipv4_tcp_http_xml_tso: [1, 1],
  'tests__ssh.pcap': [54, 54],
  fin_retransmission: [5, 5],
  'handshake-reorder': [14, 14],
  'missing-syn': [21, 21],
  'option-sack': [4, 4],
  tcp__options: [4, 4],
  'payload-syn': [6, 6],
  fast009: [39, 39],
  'ssh-dups': [377, 377],
  'syn-synack': [2, 2],
  timestamp: [878, 878],
  'truncated-header': [24, 24],
  'window-scale-range': [5, 5],
};

/** What we do not read of them, by reason: three were captured with a short snap length. */
const REFUSED: Record<string, Record<string, number>> = {
  KakaoTalk_chat: { [STAT_PASSED_NOT_TCP]: 37 },
  'tcp-empty-sack': { [STAT_PASSED_BAD_OPTION]: 1 },
  fast009: { [STAT_PASSED_TRUNCATED]: 21 },
  timestamp: { [STAT_PASSED_TRUNCATED]: 691 },
  'truncated-header': { [STAT_PASSED_TRUNCATED]: 12 },
};

describe(CAPTURES_NOTE, () => {
  it('are all in the table', () => {
    for (const name of captureNames()) {
      const keys = Object.keys(TSHARK).filter((key) => name.includes(key));
      expect(keys, name).toHaveLength(1);
    }
  });

  it.runIf(captureNames().length > 0).each(Object.entries(TSHARK))(
    '%s: as many frames and TCP segments as tshark sees',
    (part, [frameCount, tcpCount]) => {
      const { frames, cutShort } = publicCapture(part);
      expect(cutShort).toBe(false);
      expect(frames).toHaveLength(frameCount);
      const view = new Segment();
      let tcp = 0;
      const reasons: Record<string, number> = {};
      for (const { bytes, off, len } of frames) {
        const reason = len === 0 ? STAT_PASSED_NOT_TCP : parseSegment(bytes, off, len, view);
        if (reason === WIRE_OK) tcp++;
        else reasons[reason] = (reasons[reason] ?? 0) + 1;
      }
      const refused = REFUSED[part] ?? {};
      expect(reasons).toEqual(refused);
      const others = refused[STAT_PASSED_NOT_TCP] ?? 0;
      const unread = Object.values(refused).reduce((sum, n) => sum + n, 0) - others;
      expect(tcp + unread).toBe(tcpCount);
      expect(frames.length - others).toBe(tcpCount);
    },
  );
});
