/**
 * Text for HTML and SVG. What goes into a template is escaped unless it is markup already. Names of
 * files, captures and pasted lines are a stranger's: characters that a reader cannot see, or that
 * turn the direction of the text around, are shown by their number. Owns the escaping.
 */

/** Made by `html` only: whatever is in it has been escaped. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

export type Piece = string | number | Markup | readonly Markup[];

/** Attributes must stand in double quotes in the template. */
export function html(parts: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  let text = parts[0] ?? '';
  for (const [index, piece] of pieces.entries()) {
    text += pieceText(piece) + (parts[index + 1] ?? '');
  }
  return new Markup(text);
}

export const NOTHING = new Markup('');

/** Sentences of ours, in which commands stand between backquotes. */
export function prose(text: string): Markup {
  const parts = text.split('`');
  // An odd one out is no command.
  if (parts.length % 2 === 0) return html`${text}`;
  return html`${parts.map((part, at) => (at % 2 === 0 ? html`${part}` : html`<code>${part}</code>`))}`;
}

/** Markup where there is something to say. */
export function when(condition: boolean, markup: () => Markup): Markup {
  return condition ? markup() : NOTHING;
}

export function joinMarkup(pieces: readonly Markup[], between: string): Markup {
  return new Markup(pieces.map(({ text }) => text).join(escapeText(between)));
}

function pieceText(piece: Piece): string {
  if (piece instanceof Markup) return piece.text;
  if (typeof piece === 'object') return piece.map(({ text }) => text).join('');
  return escapeText(String(piece));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Controls, format characters (bidi, zero width, tags), halves of surrogate pairs, separators. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\ufffe\uffff]/gu;

export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? char).replace(UNSEEN, showUnseen);
}

function showUnseen(char: string): string {
  const code = (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
  return `⟨U+${code}⟩`;
}
