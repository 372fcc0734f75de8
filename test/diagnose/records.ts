/** Packets for the tests of findings, made from a few facts. ISNs 1000 and 5000 unless told. */
import { type Analysis, analyse } from '../../src/diagnose/analyse.ts';
import { FlowBook } from '../../src/diagnose/flow-book.ts';
import {
  NO_OPTIONS,
  type PacketRecord,
  type TcpOptions,
  UNKNOWN,
} from '../../src/diagnose/packet-record.ts';
import type { Wording } from '../../src/diagnose/wording.ts';
import { ACK, FIN, PSH, RST, SYN } from '../../src/engine/wire/segment.ts';

export const FLAGS: Readonly<Record<string, number>> = { S: SYN, F: FIN, R: RST, P: PSH, '.': ACK };

export interface Facts {
  readonly ms: number;
  readonly from: 'c' | 's';
  /** As tcpdump writes them: `S`, `S.`, `.`, `P.`, `F.`, `R`. */
  readonly flags?: string;
  /** Behind the ISN: 1 is the first octet. */
  readonly seq?: number;
  readonly ack?: number;
  readonly octets?: number;
  readonly wnd?: number;
  readonly layout?: string;
  readonly options?: Partial<TcpOptions>;
  readonly more?: Partial<PacketRecord>;
}

export interface World {
  readonly clientIsn: number;
  readonly serverIsn: number;
}

const WORLD: World = { clientIsn: 1000, serverIsn: 5000 };

export function record(facts: Facts, frame: number, world: World = WORLD): PacketRecord {
  const { from, flags = '.', octets = 0 } = facts;
  const bits = [...flags].reduce((sum, letter) => sum | (FLAGS[letter] ?? 0), 0);
  const own = from === 'c' ? world.clientIsn : world.serverIsn;
  const other = from === 'c' ? world.serverIsn : world.clientIsn;
  const ends = [['10.0.0.1', '40000'] as const, ['10.0.0.2', '22'] as const];
  const [src, dst] = from === 'c' ? ends : ends.reverse();
  return {
    frame,
    timeUs: 36_000_000_000 + Math.round(facts.ms * 1000),
    src: src?.[0] ?? '',
    srcPort: src?.[1] ?? '',
    dst: dst?.[0] ?? '',
    dstPort: dst?.[1] ?? '',
    flags: bits,
    segSeq: (own + (facts.seq ?? (bits & SYN ? 0 : 1))) | 0,
    segAck: bits & ACK ? (other + (facts.ack ?? 1)) | 0 : null,
    payloadOctets: octets,
    segWnd: facts.wnd ?? 502,
    options: { ...NO_OPTIONS, layout: facts.layout ?? '', ...facts.options },
    ttl: UNKNOWN,
    ipId: UNKNOWN,
    tcpBytes: UNKNOWN,
    srcMac: '',
    checksum: 'unknown',
    checksumField: UNKNOWN,
    side: 'unknown',
    ...facts.more,
  };
}

export function analyseRecords(
  records: readonly PacketRecord[],
  more: Partial<Wording> = {},
): Analysis {
  const book = new FlowBook();
  for (const packet of records) book.add(packet, 0);
  return analyse(book.flows, { frame: 'frame', captureInterface: '', ...more });
}

/** `code certainty severity` of each finding. */
export function findingsOf(rows: readonly Facts[], world: World = WORLD): string[] {
  const { findings } = analyseRecords(rows.map((facts, at) => record(facts, at + 1, world)));
  return findings.map(({ code, certainty, severity }) => `${code} ${certainty} ${severity}`);
}

const LINUX_SYN = 'mss,sackOK,TS,nop,wscale';

/** With all options that Linux uses, in 10 ms. */
export const OPENED: readonly Facts[] = [
  {
    ms: 0,
    from: 'c',
    flags: 'S',
    wnd: 64_240,
    layout: LINUX_SYN,
    options: { mss: 1460, wndScale: 7, tsVal: 100, tsEcr: 0 },
  },
  {
    ms: 10,
    from: 's',
    flags: 'S.',
    wnd: 65_160,
    layout: LINUX_SYN,
    options: { mss: 1460, wndScale: 7, tsVal: 900, tsEcr: 100 },
  },
  stamped({ ms: 10.1, from: 'c' }, 110, 900),
];

/** With timestamps, as every packet of such a connection has them. */
export function stamped(facts: Facts, tsVal: number, tsEcr: number): Facts {
  return { layout: 'nop,nop,TS', ...facts, options: { tsVal, tsEcr, ...facts.options } };
}
