/**
 * The table: what each piece of evidence in packets means for each suspect. The first one that a
 * connection has decides; `other` is always there. `%` stands for what the evidence says. Owns the
 * judgements and their reasons; ruled out only by packets.
 */
import type { Verdict } from './finding.ts';
import type { EvidenceId } from './hypotheses-evidence.ts';
import type { SuspectId } from './suspects.ts';

export type Rule<When extends string> = readonly [when: When, verdict: Verdict, because: string];

type Rules = Readonly<Record<SuspectId, readonly Rule<EvidenceId>[]>>;

const NO_SSH: Rule<EvidenceId> = ['no-ssh', 'undecided', 'no sign of ssh: %'];
/** The kernel answers a SYN: no sshd was asked. */
const REFUSED_SSH: Rule<EvidenceId> = ['refused', 'ruled-out', 'the SYN was refused: no ssh began'];
const UNANSWERED_SSH: Rule<EvidenceId> = [
  'unanswered',
  'ruled-out',
  'the SYN got no answer: no ssh began',
];

/** What left here with a good checksum, or an unfinished one, may have arrived with another. */
const UNHEARD: Rule<EvidenceId> = [
  'unheard',
  'undecided',
  '%, and how these packets arrive shows only on the other side',
];

export const PACKET_RULES: Rules = {
  mtu: [
    ['refused', 'ruled-out', 'the SYN was answered, if by a refusal: nothing got lost'],
    ['unanswered', 'ruled-out', 'what got no answer is a SYN without data: every path takes it'],
    [
      'small-quick-end',
      'ruled-out',
      '%: every path takes that, and a longer one that got lost would be a pause',
    ],
    ['long-in-vain', 'possible', '%, as where a link takes only shorter ones'],
    ['other', 'undecided', 'a packet that is too long gets lost silently; only both ends show it'],
  ],
  'ssh-auth': [
    NO_SSH,
    REFUSED_SSH,
    UNANSWERED_SSH,
    ['before-kex', 'ruled-out', '%: user, key and password were never asked for'],
    ['other', 'undecided', 'what is encrypted cannot be read here'],
  ],
  'ssh-kex': [
    NO_SSH,
    REFUSED_SSH,
    UNANSWERED_SSH,
    ['before-kex', 'ruled-out', '%: no algorithm was ever proposed'],
    ['other', 'undecided', 'the key exchange may have been under way'],
  ],
  'openssh-7.4': [
    NO_SSH,
    REFUSED_SSH,
    UNANSWERED_SSH,
    ['before-kex', 'ruled-out', '%: what 7.4 says wrongly comes after the keys'],
    ['other', 'undecided', 'which version the server has was not looked at'],
  ],
  usedns: [
    NO_SSH,
    REFUSED_SSH,
    UNANSWERED_SSH,
    ['quick-end', 'ruled-out', 'a slow lookup is a pause, and %'],
    ['server-pause', 'possible', '%, as after a lookup that timed out'],
    ['other', 'undecided', 'neither a pause of the server’s nor a quick end is here'],
  ],
  maxstartups: [
    NO_SSH,
    [
      'refused',
      'possible',
      'not by sshd, which lets the kernel connect first; a ban can refuse SYNs',
    ],
    [
      'unanswered',
      'possible',
      'not by sshd, which lets the kernel connect first; a ban can drop SYNs',
    ],
    ['greeted', 'ruled-out', '%: who is turned away gets 0, 22 or 26'],
    ['turned-away', 'possible', '%, as sshd does with those it turns away'],
    ['closed-unsaid', 'possible', '%, as sshd and tcpwrappers do with those they turn away'],
    ['other', 'undecided', 'the server said nothing that tells'],
  ],
  offload: [
    UNHEARD,
    ['checksums-answered', 'ruled-out', '%, so it arrived with a good one'],
    [
      'checksums-unfinished',
      'ruled-out',
      'the “incorrect” ones are the capturing machine’s, unfinished',
    ],
    ['checksums-bad', 'possible', 'there are bad checksums, and a card may have made them'],
    ['checksums-good', 'ruled-out', '%'],
    ['other', 'undecided', 'no checksums of both sides in this input (tcpdump -vvv shows them)'],
  ],
  'checksum-fill': [
    ['checksums-partial', 'confirmed', 'packets arrive with the sum of addresses and length only'],
    ['checksums-bad', 'possible', 'there are bad checksums, which nobody may have filled in'],
    UNHEARD,
    ['checksums-answered', 'ruled-out', '%, so somebody had filled it in'],
    ['checksums-good', 'ruled-out', '%'],
    ['other', 'undecided', 'no checksums of both sides in this input (tcpdump -vvv shows them)'],
  ],
  tcpkeepalive: [
    ['refused', 'ruled-out', 'the SYN was refused: nothing was open that could be idle'],
    ['unanswered', 'ruled-out', 'the SYN got no answer: nothing was open that could be idle'],
    ['quick-end', 'ruled-out', 'no idle limit and no keep-alive is so short: %'],
    ['idle-found', 'confirmed', 'the connection died while it was idle'],
    ['idle-end', 'possible', '%'],
    ['other', 'undecided', 'no long pause is here, and no quick end'],
  ],
  'duplicate-ip': [
    ['conflict-two-macs', 'possible', '%: two machines, or two routers to one'],
    ['conflict-one-mac', 'possible', '%, which may be a router’s'],
    [
      'macs-absent',
      'undecided',
      'there are no MAC addresses in this input (tcpdump -e shows them)',
    ],
    ['two-macs', 'possible', '%: two machines, or two routers to one'],
    ['other', 'undecided', 'one MAC address, which may be a router’s'],
  ],
  'tcp-timestamps': [
    ['timestamps-stripped', 'confirmed', 'they were taken out on the way'],
    ['timestamps-absent', 'ruled-out', '%, so this connection uses none'],
    [
      'answered-then-reset',
      'ruled-out',
      '%: a bad timestamp makes a packet be dropped, never reset',
    ],
    ['refused', 'ruled-out', 'a bad timestamp makes a SYN be dropped, never refused'],
    ['syn-in-vain', 'possible', '%, as behind NAT with tcp_tw_recycle'],
    ['other', 'undecided', 'no SYN-ACK and no reset was seen'],
  ],
  'isn-randomization': [
    ['sack-shifted', 'confirmed', 'SACK blocks are in other numbers than the rest'],
    ['conflict', 'possible', '%; a firewall that rewrites numbers, and does so twice, makes that'],
    ['jumped', 'possible', 'the numbers moved in mid-connection'],
    ['other', 'undecided', 'whether numbers are rewritten shows only on both sides'],
  ],
  xlate: [
    ['conflict', 'possible', '%; two entries for one connection make that, so do other causes'],
    ['jumped', 'possible', 'an entry that was made anew moves the numbers in mid-connection'],
    ['refused', 'undecided', 'a refusal is an answer; whose it is shows only on both sides'],
    ['unanswered', 'possible', 'a firewall with an old entry may drop SYNs'],
    ['reset', 'possible', 'a lost or doubled entry ends a connection as %'],
    ['other', 'undecided', 'nothing here speaks for or against it'],
  ],
  'port-reuse': [
    ['stale-ack', 'confirmed', 'the server answered the SYN with the ACK of an older connection'],
    ['refused', 'ruled-out', 'who remembers a connection answers with its ACK, not with a refusal'],
    ['unanswered', 'possible', 'a firewall that remembers the ports may drop SYNs'],
    ['answered-at-once', 'undecided', 'no old ACK came (%), but a firewall may remember the ports'],
    ['other', 'undecided', 'the beginning of the connection is not here'],
  ],
  mux: [
    NO_SSH,
    ['refused', 'ruled-out', 'the client asked for a connection of its own'],
    ['unanswered', 'ruled-out', 'the client asked for a connection of its own'],
    ['before-kex', 'ruled-out', 'a connection of its own, and %: there was no session to share'],
    ['other', 'undecided', 'whether it carried the sessions of others cannot be read here'],
  ],
};
