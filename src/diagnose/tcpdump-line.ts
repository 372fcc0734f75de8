/**
 * One tcpdump packet, joined to one line, as tcpdump wrote it: time, link layer (`-e`), IP line in
 * parentheses (`-v`), addresses, TCP fields. Also tells packets from everything else in a ticket.
 *
 * Owns nothing. Relative numbers stay relative here. Times stay text.
 */
import { type CaptureSide, UNKNOWN } from './packet-record.ts';
import { parseTcpFields, type TcpFields } from './tcpdump-fields.ts';

export interface RawPacket extends TcpFields {
  /** As printed, empty without. */
  time: string;
  src: string;
  srcPort: string;
  dst: string;
  dstPort: string;
  ttl: number;
  ipId: number;
  /** IP length without the header (options of IP are not looked at), or UNKNOWN. */
  tcpBytes: number;
  srcMac: string;
  side: CaptureSide;
}

const TIME =
  /^\s*(?:\d{1,7} {1,4})?((?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d(?:\.\d{1,9})?|\d{9,10}\.\d{6,9})(?= |$)/;
const LINK =
  /^(?:ip6?: |IP6? |ethertype |vlan |(?:[\w.@-]{1,16} {1,3})?(?:In|Out|[BMP]) |[0-9a-f]{2}:[0-9a-f]{2}:)/;
const MAC = /[0-9a-f]{2}(?::[0-9a-f]{2}){5}/;
const SIDE = /(?:^|\s)(In|Out) /;
const ADDRESSES = /(\S{0,255}) > (\S{0,255}?):? ?(?:\[[^\]]{0,40}\] ?)?$/;
const NO_ADDRESSES = /(?:^|[\s)])> ?$/;
const TTL = /(?:ttl|hlim) (\d{1,3})[,)]/;
const IP_ID = /, id (\d{1,5}),/;
const IP4_LENGTH = /proto TCP \(6\), length (\d{1,6})/;
const IP6_LENGTH = /next-header TCP \(6\) payload length: (\d{1,6})/;
/** `(tos 0x0, ttl 64, id 1` and `2345, …` joined with a blank. */
const DIGITS_APART = /\d \d/;

/** What stands at the start of a packet; other lines continue one, or are something else. */
export function startsPacket(line: string): boolean {
  const time = TIME.exec(line);
  if (time !== null) return true;
  return /^(?:IP6? |[0-9a-f]{2}(?::[0-9a-f]{2}){5} )/.test(line);
}

/** undefined when the line holds no `Flags [`. */
export function parseTcpdumpLine(line: string): RawPacket | undefined {
  const flagsAt = line.indexOf('Flags [');
  if (flagsAt < 0) return undefined;
  const fields = parseTcpFields(line, flagsAt);
  if (fields === undefined) return undefined;
  const head = line.slice(0, flagsAt);
  const [timeText, time = ''] = TIME.exec(head) ?? [''];
  const rest = head.slice(timeText.length).trimStart();
  const packet: RawPacket = { ...fields, time, ...readAddresses(rest), ...readIpLine(rest) };
  if (!headIsStrict(rest)) packet.strict = false;
  return packet;
}

/** Nothing but what tcpdump writes stands before the addresses. */
function headIsStrict(rest: string): boolean {
  const open = rest.indexOf('(tos ');
  const start = open < 0 ? rest.indexOf('(flowlabel') : open;
  if (start >= 0) {
    // Not the first one behind the length: `bad cksum 0 (->45d5)!)`. Addresses have none.
    const end = rest.lastIndexOf(')');
    if (end < start || DIGITS_APART.test(checksumless(rest.slice(start, end)))) return false;
    return /^\) {1,8}\S* ?> ?\S*:? ?(?:\[[^\]]{0,40}\] )?$/.test(rest.slice(end));
  }
  if (LINK.test(rest) && !/^(?:IP6?|ip6?:) /.test(rest)) return true;
  return /^(?:(?:IP6?|ip6?:) )?\S* ?> ?\S*:? ?$/.test(rest);
}

/** The one place where tcpdump itself writes a number, a blank and a number. */
function checksumless(ipLine: string): string {
  return ipLine.replace(/, bad cksum [0-9a-f]{1,4} \(->[0-9a-f]{1,4}\)!?/, '');
}

function readAddresses(rest: string): Pick<RawPacket, 'src' | 'srcPort' | 'dst' | 'dstPort'> {
  const found = NO_ADDRESSES.test(rest) ? null : ADDRESSES.exec(rest);
  const [src, srcPort] = splitEndpoint(found?.[1] ?? '');
  const [dst, dstPort] = splitEndpoint(found?.[2] ?? '');
  return { src, srcPort, dst, dstPort };
}

/** `jumbox.40270`, `2001:db8::1.22`, `server.ssh`: the port is behind the last dot. */
function splitEndpoint(text: string): [address: string, port: string] {
  if (text === 'IP' || text === 'IP6' || text.endsWith(')')) return ['', ''];
  const dot = text.lastIndexOf('.');
  // `10.0.0.1` without a port, as in `-q` or a cut line.
  if (dot < 0 || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(text)) return [text, ''];
  return [text.slice(0, dot), text.slice(dot + 1)];
}

function readIpLine(
  rest: string,
): Pick<RawPacket, 'ttl' | 'ipId' | 'tcpBytes' | 'srcMac' | 'side'> {
  const ip4Bytes = numberIn(IP4_LENGTH, rest);
  const side = SIDE.exec(rest)?.[1];
  return {
    ttl: numberIn(TTL, rest),
    ipId: numberIn(IP_ID, rest),
    tcpBytes: ip4Bytes === UNKNOWN ? numberIn(IP6_LENGTH, rest) : ip4Bytes - 20,
    srcMac: MAC.exec(rest)?.[0] ?? '',
    side: side === undefined ? 'unknown' : side === 'In' ? 'in' : 'out',
  };
}

function numberIn(pattern: RegExp, text: string): number {
  const digits = pattern.exec(text)?.[1];
  return digits === undefined ? UNKNOWN : Number(digits);
}
