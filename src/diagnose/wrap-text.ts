/**
 * Breaks text at blanks so that a report stays within the width. Owns nothing. Widths in
 * characters.
 */
export const WIDTH = 100;

/** The first line starts with `first`, the others with as many blanks. */
export function wrapText(first: string, text: string, width = WIDTH): string[] {
  const indent = ' '.repeat(first.length);
  const lines: string[] = [];
  let line = first;
  let empty = true;
  for (const word of text.split(' ')) {
    if (!empty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  lines.push(line);
  return lines;
}
