/**
 * What a capture that lost packets can prove less surely: all that rests on a packet that is not in
 * it. Owns which findings and which evidence do, and the words. Lost are those that the input
 * counts itself (pcapng, the last lines of tcpdump), and octets that were acknowledged and never
 * seen.
 */
import type { Certainty, Finding, Verdict } from './finding.ts';
import { CLIENT, type Flow, SERVER } from './flow.ts';
import { plural, type Wording } from './wording.ts';

/** By code: what may have been there. Presence proves the others, however much is missing. */
export const RESTS_ON_ABSENCE: Readonly<Record<string, string>> = {
  'checksum-partial': 'The answer to these packets, or good copies of them,',
  'half-open': 'The client’s acknowledgement',
  'idle-drop': 'An answer, or the end of the connection,',
  'phantom-synack': 'What the chosen end point sent',
  'retransmission-storm': 'An acknowledgement',
  'rst-by-owner': 'What shows the reset to be false, or the end of the connection before it,',
  'rst-inexact': 'What makes the reset’s number the right one',
  'rst-no-connection': 'What ended the connection before',
  'sequence-jump': 'What is between the old numbers and the new ones',
  'split-handshake': 'The SYN-ACK',
  'syn-unanswered': 'The answer',
  'synack-wrong-ack': 'The SYN that it answers',
  'zero-window-stall': 'The window that opens again',
};

/** Evidence that is there because something was not seen. */
export const EVIDENCE_OF_ABSENCE: ReadonlySet<string> = new Set([
  'before-kex',
  'checksums-partial',
  'closed-unsaid',
  'idle-found',
  'jumped',
  'small-quick-end',
  'turned-away',
  'unanswered',
]);

const WEAKER: Readonly<Record<Certainty, Certainty>> = {
  proven: 'likely',
  likely: 'possible',
  possible: 'possible',
};

/** Octets that the other side acknowledged, and that are not here. Of two numberings: not told. */
function hasGap({ halves, tracks }: Flow): boolean {
  return [CLIENT, SERVER].some((dir) => {
    const isOne = (halves[dir]?.offers.length ?? 0) <= 1;
    return isOne && (tracks.halves[dir]?.numbers.unseenCount ?? 0) > 0;
  });
}

/** How it is known that packets are missing; empty: it is not. */
function lossText(flow: Flow, wording: Wording): string {
  const { lostPackets = 0 } = wording;
  if (lostPackets > 0) return `the capture says that it lost ${plural(lostPackets, 'packet')}`;
  if (!hasGap(flow)) return '';
  return 'octets were acknowledged that are not in the capture';
}

export function isLossy(flow: Flow, wording: Wording): boolean {
  return lossText(flow, wording) !== '';
}

export function weakenFindings(found: readonly Finding[], flow: Flow, wording: Wording): Finding[] {
  const loss = found.length === 0 ? '' : lossText(flow, wording);
  if (loss === '') return [...found];
  return found.map((finding) => {
    const missing = RESTS_ON_ABSENCE[finding.code];
    if (missing === undefined) return finding;
    const certainty = WEAKER[finding.certainty];
    const looksTheSame = [`${missing} was lost by the capture: ${loss}.`, ...finding.looksTheSame];
    return { ...finding, certainty, looksTheSame };
  });
}

/** What was not seen rules nothing out, and confirms nothing, where packets are missing. */
export function weakenVerdict(verdict: Verdict): Verdict {
  if (verdict === 'ruled-out') return 'undecided';
  return verdict === 'confirmed' ? 'possible' : verdict;
}
