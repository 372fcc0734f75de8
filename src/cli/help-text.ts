/** `--help`: of the program, and of each command. Owns the layout. Widths: characters. */
import { OperatorError } from '../config/errors.ts';
import { type Command, exitsOf, flagOf, helpOf, optionsOf, synopsisOf } from './command.ts';
import { COMMANDS } from './commands.ts';

const WIDTH_MAX = 100;
const INDENT = '  ';
/** A longer left column has its text on the next line. */
const LEFT_MAX = 28;

type Row = readonly [left: string, right: string];

/** What `--help` among these words asks for; undefined: nothing. */
export function helpAskedFor(words: readonly string[], columns: number): string | undefined {
  const end = words.indexOf('--');
  const asked = (end < 0 ? words : words.slice(0, end)).filter((word) =>
    /^(--help|-h)$/.test(word),
  );
  if (asked.length === 0) return undefined;
  const command = words.flatMap((word) => COMMANDS.filter(({ name }) => name === word))[0];
  if (command !== undefined) return commandHelp(command, columns);
  const name = words.find((word) => !word.startsWith('-'));
  if (name === undefined) return programHelp(columns);
  throw new OperatorError(
    `Cannot help with "${name}": there is no such command. Try: seqshim --help`,
  );
}

export function programHelp(columns = WIDTH_MAX): string {
  const width = Math.min(WIDTH_MAX, columns);
  return sections([
    ['', ['Makes TCP survive a broken middlebox, and shows which one is broken.']],
    ['Usage:', [`${INDENT}seqshim COMMAND [OPTION...]`]],
    [
      'Commands:',
      table(
        COMMANDS.map((one) => [`seqshim ${one.name}`, one.does]),
        width,
      ),
    ],
    [
      '',
      ['seqshim COMMAND --help: its options, an example, its exit codes. --version: the version.'],
    ],
  ]);
}

export function commandHelp(command: Command, columns = WIDTH_MAX): string {
  const width = Math.min(WIDTH_MAX, columns);
  const positionals = (command.positionals ?? []).map(
    ({ name, help, choices }): Row => [
      name.toUpperCase(),
      `${help}${choices ? `: ${choices.join(', ')}` : ''}`,
    ],
  );
  const options = optionsOf(command).map((entry): Row => [flagOf(entry), helpOf(entry)]);
  const examples = command.examples.flatMap(([line, what]) => [
    `${INDENT}${line}`,
    `${INDENT}${INDENT}${what}`,
  ]);
  const exits = exitsOf(command).map(([code, meaning]): Row => [String(code), meaning]);
  const usage = `seqshim ${synopsisOf(command)}${options.length === 0 ? '' : ' [OPTION...]'}`;
  return sections([
    ['', [usage, '', ...fold(command.about, width)]],
    ['Arguments:', table(positionals, width)],
    ['Options:', table(options, width)],
    [command.examples.length === 1 ? 'Example:' : 'Examples:', examples],
    ['Exit codes:', table(exits, width)],
  ]);
}

function sections(parts: readonly (readonly [title: string, lines: readonly string[]])[]): string {
  return `${parts
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => [...(title === '' ? [] : [title]), ...lines].join('\n'))
    .join('\n\n')}\n`;
}

function table(rows: readonly Row[], width: number): string[] {
  const fitting = rows.map(([left]) => left.length).filter((length) => length <= LEFT_MAX);
  const left = Math.max(0, ...fitting);
  const gap = INDENT.length + left + 2;
  return rows.flatMap(([name, text]) => {
    const lines = fold(text, width - gap);
    const head = `${INDENT}${name}`;
    const rest = lines.map((line) => ' '.repeat(gap) + line);
    if (name.length > left) return [head, ...rest];
    return [head.padEnd(gap) + (lines[0] ?? ''), ...rest.slice(1)];
  });
}

function fold(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > Math.max(width, 20)) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
