/**
 * One input from bytes to report. Owns the decision whether it is usable at all: packets, `ssh -v`
 * output, both in one text, or nothing we know.
 */
import { CaptureError } from '../datapath/pcap/capture.ts';
import { analyse } from './analyse.ts';
import { CapturePackets } from './capture-packets.ts';
import type { Flow } from './flow.ts';
import { FlowBook, type Intake } from './flow-book.ts';
import type { Follower } from './follow/follower.ts';
import { withoutGuesses } from './packet-comments.ts';
import { openInput, type Pieces, readInput } from './read-input.ts';
import { type InputSummary, LOST, NOT_KEPT, REPLACEMENTS, type Report } from './report.ts';
import { SshDebugText } from './ssh-debug/ssh-debug-text.ts';
import { withSsh } from './ssh-debug/with-ssh.ts';
import { TcpdumpText } from './tcpdump-text.ts';
import type { Wording } from './wording.ts';

export type Outcome =
  /** `problem` says where the input ended before its end: the report is of what came before. */
  | { readonly kind: 'report'; readonly report: Report; readonly problem?: string }
  /** `problem` is one line for the operator. */
  | { readonly kind: 'unusable' | 'not-enough'; readonly problem: string };

/** Text that goes on for so long without a packet is something else: `yes`, a core dump, a log. */
const LINES_WITHOUT_PACKET_MAX = 1_000_000;

/** What the command line asks for beyond the report. */
export interface Wishes extends Intake {
  /** As the report calls interfaces and inputs. */
  readonly interfaceName?: ((name: string) => string) | undefined;
  readonly inputName?: string | undefined;
  /** As `analyse` takes it. */
  readonly isSettled?: ((flow: Flow, code: string) => boolean) | undefined;
  /** Is told of every packet, and tells what it finds. */
  readonly follow?: Follower | undefined;
  /** Who reads has had enough: where the input ends is no damage. */
  readonly stopped?: AbortSignal | undefined;
}

export function diagnoseInput(name: string, wishes: Wishes = {}): Promise<Outcome> {
  return diagnoseStream(name, openInput(name), wishes);
}

export async function diagnoseStream(
  name: string,
  pieces: Pieces,
  wishes: Wishes = {},
): Promise<Outcome> {
  const { follow } = wishes;
  const book = new FlowBook(follow?.intake(wishes) ?? wishes);
  follow?.begin('line', book);
  const text = new TcpdumpText((packet, section) => book.add(packet, section));
  const ssh = new SshDebugText();
  let capture: CapturePackets | undefined;
  let damage = '';
  try {
    await readInput(pieces, {
      capture: (piece) => {
        if (capture === undefined) follow?.begin('frame', book);
        capture ??= new CapturePackets(book);
        capture.feed(piece);
        return !capture.isBroken;
      },
      line: (line) => {
        text.feed(line);
        // Its names and addresses stand in running text, where no other name can replace them.
        if (wishes.disguise === undefined) ssh.feed(line);
        return text.counts.packets > 0 || text.counts.lines < LINES_WITHOUT_PACKET_MAX;
      },
    });
  } catch (error) {
    // What was usable before a damaged place is still worth a report.
    if (!(error instanceof CaptureError)) throw error;
    if ((capture?.counts.packets ?? 0) === 0 && text.counts.packets === 0) throw error;
    if (wishes.stopped?.aborted !== true) damage = `${error.message} (${name})`;
  }
  if (capture === undefined) {
    text.end();
    ssh.end();
    const outcome = sshReport(name, text, ssh) ?? judgeText(name, text, book, wishes);
    return withDamage(withAttempts(outcome, ssh), damage);
  }
  capture.end();
  if (wishes.stopped?.aborted === true && !capture.isBroken) capture.counts.cutShort = false;
  return withDamage(judgeCapture(name, capture, book, wishes), damage);
}

function withDamage(outcome: Outcome, problem: string): Outcome {
  return outcome.kind !== 'report' || problem === '' ? outcome : { ...outcome, problem };
}

function withAttempts(outcome: Outcome, { attempts }: SshDebugText): Outcome {
  return outcome.kind === 'report' ? withSsh(outcome.report, attempts) : outcome;
}

/** For a text of `ssh -v` without packets. */
function sshReport(name: string, { counts }: TcpdumpText, ssh: SshDebugText): Outcome | undefined {
  if (counts.packets > 0 || ssh.attempts.length === 0) return undefined;
  const tolerated = onlyPositive({ 'attempts beyond the limit': ssh.notKept });
  const input: InputSummary = {
    name,
    kind: 'ssh-debug',
    packets: 0,
    lines: counts.lines,
    tolerated,
  };
  return report(input, new FlowBook(), { frame: 'line', captureInterface: '' });
}

function judgeText(name: string, reader: TcpdumpText, book: FlowBook, wishes: Wishes): Outcome {
  const { counts } = reader;
  const { noise } = counts;
  const shown = name === '-' ? 'standard input' : `"${name}"`;
  if (counts.packets === 0) {
    if (noise.sshDebug > 0) {
      return {
        kind: 'not-enough',
        problem:
          `${shown} is the output of ssh -v, whose names --anonymize cannot change: read it ` +
          'without, and make the names in what it says unreadable by hand',
      };
    }
    const other = noise.arp + noise.otherProtocol + noise.banner + noise.summary;
    if (other > 0) {
      return {
        kind: 'not-enough',
        problem:
          `${shown} is tcpdump output without a TCP packet that shows its flags: capture again ` +
          "without -q, for example `tcpdump -n -vvv 'tcp port 22'`",
      };
    }
    return {
      kind: 'unusable',
      problem:
        `Cannot diagnose ${shown}: no tcpdump packet in ${counts.lines} lines; give it the ` +
        "output of `tcpdump -n -vvv 'tcp port 22'` or a capture file",
    };
  }
  const { interfaceName = (found: string) => found, inputName = name } = wishes;
  const wording: Wording = {
    frame: 'line',
    captureInterface: interfaceName(reader.captureInterface),
    lostPackets: counts.dropped,
  };
  const input: InputSummary = {
    name: inputName,
    kind: 'tcpdump-text',
    packets: counts.packets,
    lines: counts.lines,
    tolerated: toleratedOf(reader, book),
  };
  return report(input, book, wording, wishes);
}

function toleratedOf(reader: TcpdumpText, book: FlowBook): Record<string, number> {
  const { counts, cleaner } = reader;
  const { noise } = counts;
  return onlyPositive({
    'quoted lines': cleaner.counts.quoted,
    'CRLF lines': cleaner.counts.carriageReturns,
    'HTML entities': cleaner.counts.entities,
    'wrapped packets': counts.wrapped,
    'packets without addresses': counts.addressesMissing,
    'packets whose sender is unknown': counts.senderUnknown,
    'packets cut short': counts.unreadable,
    'lines too long': cleaner.counts.tooLong,
    [LOST]: counts.dropped,
    [NOT_KEPT]: book.notKept,
    'prompts and banners': noise.prompt + noise.banner,
    'summary lines': noise.summary,
    ARP: noise.arp,
    'other protocols': noise.otherProtocol,
    'hex dump lines': noise.hexDump,
    'ssh -v lines': noise.sshDebug,
    'other text lines': noise.text,
  });
}

function judgeCapture(
  name: string,
  { counts, isBroken }: CapturePackets,
  book: FlowBook,
  wishes: Wishes,
): Outcome {
  const place = `"${name}" ${isBroken ? 'is damaged' : 'ends within a record'}`;
  const damage = `Cannot read all of the capture: ${place} behind frame ${counts.frames}`;
  if (counts.packets === 0) {
    if (counts.cutShort) return { kind: 'unusable', problem: damage };
    return {
      kind: 'not-enough',
      problem: `"${name}" holds ${counts.frames} frames and no complete TCP packet among them`,
    };
  }
  const input: InputSummary = {
    name: wishes.inputName ?? name,
    kind: 'capture',
    packets: counts.packets,
    lines: counts.frames,
    tolerated: onlyPositive({
      'frames without a complete TCP packet': counts.other,
      'file ends within a record': counts.cutShort ? 1 : 0,
      [LOST]: counts.lost,
      [REPLACEMENTS]: counts.replacements,
      [NOT_KEPT]: book.notKept,
    }),
  };
  const wording: Wording = { frame: 'frame', captureInterface: '', lostPackets: counts.lost };
  const outcome = report(input, book, wording, wishes, counts.isExcerpt);
  return counts.cutShort ? withDamage(outcome, damage) : outcome;
}

function report(
  input: InputSummary,
  book: FlowBook,
  wording: Wording,
  { isSettled }: Wishes = {},
  isExcerpt = false,
): Outcome {
  const { flows, ended } = book;
  const judged = analyse(flows, wording, ended.addresses, isSettled);
  const analysis = isExcerpt ? withoutGuesses(judged, flows) : judged;
  const seen = analysis.enough || ended.whole > 0 || ended.findings.size > 0;
  // A fault that was found stays found; health is not claimed for what was not looked at.
  const enough = seen && (book.notKept === 0 || analysis.hypotheses.length > 0);
  return {
    kind: 'report',
    report: { ...analysis, enough, input, flows, ended, wording },
  };
}

function onlyPositive(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}
