/**
 * How numbers, times and packets are written for a person at 3 a.m. Owns nothing.
 */
import { formatSeq, type Seq } from '../engine/wire/seq.ts';
import { CLIENT, type Direction, type Flow } from './flow.ts';
import { UNKNOWN } from './packet-record.ts';

/** What an input calls its packets, where it was taken, what it says of itself. */
export interface Wording {
  /** `line` of a text, `frame` of a capture. */
  readonly frame: string;
  /** Interface of the capture, empty when unknown. */
  readonly captureInterface: string;
  /** The input goes on: what has not ended yet may do so. */
  readonly isLive?: boolean;
  /** Packets that it says it lost. */
  readonly lostPackets?: number;
}

export function formatDuration(us: number): string {
  if (us === UNKNOWN) return 'an unknown time';
  if (us < 1000) return `${Math.round(us)} µs`;
  if (us < 1e6) return `${(us / 1000).toFixed(us < 100_000 ? 2 : 1)} ms`;
  if (us < 120e6) return `${(us / 1e6).toFixed(2)} s`;
  return `${(us / 60e6).toFixed(1)} min`;
}

export function seqText(seq: Seq | null): string {
  return seq === null ? 'unknown' : String(formatSeq(seq));
}

/** `line 7`, `lines 7 and 9`, `lines 11, 13 and 15`. */
export function framesText(word: string, frames: readonly number[]): string {
  if (frames.length === 1) return `${word} ${frames[0]}`;
  const last = frames.at(-1);
  if (frames.length <= 6) return `${word}s ${frames.slice(0, -1).join(', ')} and ${last}`;
  return `${word}s ${frames.slice(0, 4).join(', ')} … ${last} (${frames.length} in all)`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

export function endpoint(address: string, port: string): string {
  return port === '' ? `${address} (address missing)` : `${address}:${port}`;
}

export function sideName(dir: Direction): 'client' | 'server' {
  return dir === CLIENT ? 'client' : 'server';
}

/** Packet names begin sentences too. */
export function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The command is meant to be pasted into a root shell, and the names come from a stranger. */
const SAFE_NAME = /^[A-Za-z0-9][A-Za-z0-9.:_-]{0,252}$/;

function safeServer(flow: Flow): string {
  return flow.serverPort !== '' && SAFE_NAME.test(flow.server) ? flow.server : 'SERVER';
}

/** The first thing to do about a fault of the path: look, without changing anything. */
export function observeAdvice(flow: Flow): string {
  return (
    `Now: on the client’s machine, \`seqshim run --target ${safeServer(flow)} --mode observe ` +
    '--for 10m` changes nothing and shows what it would do; without `--mode observe` it keeps ' +
    'connections alive that a false reset or a second SYN-ACK would have ended.'
  );
}

/** What stands for the names in a suspect's command. Empty: not known. */
export interface CommandNames {
  readonly server: string;
  readonly client: string;
  readonly port: string;
  readonly where: string;
}

/** A command with INTERFACE, SERVER, CLIENT and PORT in it, as far as they are safe to paste. */
export function fillNames(command: string, { server, client, port, where }: CommandNames): string {
  const names = { INTERFACE: where, SERVER: server, CLIENT: client, PORT: port };
  return command.replaceAll(/INTERFACE|SERVER|CLIENT|PORT/g, (word) => {
    const name = names[word as keyof typeof names];
    return SAFE_NAME.test(name) ? name : word;
  });
}

/** The capture that shows MAC address, TTL and absolute numbers of every packet. */
export function captureCommand(flow: Flow, wording: Wording): string {
  return captureLine(safeServer(flow), flow.serverPort, wording.captureInterface);
}

/** The same for whoever has no packets yet. */
export function captureLine(server: string, serverPort: string, captureInterface: string): string {
  const where = SAFE_NAME.test(captureInterface) ? captureInterface : 'INTERFACE';
  const host = SAFE_NAME.test(server) ? server : 'SERVER';
  const port = /^(?:\d{1,5}|[a-z][a-z0-9-]{0,30})$/.test(serverPort) ? serverPort : 'PORT';
  return `tcpdump -i ${where} -e -n -vvv -S 'host ${host} and tcp port ${port}'`;
}
