/**
 * Names the lines of a ticket that are no TCP packet. Owns nothing.
 */
export type NoiseKind =
  | 'blank'
  | 'prompt'
  | 'banner'
  | 'summary'
  | 'arp'
  | 'hexDump'
  | 'otherProtocol'
  | 'sshDebug'
  | 'text';

const PROMPT = /^(?:\S{0,80}[#$%]\s?)?(?:sudo )?tcpdump(?: |$)|^#\s*tcpdump/;
const BANNER = /^(?:tcpdump: |dropped privs|listening on |reading from file )/;
const DROPPED = /^\^?C?(\d{1,9}) packets? dropped by /;
const SUMMARY = /^\^?C?\d{1,12} packets? (?:captured|received|dropped)/;
const HEX_DUMP = /^\s*0x[0-9a-f]{4}:\s/;
const SSH_DEBUG = /^(?:OpenSSH_\d|debug[123]: |ssh_exchange_identification|kex_exchange_id)/;
const ARP = /(?:^|\s)ARP, /;
const OTHER_PROTOCOL = /proto (?!TCP)[A-Za-z-]{1,16} \(\d|next-header (?!TCP)[A-Za-z-]{1,16} \(/;
const BEHIND_ADDRESSES = / > \S{1,255}: (.+)$/;

/** For lines that hold no `Flags [`. */
export function noiseKind(line: string): NoiseKind {
  if (line.trim() === '') return 'blank';
  if (BANNER.test(line)) return 'banner';
  if (SUMMARY.test(line)) return 'summary';
  if (ARP.test(line)) return 'arp';
  if (HEX_DUMP.test(line)) return 'hexDump';
  if (SSH_DEBUG.test(line)) return 'sshDebug';
  if (PROMPT.test(line)) return 'prompt';
  if (isOtherProtocol(line)) return 'otherProtocol';
  return 'text';
}

/** What follows the addresses is not, and does not begin like, `Flags [`. */
function isOtherProtocol(line: string): boolean {
  if (OTHER_PROTOCOL.test(line)) return true;
  const rest = BEHIND_ADDRESSES.exec(line)?.[1];
  return rest !== undefined && !'Flags ['.startsWith(rest) && !rest.includes('Flags [');
}

/** A prompt's tcpdump was told to print absolute numbers (`-S`, `-nnS`). */
export function promptWantsAbsolute(line: string): boolean {
  return /tcpdump(?: [^'"|]*)? -[a-zA-Z]*S/.test(line);
}

/** How a prompt's tcpdump prints times, by the number of t: 0 when it does not say. */
export function promptTimeFlags(line: string): number {
  let count = 0;
  for (const word of line.split(' ')) {
    if (/^-[a-zA-Z#]+$/.test(word)) count += word.split('t').length - 1;
  }
  return count;
}

/** The interface that a banner names, or empty. */
export function bannerInterface(line: string): string {
  return /^(?:tcpdump: )?listening on ([\w.@-]{1,32})/.exec(line)?.[1] ?? '';
}

/** `12 packets dropped by kernel`: what the capture lost. */
export function droppedPackets(line: string): number {
  return Number(DROPPED.exec(line)?.[1] ?? 0);
}
