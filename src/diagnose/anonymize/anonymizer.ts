/**
 * Other names for whatever names a machine, before anything else has seen it: findings, commands,
 * JSON and pages are then made from the other names, and cannot leak the real ones. The same key
 * gives the same names. Owns the mapping; memory is bounded by NAME_COUNT_MAX.
 */
import { createHash, createHmac } from 'node:crypto';
import { isIP } from 'node:net';
import { addressWords, formatAddressAt } from '../../telemetry/flow-address.ts';
import { NAMELESS_CLIENT, NAMELESS_SERVER } from '../nameless.ts';
import type { PacketRecord } from '../packet-record.ts';
import { PrefixCipher } from './prefix-cipher.ts';
import { holdsIp4, keptBits } from './special-ranges.ts';

const NAME_COUNT_MAX = 65_536;
/** A manufacturer's half of a MAC address tells a firewall from a server, and no owner. */
const OUI_BITS = 24;
const MAC = /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/i;
/** What kernels call interfaces; others are named by people, or hold a MAC address (`enx…`). */
const PLAIN_INTERFACE =
  /^(?:any|lo|(?:eth|bond|br|wlan|tun|tap|docker|wg)\d{1,4}|en[ops]\d[0-9a-z]{0,9})$/;

export class Anonymizer {
  private readonly key: Uint8Array;
  private readonly ip4: PrefixCipher;
  private readonly ip6: PrefixCipher;
  private readonly mac48: PrefixCipher;
  private readonly known = new Map<string, string>();

  constructor(key: Uint8Array) {
    this.key = key;
    this.ip4 = new PrefixCipher(key);
    // Keys of their own: equal bits of two families would otherwise be flipped alike.
    this.ip6 = new PrefixCipher(derive(key, 'ipv6'));
    this.mac48 = new PrefixCipher(derive(key, 'mac'));
  }

  packet(packet: PacketRecord): PacketRecord {
    const { src, srcPort, dst, dstPort, srcMac } = packet;
    return {
      ...packet,
      src: this.end(src, srcPort),
      srcPort: this.port(srcPort),
      dst: this.end(dst, dstPort),
      dstPort: this.port(dstPort),
      srcMac: this.mac(srcMac),
    };
  }

  /** An address of either family, or a host name. */
  host(name: string): string {
    return this.remember(`host ${name}`, () => this.newHost(name));
  }

  mac(text: string): string {
    if (text === '') return '';
    return this.remember(`mac ${text}`, () => {
      if (!MAC.test(text)) return this.tag('mac', text);
      const octets = Uint8Array.from(text.split(':'), (octet) => Number.parseInt(octet, 16));
      const sealed = this.mac48.encrypt(octets, OUI_BITS);
      return [...sealed].map((octet) => octet.toString(16).padStart(2, '0')).join(':');
    });
  }

  interfaceName(name: string): string {
    return PLAIN_INTERFACE.test(name) ? name : '';
  }

  /** Where the addresses were cut away, our own words stand for the two ends. */
  private end(name: string, port: string): string {
    const isOurs = name.startsWith(NAMELESS_CLIENT) || name.startsWith(NAMELESS_SERVER);
    return port === '' && isOurs && /^\w+(?: \d+)?$/.test(name) ? name : this.host(name);
  }

  /** A word where a number stands may be a piece of a name. */
  private port(port: string): string {
    return /^\d*$/.test(port) ? port : this.remember(`port ${port}`, () => this.tag('port', port));
  }

  private newHost(name: string): string {
    const [plain = ''] = name.split('%');
    const family = isIP(plain);
    if (family === 0) return this.tag('host', name.toLowerCase());
    const bytes = bytesOf(plain);
    return textOf(family === 4 ? this.sealed4(bytes) : this.sealed6(bytes));
  }

  private sealed4(address: Uint8Array): Uint8Array {
    return this.ip4.encrypt(address, keptBits(address));
  }

  private sealed6(address: Uint8Array): Uint8Array {
    if (!holdsIp4(address)) return this.ip6.encrypt(address, keptBits(address));
    const sealed = Uint8Array.from(address);
    sealed.set(this.sealed4(address.subarray(12)), 12);
    return sealed;
  }

  private tag(kind: string, name: string): string {
    const sum = createHmac('sha256', this.key).update(`${kind} ${name}`).digest('hex');
    return `${kind}-${sum.slice(0, 12)}`;
  }

  /** Forgetting costs time only: the key gives the same again. */
  private remember(name: string, make: () => string): string {
    const known = this.known.get(name);
    if (known !== undefined) return known;
    const made = make();
    if (this.known.size >= NAME_COUNT_MAX) this.known.clear();
    this.known.set(name, made);
    return made;
  }
}

function derive(key: Uint8Array, purpose: string): Uint8Array {
  return createHash('sha256').update(key).update(purpose).digest();
}

function bytesOf(address: string): Uint8Array {
  const words = addressWords(address);
  const bytes = new Uint8Array(address.includes(':') ? 16 : 4);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += 4) view.setInt32(at, words[at >> 2] ?? 0);
  return bytes;
}

function textOf(bytes: Uint8Array): string {
  return formatAddressAt(bytes, 0, bytes.length === 4 ? 4 : 6);
}
