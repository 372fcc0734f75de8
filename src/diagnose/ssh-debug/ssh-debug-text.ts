/**
 * From the lines of `ssh -v` (-vv, -vvv, -E, with times of `ts` or a log, pasted with prompts and
 * other text in between) to attempts, by the states that OpenSSH goes through.
 *
 * Owns the state between lines; at most ATTEMPT_COUNT_MAX attempts are kept. The first end that is
 * told counts: what follows only repeats it.
 */
import { LineCleaner } from '../clean-line.ts';
import { UNKNOWN } from '../packet-record.ts';
import { type EndKind, SshAttempt } from './ssh-attempt.ts';
import {
  readSshMessage,
  type SocketError,
  type SshEvent,
  type SshMessage,
  socketError,
} from './ssh-messages.ts';

export const ATTEMPT_COUNT_MAX = 64;
const TRY_COUNT_MAX = 16;
/** Nothing that matters is longer, and what is told is printed. */
const TOLD_CHARACTERS_MAX = 200;

const TIME =
  /^\[?(?:\d{4}-\d\d-\d\d[T ]|[A-Z][a-z]{2} [ \d]\d )?(\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?(?:Z|[+-]\d\d:?\d\d)?\]?:? +/;
const LOG_NAME = /^\S{1,80} ssh\[\d{1,8}\]: /;
const LEVEL = /^debug[123]: /;
const REFUSAL = /^(?:Exceeded MaxStartups|Not allowed at this time)/;

/** Words that only ssh uses: without -v an attempt begins with one of them. */
const BEGINNERS: ReadonlySet<SshEvent> = new Set<SshEvent>([
  'client-version',
  'connect-failed',
  'unresolved',
  'exchange-failed',
  'exchange-closed',
  'banner-timeout',
  'denied',
]);

const END_OF_ERROR: Readonly<Record<SocketError, EndKind>> = {
  reset: 'reset',
  refused: 'refused',
  timeout: 'timeout',
  unreachable: 'unreachable',
  pipe: 'closed',
  other: 'failed',
};

export class SshDebugText {
  readonly attempts: SshAttempt[] = [];
  /** Lines that were of ssh. */
  messages = 0;
  private lines = 0;
  private readonly cleaner = new LineCleaner();
  private current: SshAttempt | undefined;
  /** Attempts beyond the limit. */
  notKept = 0;

  feed(raw: string): void {
    this.lines += 1;
    // The bulk of a mixed text, and none of ours.
    if (raw.includes('Flags [')) return;
    const text = this.cleaner.clean(raw);
    const time = TIME.exec(text);
    const line = text.slice(time?.[0].length ?? 0).replace(LOG_NAME, '');
    const isDebug = LEVEL.test(line);
    const message = readSshMessage(line.replace(LEVEL, ''), isDebug);
    if (message === undefined || (this.current === undefined && !isDebug && !begins(message))) {
      if (isDebug) this.seen();
      return;
    }
    const attempt = this.attemptOf(message);
    if (isDebug) attempt.stagesTold = true;
    this.take(attempt, message, time === null ? UNKNOWN : timeUs(time));
  }

  /** What is left without an end hung, or was cut. */
  end(): void {
    for (const attempt of this.attempts) {
      const isOver = attempt.end !== undefined || attempt.reached.has('session');
      if (isOver || attempt.reached.has('authenticated')) continue;
      attempt.end = { kind: 'unfinished', line: attempt.lastLine, text: '' };
    }
  }

  private seen(): void {
    this.messages += 1;
    const attempt = this.current ?? this.begin();
    attempt.lastLine = this.lines;
    attempt.stagesTold = true;
  }

  private begin(): SshAttempt {
    const attempt = new SshAttempt(this.lines);
    this.current = attempt;
    if (this.attempts.length < ATTEMPT_COUNT_MAX) this.attempts.push(attempt);
    else this.notKept += 1;
    return attempt;
  }

  /** The attempt that a message belongs to; another ssh begins with its version or its connect. */
  private attemptOf({ event }: SshMessage): SshAttempt {
    const { current } = this;
    if (current === undefined) return this.begin();
    const begins = event === 'client-version';
    const connects = event === 'connecting' || event === 'unresolved';
    // The ssh that a proxy command starts tells its story in between.
    const isProxys = current.proxyLine > 0 && current.end === undefined;
    if (begins && !isProxys) {
      return current.client === '' && current.reached.size === 0 ? current : this.begin();
    }
    const over = current.end !== undefined || current.reached.has('connected');
    return connects && !isProxys && over ? this.begin() : current;
  }

  private take(attempt: SshAttempt, message: SshMessage, nowUs: number): void {
    this.messages += 1;
    attempt.lastLine = this.lines;
    if (attempt.beginUs === UNKNOWN && message.event === 'connecting') attempt.beginUs = nowUs;
    if (attempt.end === undefined) {
      this.follow(attempt, message);
      if (attempt.end !== undefined) attempt.endUs = nowUs;
    }
  }

  private follow(attempt: SshAttempt, message: SshMessage): void {
    const line = this.lines;
    const { event, text } = message;
    const told = text.slice(0, TOLD_CHARACTERS_MAX);
    const end = (kind: EndKind) => {
      attempt.end = { kind, line, text: told };
    };
    switch (event) {
      case 'client-version':
        if (attempt.client === '') attempt.client = told;
        break;
      case 'connecting':
        attempt.reach('connecting', line);
        if (attempt.proxyLine > 0) break;
        attempt.host = message.host;
        attempt.address = message.address;
        attempt.port = message.port;
        break;
      case 'address-failed':
        if (attempt.tries.length >= TRY_COUNT_MAX) break;
        attempt.tries.push({
          address: message.address,
          port: message.port,
          line,
          failed: socketError(text),
        });
        break;
      case 'connect-failed':
        attempt.host ||= message.host;
        attempt.port ||= message.port;
        attempt.reach('connecting', line);
        attempt.stagesTold = true;
        end(END_OF_ERROR[socketError(text)]);
        break;
      case 'unresolved':
        attempt.host ||= message.host;
        end('unresolved');
        break;
      case 'connected':
        attempt.reach('connected', line);
        break;
      case 'proxy':
        attempt.proxyLine ||= line;
        break;
      case 'first-write-failed':
        attempt.firstWriteFailed = attempt.stagesTold && !attempt.reached.has('spoke');
        end(END_OF_ERROR[socketError(text)]);
        break;
      case 'spoke':
        attempt.reach('spoke', line);
        break;
      case 'server-version':
        attempt.reach('banner', line);
        if (attempt.server === '') attempt.server = told;
        break;
      case 'banner-line':
        if (REFUSAL.test(text)) end('turned-away');
        break;
      case 'banner-timeout':
        beforeBanner(attempt, line);
        end('timeout');
        break;
      case 'silent':
        end('timeout');
        break;
      case 'kex-begun':
        attempt.reach('kex', line);
        break;
      case 'keys':
        attempt.reach('keys', line);
        break;
      case 'auth-begun':
        attempt.reach('auth', line);
        break;
      case 'authenticated':
        attempt.reach('authenticated', line);
        break;
      case 'session':
        attempt.reach('session', line);
        break;
      case 'no-mutual':
        attempt.noMutualLine ||= line;
        break;
      case 'no-common':
        end('no-common-algorithm');
        break;
      case 'corrupted':
      case 'host-key':
      case 'denied':
      case 'reset':
      case 'closed':
      case 'finished':
        end(event);
        break;
      case 'exchange-closed':
        beforeBanner(attempt, line);
        end('closed');
        break;
      case 'exchange-failed':
        beforeBanner(attempt, line);
        end(END_OF_ERROR[socketError(text)]);
        break;
      case 'failed':
        end(END_OF_ERROR[socketError(text)]);
        break;
      default:
        followMaster(attempt, event, line);
    }
  }
}

function begins({ event }: SshMessage): boolean {
  return BEGINNERS.has(event);
}

/** These words say where it was, with -v or without. */
function beforeBanner(attempt: SshAttempt, line: number): void {
  attempt.reach('connected', line);
  attempt.stagesTold = true;
}

function followMaster(attempt: SshAttempt, event: SshMessage['event'], line: number): void {
  if (event === 'master-tried') return;
  attempt.multiplexing =
    event === 'master-used'
      ? 'through-master'
      : event === 'master-absent'
        ? 'no-master'
        : 'master-failed';
  attempt.multiplexingLine = line;
  if (event === 'master-used') attempt.reach('session', line);
}

function timeUs([, hours, minutes, seconds, fraction]: RegExpExecArray): number {
  const whole = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return whole * 1e6 + Number((fraction ?? '').slice(0, 6).padEnd(6, '0'));
}
