/**
 * The first line that a server says, from pieces as they come. Owns what was heard so far. Lines
 * before the identification string of ssh are passed over (RFC 4253 §4.2).
 */
const LINE_COUNT_MAX = 64;
const TEXT_OCTETS_MAX = 8192;
const SHOWN_CHARACTERS_MAX = 120;
/** What a terminal may do something with. */
const UNPRINTABLE = /[^\x20-\x7e]/g;

export class Greeting {
  private text = '';

  add(bytes: Uint8Array): void {
    if (this.text.length < TEXT_OCTETS_MAX) this.text += Buffer.from(bytes).toString('latin1');
  }

  get isEmpty(): boolean {
    return this.text === '';
  }

  /** Undefined: it has not come yet. `wantsSsh`: any other line does not count. */
  line(wantsSsh: boolean): string | undefined {
    const lines = this.text.split('\n').slice(0, LINE_COUNT_MAX);
    const whole = lines.slice(0, -1);
    const found = wantsSsh ? whole.find((line) => line.startsWith('SSH-')) : whole[0];
    return found === undefined ? undefined : shown(found);
  }

  /** What came without an end of line, for a server that says only that. */
  rest(): string {
    return shown(this.text);
  }
}

function shown(line: string): string {
  return line.trimEnd().replaceAll(UNPRINTABLE, '?').slice(0, SHOWN_CHARACTERS_MAX);
}
