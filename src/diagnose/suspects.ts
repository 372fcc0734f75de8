/**
 * The usual suspects of a failing ssh, those that cost people weeks: what each is, what it looks
 * like, what rules it out, the command that decides. Owns their ids, which are API, and these
 * words.
 *
 * RFC 4253 §4.2 and §7 (order of an ssh connection), RFC 7323 §5 (timestamps), RFC 5961 §4.2.
 */
export const SUSPECT_IDS = [
  'mtu',
  'ssh-auth',
  'ssh-kex',
  'openssh-7.4',
  'usedns',
  'maxstartups',
  'offload',
  'checksum-fill',
  'tcpkeepalive',
  'duplicate-ip',
  'tcp-timestamps',
  'isn-randomization',
  'xlate',
  'port-reuse',
  'mux',
] as const;

export type SuspectId = (typeof SUSPECT_IDS)[number];

export interface Suspect {
  /** As people call it. */
  readonly name: string;
  readonly what: string;
  readonly looks: string;
  readonly ruledOut: string;
  /** With INTERFACE and SERVER to be filled in. */
  readonly command: string;
  /** About ssh, so that it says nothing of a connection without it. */
  readonly isSsh?: true;
}

export const SUSPECTS: Readonly<Record<SuspectId, Suspect>> = {
  mtu: {
    name: 'MTU, packets too long',
    what:
      'A link on the path takes only shorter packets, and the ICMP message that says so is dropped. ' +
      'Long packets vanish, short ones pass.',
    looks:
      'The connection opens, the banner comes, and it hangs at the first long packet (ssh: ' +
      '“expecting SSH2_MSG_KEX_ECDH_REPLY”), which is sent again and again. Silence, then a timeout.',
    ruledOut:
      'By an end that comes at once while no packet was longer than every path can carry: what gets ' +
      'lost for its length is a pause, never a reset.',
    command: 'ping -M do -c 3 -s 1472 SERVER',
  },
  'ssh-auth': {
    name: 'ssh keys, passwords, GSSAPI',
    what: 'The server does not accept the user: key, password, account, or a slow GSSAPI (Kerberos).',
    looks:
      '“Permission denied”, or a pause of seconds before the prompt, after the keys are exchanged.',
    ruledOut:
      'By an end before the key exchange: the user’s name is sent after it (RFC 4253 §10), so nobody ' +
      'had been asked.',
    command: 'ssh -vvv -o GSSAPIAuthentication=no SERVER',
    isSsh: true,
  },
  'ssh-kex': {
    name: 'ssh key exchange',
    what: 'The two sides have no cipher, MAC, key exchange or compression in common, or disagree in it.',
    looks:
      '“Unable to negotiate”, or an end right after both sides have sent their lists (KEXINIT).',
    ruledOut:
      'By a client that never sent more than its identification line: no algorithm had been proposed ' +
      '(RFC 4253 §7.1).',
    command: 'ssh -vvv SERVER true',
    isSsh: true,
  },
  'openssh-7.4': {
    name: 'OpenSSH 7.4 (bz#2680)',
    what:
      'sshd 7.4 tells wrongly which RSA signatures it takes (server-sig-algs), mended in 7.5: newer ' +
      'clients then do not use a key that would do.',
    looks:
      'Version 7.4 on the server, an RSA key, “no mutual signature”, then “Permission denied”.',
    ruledOut:
      'By another version in the server’s identification line, or by an end before the key exchange, ' +
      'behind which alone that list is sent (RFC 8308 §2.4).',
    command: 'ssh -vvv SERVER true 2>&1 | grep -E "remote software version|server-sig-algs|mutual"',
    isSsh: true,
  },
  usedns: {
    name: 'UseDNS, slow lookups',
    what: 'sshd, or tcpwrappers before it, looks up the client’s name and the name server is slow.',
    looks: 'A pause of seconds (often a multiple of 5) on the server’s side, then all goes on.',
    ruledOut: 'By an end sooner than any lookup gives up: a lookup is a pause, never a reset.',
    command: 'time getent hosts CLIENT    # on the server',
    isSsh: true,
  },
  maxstartups: {
    name: 'MaxStartups, tcpwrappers, fail2ban',
    what:
      'The server’s side turns the client away: sshd has too many logins under way (MaxStartups) or ' +
      'penalises its address, hosts.deny names it, fail2ban has banned it.',
    looks:
      'sshd takes the connection and closes it without its version: with nothing, with “Exceeded ' +
      'MaxStartups” or “Not allowed at this time”. fail2ban answers the SYN with a refusal or not at all.',
    ruledOut:
      'By a greeting of another length: who is turned away gets none. Or by a reset before the client ' +
      'wrote anything: a program that closes a connection with nothing unread sends a FIN.',
    command: "journalctl -u ssh -u sshd | grep -iE 'MaxStartups|drop connection|refused connect'",
    isSsh: true,
  },
  offload: {
    name: 'checksum offload',
    what:
      'The network card computes checksums and cuts packets, so a capture on the sending machine shows ' +
      'unfinished ones (“incorrect”). Harmless, unless driver or card do it wrong.',
    looks:
      '“incorrect” on every packet the capturing machine sends, and the other side answers them.',
    ruledOut:
      'By an answer to such a packet: it arrived with a good checksum. Or by good ones throughout.',
    command: "tcpdump -i INTERFACE -n -vvv 'host SERVER and tcp'    # on the other machine",
  },
  'checksum-fill': {
    name: 'checksums never filled in',
    what:
      'A virtual network card leaves checksums for the next one to finish, and nobody does: packets of ' +
      'a guest reach another machine with half a checksum and are dropped there.',
    looks:
      'Packets arrive with bad checksums, always the sum of addresses and length; nothing answers.',
    ruledOut: 'By answers: a packet with half a checksum gets none.',
    command: 'nstat -az TcpInCsumErrors    # on the receiver, before and after',
  },
  tcpkeepalive: {
    name: 'TCPKeepAlive, idle timeouts',
    what:
      'A firewall forgets connections that say nothing for a while; TCPKeepAlive and ' +
      'ServerAliveInterval prevent that, or end a connection that does not answer.',
    looks: 'Long-lived sessions die after a pause of minutes or hours, at about the same length.',
    ruledOut:
      'By an end before the connection could be idle: no such timer is shorter than a second.',
    command: 'ssh -o ServerAliveInterval=30 SERVER',
  },
  'duplicate-ip': {
    name: 'duplicate IP address',
    what: 'Two machines use one address, and both answer.',
    looks: 'Two MAC addresses or TTLs for one address; answers that contradict each other.',
    ruledOut: 'By no capture of one side alone: a router in front has one MAC address for both.',
    command: 'arping -I INTERFACE -c 5 SERVER    # two MAC addresses answer',
  },
  'tcp-timestamps': {
    name: 'TCP timestamps',
    what:
      'Timestamps that run backwards make a server drop packets (PAWS), old ones with tcp_tw_recycle ' +
      'even the SYN of a client behind NAT.',
    looks: 'Packets, or SYNs, that nobody answers, for some clients and for about a minute.',
    ruledOut:
      'By a SYN-ACK without the option, or by a reset: a bad timestamp makes a packet be dropped, and ' +
      'at most acknowledged (RFC 7323 §5.3), never reset.',
    command: 'nstat -az | grep -i paws    # on the server, before and after',
  },
  'isn-randomization': {
    name: 'firewall rewrites numbers',
    what:
      'A firewall replaces the sequence numbers of a connection. Where it does so twice, or leaves ' +
      'SACK blocks alone, the two ends no longer mean the same.',
    looks:
      'Two SYN-ACKs with different numbers; SACK blocks far outside the window; slow transfers.',
    ruledOut: 'By captures of both sides of the firewall with the same numbers.',
    command: "tcpdump -i INTERFACE -S -n 'host SERVER and tcp'    # on both sides; compare the SYN",
  },
  xlate: {
    name: 'doubled or lost translation entry',
    what: 'A firewall or NAT has two entries for one connection, an old one, or loses the one it has.',
    looks:
      'One server seems to be two; a connection that both ends hold open is reset or goes silent.',
    ruledOut: 'By captures of both sides that agree, or by its tables while it fails.',
    command:
      'show xlate local SERVER ; show conn address SERVER    # on the firewall, while it fails',
  },
  'port-reuse': {
    name: 'client port used again',
    what: 'A new connection has the ports of an old one that the server, or a firewall, still remembers.',
    looks:
      'The SYN is answered by an ACK of the old connection; a reset and a second SYN follow, or not.',
    ruledOut:
      'By a refusal of the SYN: who remembers an old connection answers with its ACK (RFC 5961 §4.2).',
    command: "ss -tan 'dport = :PORT'    # on the client; on the server: sport",
  },
  mux: {
    name: 'ControlMaster, multiplexing',
    what: 'ssh runs in the connection of an earlier one (ControlMaster) and shares its fate.',
    looks: 'ssh hangs or ends without a packet of its own; all sessions of one user end together.',
    ruledOut: 'By a SYN of its own before an end that no session lived to see.',
    command: 'ssh -S none SERVER',
    isSsh: true,
  },
};

export function isSuspectId(word: string): word is SuspectId {
  return Object.hasOwn(SUSPECTS, word);
}
