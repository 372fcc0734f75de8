/**
 * The table for `ssh -v`: what each piece of evidence means for each suspect. The first one that an
 * attempt has decides; `%` stands for what the evidence says. Owns the judgements and their
 * reasons.
 */
import type { Rule } from '../hypotheses-rules.ts';
import type { SuspectId } from '../suspects.ts';
import type { SshEvidenceId } from './ssh-evidence.ts';

type Rules = Readonly<Record<SuspectId, readonly Rule<SshEvidenceId>[]>>;

const NO_CONNECTION = {
  unresolved: ['unresolved', 'ruled-out', 'there was no address to connect to: %'],
  refused: ['refused', 'ruled-out', '%: no ssh began'],
  unanswered: ['unanswered', 'ruled-out', '%: no ssh began'],
} as const satisfies Record<string, Rule<SshEvidenceId>>;
const { unresolved, refused, unanswered } = NO_CONNECTION;

export const SSH_RULES: Rules = {
  mtu: [
    unresolved,
    ['refused', 'ruled-out', '%: an answer, nothing got lost'],
    ['unanswered', 'ruled-out', '%, and that is a SYN without data: every path takes it'],
    [
      'before-banner',
      'ruled-out',
      '%: until then a side sends one line at most, and every path takes that',
    ],
    ['kex-stalled', 'possible', '%'],
    ['other', 'undecided', 'the lengths of packets are not in this text'],
  ],
  'ssh-auth': [
    ['denied', 'confirmed', '%'],
    unresolved,
    refused,
    unanswered,
    ['before-banner', 'ruled-out', '%: user, key and password were never asked for'],
    ['before-keys', 'ruled-out', '%: user, key and password were never asked for'],
    ['authenticated', 'ruled-out', '%'],
    ['auth-stuck', 'possible', '%'],
    ['other', 'undecided', 'the text does not show how it ended'],
  ],
  'ssh-kex': [
    ['no-common', 'confirmed', '%'],
    unresolved,
    refused,
    unanswered,
    ['before-banner', 'ruled-out', '%: no algorithm was ever proposed'],
    ['keys', 'ruled-out', '%'],
    ['before-keys', 'possible', '%'],
    ['other', 'undecided', 'the text does not show how it ended'],
  ],
  'openssh-7.4': [
    unresolved,
    refused,
    unanswered,
    ['before-banner', 'ruled-out', '%: what 7.4 says wrongly comes after the keys'],
    ['server-other', 'ruled-out', '%'],
    ['before-keys', 'ruled-out', '%: what 7.4 says wrongly comes after them'],
    ['authenticated', 'ruled-out', '%: a key or a password did for it'],
    ['no-mutual-7.4', 'confirmed', '%'],
    ['server-7.4', 'possible', '%'],
    ['other', 'undecided', 'the text does not name the server’s version'],
  ],
  usedns: [
    ['unresolved', 'ruled-out', 'sshd was never reached: %'],
    refused,
    unanswered,
    ['first-write-reset', 'ruled-out', '%: nobody had waited for anything yet'],
    ['quick-end', 'ruled-out', 'a slow lookup is a pause, and %'],
    ['banner-late', 'possible', '%, as while tcpwrappers look up a name'],
    ['auth-stuck', 'possible', '%'],
    ['authenticated', 'ruled-out', '%: sshd looks names up before that'],
    ['other', 'undecided', 'a slow lookup is a pause, and there are no times in this text'],
  ],
  maxstartups: [
    ['turned-away', 'confirmed', '%'],
    unresolved,
    ['refused', 'possible', '%; not by sshd, but a ban (fail2ban) can refuse SYNs'],
    ['unanswered', 'possible', '%; not by sshd, but a ban (fail2ban) can drop SYNs'],
    [
      'first-write-reset',
      'ruled-out',
      '%: a program that closes with nothing unread sends a FIN, no reset',
    ],
    ['greeted', 'ruled-out', '%: who is turned away gets none'],
    ['closed-unsaid', 'possible', '%, as sshd and tcpwrappers do with those they turn away'],
    [
      'before-banner-reset',
      'possible',
      '%, as of a program that closes and leaves our line unread',
    ],
    ['other', 'undecided', 'the server said nothing that tells'],
  ],
  offload: [
    ['corrupted', 'possible', '%: damage that the TCP checksum did not catch'],
    ['other', 'undecided', 'ssh does not see checksums'],
  ],
  'checksum-fill': [
    ['unanswered', 'possible', '%, as when its checksum is not filled in'],
    ['other', 'undecided', 'ssh does not see checksums'],
  ],
  tcpkeepalive: [
    ['unresolved', 'ruled-out', 'nothing was open that could be idle: %'],
    ['refused', 'ruled-out', 'nothing was open that could be idle: %'],
    ['unanswered', 'ruled-out', 'nothing was open that could be idle: %'],
    ['first-write-reset', 'ruled-out', '%: it had not been idle yet'],
    ['quick-end', 'ruled-out', 'no idle limit and no keep-alive is so short: %'],
    ['session-died', 'possible', '%'],
    ['other', 'undecided', 'whether there was a pause is not in this text'],
  ],
  'duplicate-ip': [['other', 'undecided', 'MAC addresses are not in this text']],
  'tcp-timestamps': [
    ['refused', 'ruled-out', '%: a bad timestamp makes a SYN be dropped, never refused'],
    ['ended-by-reset', 'ruled-out', '%: a bad timestamp makes a packet be dropped, never reset'],
    ['unanswered', 'possible', '%, as behind NAT with tcp_tw_recycle'],
    ['other', 'undecided', 'TCP options are not in this text'],
  ],
  'isn-randomization': [
    ['ended-by-reset', 'possible', '%, as where a firewall rewrites numbers twice'],
    ['other', 'undecided', 'sequence numbers are not in this text'],
  ],
  xlate: [
    ['unanswered', 'possible', '%, as where a firewall has an old entry'],
    ['ended-by-reset', 'possible', '%, as where an entry is lost or doubled'],
    ['session-died', 'possible', '%, as where an entry is lost'],
    ['other', 'undecided', 'nothing in this text speaks for or against it'],
  ],
  'port-reuse': [
    ['refused', 'ruled-out', '%: who remembers a connection answers with its ACK'],
    ['unanswered', 'possible', '%, as where a firewall remembers the ports'],
    ['other', 'undecided', 'the client’s port is not in this text'],
  ],
  mux: [
    ['through-master', 'possible', '%, and shared its fate'],
    unresolved,
    ['own-connection', 'ruled-out', '%'],
    ['other', 'undecided', 'whether a master was used is not in this text'],
  ],
};
