/**
 * From the lines of a ticket to packets: joins wrapped and two-line packets, notices where another
 * tcpdump run begins, resolves numbers, times and missing addresses, counts everything else.
 *
 * Owns the state between lines, which does not grow with the input except by connections. Frames
 * are line numbers, 1-based: the line a packet begins on.
 */
import { LineCleaner } from './clean-line.ts';
import { NamelessConnection } from './nameless.ts';
import type { PacketRecord } from './packet-record.ts';
import { TcpdumpClock } from './tcpdump-clock.ts';
import { parseTcpdumpLine, type RawPacket, startsPacket } from './tcpdump-line.ts';
import { NumberResolver } from './tcpdump-numbers.ts';
import {
  bannerInterface,
  droppedPackets,
  type NoiseKind,
  noiseKind,
  promptTimeFlags,
  promptWantsAbsolute,
} from './ticket-noise.ts';

/** A packet is wrapped over at most so many lines; each can have been cut inside a word. */
const JOIN_COUNT_MAX = 5;

export interface TextCounts {
  lines: number;
  packets: number;
  wrapped: number;
  /** Began like a packet and could not be read to its end. */
  unreadable: number;
  addressesMissing: number;
  /** Addresses missing, and nothing told who sent it. */
  senderUnknown: number;
  /** Packets that tcpdump says were lost. */
  dropped: number;
  noise: Record<NoiseKind, number>;
}

export type PacketSink = (packet: PacketRecord, section: number) => void;

export class TcpdumpText {
  readonly cleaner = new LineCleaner();
  readonly counts: TextCounts = {
    lines: 0,
    packets: 0,
    wrapped: 0,
    unreadable: 0,
    addressesMissing: 0,
    senderUnknown: 0,
    dropped: 0,
    noise: {
      blank: 0,
      prompt: 0,
      banner: 0,
      summary: 0,
      arp: 0,
      hexDump: 0,
      otherProtocol: 0,
      sshDebug: 0,
      text: 0,
    },
  };
  /** The interface that the text was captured on, empty when it does not say. */
  captureInterface = '';

  private readonly sink: PacketSink;
  private readonly numbers = new NumberResolver();
  private readonly clock = new TcpdumpClock();
  private nameless = new NamelessConnection();
  private section = 0;
  private sectionHasPackets = false;
  /** Ways in which the lines so far may belong together; empty when no packet is open. */
  private open: string[] = [];
  private openFrame = 0;
  private openJoins = 0;

  constructor(sink: PacketSink) {
    this.sink = sink;
  }

  feed(line: string): void {
    this.counts.lines += 1;
    const text = this.cleaner.clean(line);
    if (this.open.length > 0 && this.continueOpen(text)) return;
    this.begin(text);
  }

  end(): void {
    this.giveUpOpen();
  }

  private continueOpen(text: string): boolean {
    // A dump that was cut in the middle of a packet is followed by the next one, or by other text.
    const kind = noiseKind(text);
    if (startsPacket(text) || (kind !== 'text' && kind !== 'prompt')) {
      this.giveUpOpen();
      return false;
    }
    const joined = this.open.flatMap((start) => {
      const rest = text.trimStart();
      return [`${start} ${rest}`, `${start}${rest}`];
    });
    for (const candidate of joined) {
      const packet = parseTcpdumpLine(candidate);
      if (packet?.complete && packet.strict) {
        // tcpdump itself writes `-v` packets on two lines: that is no damage.
        if (this.openJoins > 0 || !this.open[0]?.endsWith(')')) this.counts.wrapped += 1;
        this.open = [];
        this.emit(packet, this.openFrame);
        return true;
      }
    }
    this.openJoins += 1;
    this.open = joined;
    if (this.openJoins >= JOIN_COUNT_MAX) this.giveUpOpen();
    return true;
  }

  private giveUpOpen(): void {
    const [whole] = this.open;
    this.open = [];
    if (whole === undefined) return;
    const packet = parseTcpdumpLine(whole);
    // Old versions and cut lines end without a length; what was read before that is still true.
    if (packet?.strict && packet.seq >= 0) {
      this.emit(packet, this.openFrame);
    } else this.counts.unreadable += 1;
  }

  private begin(text: string): void {
    const packet = parseTcpdumpLine(text);
    if (packet?.complete && (packet.strict || !mayBeCut(packet))) {
      this.emit(packet, this.counts.lines);
      return;
    }
    const kind = packet === undefined ? noiseKind(text) : 'text';
    if (packet !== undefined || (kind === 'text' && startsPacket(text))) {
      this.open = [text];
      this.openFrame = this.counts.lines;
      this.openJoins = 0;
      return;
    }
    this.counts.noise[kind] += 1;
    if (kind === 'summary') this.counts.dropped += droppedPackets(text);
    else if (kind === 'prompt') this.beginSection(text);
    else if (kind === 'banner') this.readBanner(text);
  }

  private readBanner(text: string): void {
    const name = bannerInterface(text);
    if (name !== '') this.captureInterface = name;
    if (this.sectionHasPackets) this.beginSection('');
  }

  private beginSection(prompt: string): void {
    if (this.sectionHasPackets) this.section += 1;
    this.sectionHasPackets = false;
    this.numbers.reset(promptWantsAbsolute(prompt) ? true : undefined);
    this.clock.reset(promptTimeFlags(prompt));
    this.nameless = new NamelessConnection();
  }

  private emit(raw: RawPacket, frame: number): void {
    this.counts.packets += 1;
    this.sectionHasPackets = true;
    const timeUs = this.clock.read(raw.time);
    const named = this.endpoints(raw);
    if (named === undefined) {
      this.counts.senderUnknown += 1;
      return;
    }
    const [src, srcPort, dst, dstPort] = named;
    const { sack, ...numbers } = this.numbers.resolve(
      raw,
      `${src} ${srcPort}`,
      `${dst} ${dstPort}`,
    );
    this.sink(
      {
        frame,
        timeUs,
        src,
        srcPort,
        dst,
        dstPort,
        flags: raw.flags,
        ...numbers,
        payloadOctets: raw.length,
        segWnd: raw.wnd,
        options: raw.options.sack === sack ? raw.options : { ...raw.options, sack },
        ttl: raw.ttl,
        ipId: raw.ipId,
        tcpBytes: raw.tcpBytes,
        srcMac: raw.srcMac,
        checksum: raw.checksum,
        checksumField: raw.checksumField,
        side: raw.side,
      },
      this.section,
    );
  }

  private endpoints(
    raw: RawPacket,
  ): readonly [src: string, srcPort: string, dst: string, dstPort: string] | undefined {
    const same = raw.src === raw.dst && raw.srcPort === raw.dstPort;
    if (raw.src !== '' && raw.dst !== '' && !same) {
      return [raw.src, portNumber(raw.srcPort), raw.dst, portNumber(raw.dstPort)];
    }
    this.counts.addressesMissing += 1;
    const names = this.nameless.name(raw);
    return names === undefined ? undefined : [names[0], '', names[1], ''];
  }
}

/** Complete, but something in it does not fit: a number may go on in the next line. */
function mayBeCut(packet: RawPacket): boolean {
  return packet.seqEnd >= 0 && ((packet.seqEnd - packet.seq) | 0) !== packet.length;
}

/** The names that tcpdump writes without `-n`, as far as a shim's users meet them. */
const PORTS: Readonly<Record<string, string>> = {
  ssh: '22',
  telnet: '23',
  smtp: '25',
  domain: '53',
  http: '80',
  https: '443',
  ldap: '389',
  mysql: '3306',
  postgresql: '5432',
  'http-alt': '8080',
};

function portNumber(port: string): string {
  return Object.hasOwn(PORTS, port) ? (PORTS[port] ?? port) : port;
}
