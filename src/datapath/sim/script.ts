/**
 * What an application does with its connection, as a list of steps; and the streams it sends, made
 * so that every octet that arrives can be checked. Sizes in octets, times in microseconds.
 */
import { cancel, type EventQueue, type Timer } from './event-queue.ts';
import type { Application, EndReason, ModelEndpoint } from './model-endpoint.ts';

export type Step =
  | { readonly do: 'send'; readonly octets: number }
  | { readonly do: 'expect'; readonly octets: number }
  | { readonly do: 'sleep'; readonly us: number }
  | { readonly do: 'expect-end' }
  | { readonly do: 'close' }
  | { readonly do: 'abort' };

export class ScriptedApplication implements Application {
  readonly sendsOctets: number;
  receivedOctets = 0;
  /** Octets that were not what the peer's script sends. */
  wrongOctets = 0;
  reason: EndReason = 'open';
  establishedUs = -1;
  endedUs = -1;
  /** When the script itself sent its reset. */
  abortedUs = -1;
  private readonly queue: EventQueue;
  private readonly steps: readonly Step[];
  private readonly sendStream: number;
  private readonly receiveStream: number;
  private endpoint: ModelEndpoint | null = null;
  private at = 0;
  private sentOctets = 0;
  private wantOctets = 0;
  private peerDone = false;
  private timer: Timer | null = null;

  constructor(queue: EventQueue, steps: readonly Step[], send: number, receive: number) {
    this.queue = queue;
    this.steps = steps;
    this.sendStream = send;
    this.receiveStream = receive;
    this.sendsOctets = octetsSent(steps);
  }

  attach(endpoint: ModelEndpoint): void {
    this.endpoint = endpoint;
  }

  /** Every step is done. */
  isThrough(): boolean {
    return this.at >= this.steps.length;
  }

  /** Segments with data that its end point threw away for an old TSval. */
  oldDataSegments(): number {
    return this.endpoint?.oldDataSegments ?? 0;
  }

  established(): void {
    this.establishedUs = this.queue.nowUs;
    this.go();
  }

  received(bytes: Uint8Array): void {
    this.wrongOctets += differing(bytes, this.receiveStream, this.receivedOctets);
    this.receivedOctets += bytes.length;
    this.go();
  }

  peerFinished(): void {
    this.peerDone = true;
    this.go();
  }

  ended(reason: EndReason): void {
    this.reason = reason;
    this.endedUs = this.queue.nowUs;
    this.timer = cancel(this.timer);
  }

  private go(): void {
    const endpoint = this.endpoint;
    while (endpoint !== null && this.timer === null && this.reason === 'open') {
      const step = this.steps[this.at];
      if (step === undefined) return;
      if (step.do === 'expect') {
        if (this.receivedOctets < this.wantOctets + step.octets) return;
        this.wantOctets += step.octets;
      } else if (step.do === 'expect-end' && !this.peerDone) {
        return;
      }
      this.at++;
      if (step.do === 'send') this.send(endpoint, step.octets);
      else if (step.do === 'sleep') this.sleep(step.us);
      else if (step.do === 'close') endpoint.close();
      else if (step.do === 'abort') {
        this.abortedUs = this.queue.nowUs;
        endpoint.abort();
      }
    }
  }

  private send(endpoint: ModelEndpoint, octets: number): void {
    const at = this.sentOctets;
    this.sentOctets += octets;
    endpoint.send(piece(this.sendStream, at, octets));
  }

  private sleep(us: number): void {
    this.timer = this.queue.after(us, () => {
      this.timer = null;
      this.go();
    });
  }
}

export function octetsSent(steps: readonly Step[]): number {
  let octets = 0;
  for (const step of steps) if (step.do === 'send') octets += step.octets;
  return octets;
}

/** A stream repeats behind so many octets: two periods of each, so that no piece of one wraps. */
const STREAM_PERIOD = 1 << 15;
const streams = new Map<number, Uint8Array>();

/** `octets` of a stream from `at` on; nobody changes them: up to STREAM_PERIOD are a view. */
function piece(stream: number, at: number, octets: number): Uint8Array {
  const periods = periodsOf(stream);
  const from = at & (STREAM_PERIOD - 1);
  if (octets <= STREAM_PERIOD) return periods.subarray(from, from + octets);
  const bytes = new Uint8Array(octets);
  for (let done = 0; done < octets; done += STREAM_PERIOD) {
    const size = Math.min(STREAM_PERIOD, octets - done);
    bytes.set(periods.subarray(from, from + size), done);
  }
  return bytes;
}

function periodsOf(stream: number): Uint8Array {
  const known = streams.get(stream);
  if (known !== undefined) return known;
  const made = Uint8Array.from({ length: 2 * STREAM_PERIOD }, (_, i) => octetOf(stream, i));
  streams.set(stream, made);
  return made;
}

/** Octets that are not those of the stream from `at` on. */
function differing(bytes: Uint8Array, stream: number, at: number): number {
  const right = piece(stream, at, bytes.length);
  if (Buffer.compare(bytes, right) === 0) return 0;
  return bytes.reduce((count, octet, i) => count + Number(octet !== right[i]), 0);
}

function octetOf(stream: number, at: number): number {
  return (Math.imul(at + 1, 0x9e3779b1) ^ stream ^ (at >>> 7)) & 0xff;
}
