/**
 * One connection as a client makes it: SYN, handshake, the server's first line, a clean end. Owns
 * what became of it. Times: ms, as the program sees them.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { TcpSocket } from '../datapath/probe/tcp-socket.ts';
import { Greeting } from './greeting.ts';
import type { Target } from './target.ts';

const SSH_PORT = 22;
/** Three SYNs: Linux sends them at 0, 1 and 3 s. */
const CONNECT_MS = 5000;
const GREETING_MS = 3000;
const END_MS = 500;
const END_READS_MAX = 64;
const LOOK_MS = 1;
/** What takes so long is known well enough by fewer looks. */
const SLOW_MS = 200;
const LOOK_SLOWLY_MS = 10;
/** Connecting, the greeting and the end, each at its limit. */
export const ATTEMPT_MS_MAX = CONNECT_MS + GREETING_MS + END_MS + 100;

/** `greeted` is success; `quiet`: connected, and the server waits for the client to speak. */
export type Outcome =
  | 'greeted'
  | 'quiet'
  | 'reset'
  | 'refused'
  | 'unanswered'
  | 'closed'
  | 'unreachable'
  | 'stopped';

export type Way = 'bare' | 'shim';

export interface Attempt {
  /** 1-based, over both ways. */
  readonly number: number;
  readonly way: Way;
  readonly outcome: Outcome;
  readonly localPort: number;
  /** From the SYN to the outcome. */
  readonly ms: number;
  /** The server's first line; empty without one. */
  readonly greeting: string;
  /** The kernel's word for what went wrong. */
  readonly error: string;
}

export interface Manners {
  readonly target: Target;
  readonly signal: AbortSignal;
  /** Called between looks: packets are taken from the kernel there. */
  readonly look: () => void;
  /** While the connection is open and greeted; what the server says meanwhile is read. */
  readonly meanwhile?: (socket: TcpSocket, greeting: string) => Promise<void>;
}

interface Ended {
  readonly outcome: Outcome;
  readonly greeting: string;
  readonly error: string;
}

/** Closes the socket. */
export async function attemptOnce(
  socket: TcpSocket,
  number: number,
  way: Way,
  manners: Manners,
): Promise<Attempt> {
  const startedMs = performance.now();
  const localPort = socket.port;
  const done = ({ outcome, greeting, error }: Ended, ms: number): Attempt => {
    return { number, way, outcome, localPort, ms, greeting, error };
  };
  try {
    const ended = await connectAndHear(socket, manners, startedMs);
    const ms = performance.now() - startedMs;
    if (ended.outcome === 'greeted') await manners.meanwhile?.(socket, ended.greeting);
    if (ended.outcome === 'greeted' || ended.outcome === 'quiet') await finish(socket, manners);
    return done(ended, ms);
  } finally {
    socket.close();
    manners.look();
  }
}

async function connectAndHear(
  socket: TcpSocket,
  { target, signal, look }: Manners,
  startedMs: number,
): Promise<Ended> {
  const failed = (outcome: Outcome, error = ''): Ended => ({ outcome, greeting: '', error });
  const known = socket.connect(target.address, target.port);
  if (known !== undefined) return failed(outcomeOf(known, false), known);
  const heard = new Greeting();
  const wantsSsh = target.port === SSH_PORT;
  let establishedMs = -1;
  for (;;) {
    const isSlow = performance.now() - startedMs > SLOW_MS;
    await pause(isSlow ? LOOK_SLOWLY_MS : LOOK_MS);
    look();
    const nowMs = performance.now();
    if (establishedMs < 0 && socket.isEstablished()) establishedMs = nowMs;
    const word = socket.hear();
    if (word.kind === 'error') return failed(outcomeOf(word.code, establishedMs >= 0), word.code);
    if (word.kind === 'end') return ended(heard, wantsSsh);
    if (word.kind === 'data') heard.add(word.bytes);
    const line = heard.line(wantsSsh);
    if (line !== undefined) return { outcome: 'greeted', greeting: line, error: '' };
    if (signal.aborted) return failed('stopped');
    if (establishedMs < 0) {
      if (nowMs - startedMs > CONNECT_MS) return failed('unanswered');
    } else if (nowMs - establishedMs > GREETING_MS) {
      const said = heard.rest();
      const greeted = !heard.isEmpty && !wantsSsh;
      return { outcome: greeted ? 'greeted' : 'quiet', greeting: said, error: '' };
    }
  }
}

/** The far end has closed, perhaps behind a line without an end. */
function ended(heard: Greeting, wantsSsh: boolean): Ended {
  const greeted = !heard.isEmpty && !wantsSsh;
  return { outcome: greeted ? 'greeted' : 'closed', greeting: heard.rest(), error: '' };
}

function outcomeOf(code: string, established: boolean): Outcome {
  if (code === 'ECONNREFUSED') return established ? 'reset' : 'refused';
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'reset';
  if (code === 'ETIMEDOUT') return 'unanswered';
  return 'unreachable';
}

/**
 * FIN, and then what the server still has to say: unread octets would make ours a reset. Who has
 * more to say than that gets one.
 */
async function finish(socket: TcpSocket, { look }: Manners): Promise<void> {
  socket.finish();
  const endMs = performance.now() + END_MS;
  for (let reads = 0; reads < END_READS_MAX && performance.now() < endMs; ) {
    const word = socket.hear();
    if (word.kind === 'end' || word.kind === 'error') return;
    if (word.kind === 'data') {
      reads += 1;
      continue;
    }
    await pause(LOOK_MS);
    look();
  }
}

/** A server that waits for the client is well where no other attempt was greeted. */
export function succeeded({ outcome }: Attempt, anyGreeted: boolean, port: number): boolean {
  if (outcome === 'greeted') return true;
  return outcome === 'quiet' && !anyGreeted && port !== SSH_PORT;
}
