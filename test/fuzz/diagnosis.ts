/**
 * One input through `diagnose`, whole and in pieces: both times the same report, or the same line
 * that says why there is none. Owns what must hold of a report.
 */
import { CaptureError } from '../../src/datapath/pcap/capture.ts';
import { isGzip } from '../../src/datapath/pcap/read-capture.ts';
import { diagnoseStream } from '../../src/diagnose/diagnose.ts';
import { printReport } from '../../src/diagnose/print-report.ts';
import { reportJson } from '../../src/diagnose/report.ts';
import { demand, demandOneLine, demandSame, demandWhole } from './target.ts';

const PIECE_BYTES = 53;
/** The input is printed too, and may hold such a word itself. */
const HOLES = /undefined|NaN|\[object /;

export async function demandDiagnosis(input: Uint8Array): Promise<void> {
  const whole = await diagnosis(input, input.length + 1);
  // Of every four inputs one: it takes as long again.
  if ((input.reduce((sum, octet) => sum + octet, 0) & 3) !== 0) return;
  const pieces = await diagnosis(input, PIECE_BYTES);
  // How much of damaged gzip comes out before the damage shows is up to zlib.
  if (isGzip(input) && whole.problem !== '') {
    demand(pieces.problem !== '', 'damaged whole, and not in pieces');
    return;
  }
  demandSame(whole.text, pieces.text, 'whole and in pieces');
}

async function diagnosis(
  input: Uint8Array,
  pieceBytes: number,
): Promise<{ text: string; problem: string }> {
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < input.length; at += pieceBytes) {
      yield input.subarray(at, at + pieceBytes);
    }
  }
  try {
    const outcome = await diagnoseStream('x', pieces());
    const { problem = '' } = outcome;
    if (problem !== '') demandOneLine(problem);
    if (outcome.kind !== 'report') return { text: problem, problem };
    const text = printReport(outcome.report);
    if (!HOLES.test(Buffer.from(input).toString('latin1'))) demandWhole(text);
    const json = JSON.stringify(reportJson([outcome.report]));
    return { text: `${json}\n${text}\n${problem}`, problem };
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    demandOneLine(error.message);
    return { text: error.message, problem: error.message };
  }
}
