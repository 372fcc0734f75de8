/**
 * One input from bytes to report. Owns the decision whether it is usable at all: packets, `ssh -v`
 * output (recognised, not analysed), or nothing we know.
 */
import type { Readable } from 'node:stream';
import { analyse } from './analyse.ts';
import { type CaptureCounts, readCapturePackets } from './capture-packets.ts';
import { FlowBook, type Intake } from './flow-book.ts';
import { openInput, readLines } from './read-input.ts';
import { type InputSummary, NOT_KEPT, type Report } from './report.ts';
import { TcpdumpText } from './tcpdump-text.ts';
import type { Wording } from './wording.ts';

export type Outcome =
  | { readonly kind: 'report'; readonly report: Report }
  /** `problem` is one line for the operator. */
  | { readonly kind: 'unusable' | 'not-enough'; readonly problem: string };

/** What the command line asks for beyond the report. */
export interface Wishes extends Intake {
  /** As the report calls interfaces and inputs. */
  readonly interfaceName?: ((name: string) => string) | undefined;
  readonly inputName?: string | undefined;
}

export async function diagnoseInput(name: string, wishes: Wishes = {}): Promise<Outcome> {
  const { capture, text } = await openInput(name);
  if (capture !== undefined) return diagnoseCapture(name, capture, wishes);
  if (text === undefined) throw new Error('an input is a capture or a text');
  return diagnoseStream(name, text, wishes);
}

export async function diagnoseStream(
  name: string,
  stream: Readable,
  wishes: Wishes = {},
): Promise<Outcome> {
  const book = new FlowBook(wishes);
  const reader = new TcpdumpText((packet, section) => book.add(packet, section));
  const capture = await readLines(stream, (line) => reader.feed(line));
  if (capture !== undefined) return diagnoseCapture(name, capture, wishes);
  reader.end();
  return judgeText(name, reader, book, wishes);
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
          `${shown} is the output of ssh -v: it shows that the connection broke, not why. Run ` +
          "`tcpdump -n -vvv 'tcp port 22'` while it fails and give that to diagnose",
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
  };
  const input: InputSummary = {
    name: inputName,
    kind: 'tcpdump-text',
    packets: counts.packets,
    lines: counts.lines,
    tolerated: toleratedOf(reader, book),
  };
  return report(input, book, wording);
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

function diagnoseCapture(name: string, bytes: Uint8Array, wishes: Wishes): Outcome {
  const book = new FlowBook(wishes);
  const counts: CaptureCounts = readCapturePackets(bytes, (packet) => book.add(packet, 0));
  if (counts.packets === 0) {
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
      [NOT_KEPT]: book.notKept,
    }),
  };
  return report(input, book, { frame: 'frame', captureInterface: '' });
}

function report(input: InputSummary, book: FlowBook, wording: Wording): Outcome {
  const analysis = analyse(book.flows, wording);
  // A fault that was found stays found; health is not claimed for what was not looked at.
  const enough = analysis.enough && (book.notKept === 0 || analysis.hypotheses.length > 0);
  return { kind: 'report', report: { ...analysis, enough, input, flows: book.flows, wording } };
}

function onlyPositive(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));
}
