/** Pages made from traces as the command makes them, at a time that stands still. */
import { Readable } from 'node:stream';
import { diagnoseStream, type Wishes } from '../../../src/diagnose/diagnose.ts';
import { pageOf } from '../../../src/diagnose/html/page.ts';
import { PlotBook } from '../../../src/diagnose/html/plot-book.ts';
import type { Report } from '../../../src/diagnose/report.ts';
import { line } from '../trace.ts';

const WRITTEN_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

export interface MadePage {
  readonly page: string;
  readonly report: Report;
  readonly plots: PlotBook;
}

export async function pageFrom(
  text: string | Uint8Array,
  { name = 'trace.txt', wishes = {} }: { name?: string; wishes?: Wishes } = {},
): Promise<MadePage> {
  const plots = new PlotBook();
  const outcome = await diagnoseStream(name, Readable.from([Buffer.from(text)]), {
    ...wishes,
    observe: (flow, seen, given) => plots.observe(flow, seen, given.options.sack),
  });
  if (outcome.kind !== 'report') throw new Error(outcome.problem);
  const { report } = outcome;
  const page = pageOf([{ report, plots }], {
    writtenMs: WRITTEN_MS,
    commandLine: `seqshim diagnose ${name} --html page.html`,
    inputs: [{ summary: report.input, sha256: 'ab'.repeat(32) }],
    isAnonymized: wishes.disguise !== undefined,
  });
  return { page, report, plots };
}

const DATA_OCTETS = 1000;

/**
 * A download of `count` segments that a false reset ends: the server goes on behind it. One segment
 * reaches far above the others, and one is sent again: neither may be lost by drawing less.
 */
export function longTrace(count: number): string {
  const lines = [
    line(0, 'c', '[S], seq 1000, win 64240, options [mss 1460,nop,wscale 7], length 0'),
    line(10, 's', '[S.], seq 5000, ack 1001, win 65160, options [mss 1460,nop,wscale 7], length 0'),
    line(10.1, 'c', '[.], ack 1, win 502, length 0'),
  ];
  for (let index = 0; index < count / 2; index++) {
    const from = 1 + index * DATA_OCTETS;
    const at = 20 + index * 0.2;
    lines.push(
      line(
        at,
        's',
        `[.], seq ${from}:${from + DATA_OCTETS}, ack 1, win 509, length ${DATA_OCTETS}`,
      ),
      line(at + 0.1, 'c', `[.], ack ${from + DATA_OCTETS}, win 502, length 0`),
    );
  }
  const end = 1 + Math.floor(count / 2) * DATA_OCTETS;
  const after = 20 + count * 0.1 + 30;
  lines.push(
    line(after, 's', `[R], seq ${end}, win 0, length 0`),
    line(after + 0.1, 's', `[P.], seq ${end}:${end + 39}, ack 1, win 509, length 39`),
  );
  return lines.join('\n');
}
