/**
 * Takes off what tickets, mails and terminals put around a line: `> ` quoting, CR, colours, HTML
 * entities, no-break spaces, tabs. Owns the count of each, for the report. Lengths in characters.
 */

/** Longer lines are no tcpdump packet; they would only cost time. */
export const LINE_CHARACTERS_MAX = 4096;

export interface CleaningCounts {
  quoted: number;
  carriageReturns: number;
  entities: number;
  tooLong: number;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: colours are control characters
const COLOUR = /\u001b\[[0-9;?]{0,16}[A-Za-z]/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they would reach the reader's terminal
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;
const ODD_SPACE = /[\t\u00a0\u2000-\u200b\u202f\ufeff]/g;
const QUOTE = /^\s*(?:[>|]\s?)+/;
/** A packet whose addresses were cut away, on a line of its own (`    > Flags [S], …`). */
const NAMELESS = /^\s*> Flags? \[/;

export class LineCleaner {
  readonly counts: CleaningCounts = { quoted: 0, carriageReturns: 0, entities: 0, tooLong: 0 };

  /** The line as tcpdump wrote it, as far as one can tell; empty when it was too long. */
  clean(line: string): string {
    if (line.length > LINE_CHARACTERS_MAX) {
      this.counts.tooLong += 1;
      return '';
    }
    let text = line;
    if (text.endsWith('\r')) {
      this.counts.carriageReturns += 1;
      text = text.slice(0, -1);
    }
    if (text.includes('&')) text = this.decodeEntities(text);
    if (text.includes('\u001b')) text = text.replace(COLOUR, '');
    text = text.replace(ODD_SPACE, ' ').replace(CONTROL, '');
    return this.unquote(text).trimEnd();
  }

  private decodeEntities(text: string): string {
    const decoded = text
      .replaceAll('&gt;', '>')
      .replaceAll('&lt;', '<')
      .replaceAll('&nbsp;', ' ')
      .replaceAll('&amp;', '&');
    if (decoded !== text) this.counts.entities += 1;
    return decoded;
  }

  private unquote(text: string): string {
    if (NAMELESS.test(text)) return text;
    const [quote] = QUOTE.exec(text) ?? [];
    if (quote === undefined) return text;
    this.counts.quoted += 1;
    return text.slice(quote.length);
  }
}
