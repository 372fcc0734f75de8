/**
 * `--html` and `--anonymize` of `diagnose`: what they ask of the reading, and the page at the end.
 * Owns the plots and the other names of one call. Places are checked before anything is read.
 */
import type { Values } from '../config/config.ts';
import { Anonymizer } from '../diagnose/anonymize/anonymizer.ts';
import { freshKey, keyFrom } from '../diagnose/anonymize/key-file.ts';
import type { BothReport } from '../diagnose/both/diagnose-both.ts';
import type { Wishes } from '../diagnose/diagnose.ts';
import { pageOf } from '../diagnose/html/page.ts';
import { PlotBook } from '../diagnose/html/plot-book.ts';
import { hashInput, type InputSource } from '../diagnose/html/provenance.ts';
import type { DrawnReport } from '../diagnose/html/report-section.ts';
import { checkPlace, writePrivate } from '../diagnose/private-file.ts';
import type { Report } from '../diagnose/report.ts';

const SAFE_WORD = /^[\w@%+=:,./-]+$/;

export class DiagnosePage {
  private readonly file: string | undefined;
  private readonly key: Uint8Array | undefined;
  private readonly anonymizer: Anonymizer | undefined;
  private readonly drawn: DrawnReport[] = [];
  private readonly inputs: InputSource[] = [];
  private plots = new PlotBook();
  private inputCount = 0;

  private constructor(file: string | undefined, key: Uint8Array | undefined) {
    this.file = file;
    this.key = key;
    this.anonymizer = key === undefined ? undefined : new Anonymizer(key);
  }

  static async open(args: Values): Promise<DiagnosePage> {
    const file = optionText(args['html']);
    if (file !== undefined) await checkPlace('html', file);
    const keyFile = optionText(args['anonymize-key']);
    if (keyFile === undefined && args['anonymize'] !== true) {
      return new DiagnosePage(file, undefined);
    }
    const path = keyFile ?? (file === undefined ? undefined : `${file}.key`);
    return new DiagnosePage(file, path === undefined ? freshKey() : await keyFrom(path));
  }

  /** For the next input. */
  wishes(): Wishes {
    this.inputCount += 1;
    const { anonymizer } = this;
    const plots = new PlotBook();
    this.plots = plots;
    return {
      ...(this.file === undefined
        ? {}
        : {
            observe: (flow, seen, given) => plots.observe(flow, seen, given.options.sack),
            forget: (flow) => plots.forget(flow),
          }),
      ...(anonymizer === undefined
        ? {}
        : {
            disguise: (packet) => anonymizer.packet(packet),
            interfaceName: (name) => anonymizer.interfaceName(name),
            inputName: `input ${this.inputCount}`,
          }),
    };
  }

  get isWanted(): boolean {
    return this.file !== undefined;
  }

  /** `name` is what was opened; the report may call it otherwise. `both`: one of two sides. */
  async add(name: string, report: Report, both?: BothReport): Promise<void> {
    if (this.file === undefined) return;
    this.drawn.push({ report, plots: this.plots, ...(both === undefined ? {} : { both }) });
    this.inputs.push({ summary: report.input, sha256: await hashInput(name, this.key) });
  }

  /** Inputs that could not be used were told already; without any there is no page. */
  async write(): Promise<void> {
    if (this.file === undefined || this.drawn.length === 0) return;
    const page = pageOf(this.drawn, {
      writtenMs: Date.now(),
      commandLine: ['seqshim', ...process.argv.slice(2)].map(quoteWord).join(' '),
      inputs: this.inputs,
      isAnonymized: this.key !== undefined,
    });
    await writePrivate('html', this.file, page);
  }
}

function optionText(value: unknown): string | undefined {
  return value === undefined ? undefined : String(value);
}

/** As it can be pasted into a shell. */
function quoteWord(word: string): string {
  return SAFE_WORD.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
