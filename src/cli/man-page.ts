/**
 * seqshim(8) as roff, made from the tables of commands, options and exit codes. Owns the wording of
 * the rest; see man(7), groff_man_style(7).
 */
import { OPTIONS } from '../config/options.ts';
import { CONFIG_DIR_DEFAULT } from '../config/settings.ts';
import { VERSION } from '../version.ts';
import {
  CONFIG_OPTION,
  type Command,
  exitsOf,
  flagOf,
  helpOf,
  optionsOf,
  synopsisOf,
} from './command.ts';
import { COMMANDS } from './commands.ts';
import { EXIT_MEANINGS } from './exit-meanings.ts';

/** Of a line of the source; nobody reads it, and programs that check it say so. */
const COLUMNS_MAX = 78;

/** `date`: of the release, `YYYY-MM-DD`. */
export function manPage(date: string): string {
  const lines = [
    '.\\" Made from the tables of commands and options: src/cli/man-page.ts',
    `.TH SEQSHIM 8 "${date}" "seqshim ${VERSION}"`,
    '.SH NAME',
    'seqshim \\- transparent TCP shim against broken middleboxes',
    '.SH SYNOPSIS',
    '.B seqshim',
    '.I COMMAND',
    '.RI [ OPTION \\|.\\|.\\|.]',
    '.SH DESCRIPTION',
    prose(
      'Some firewalls answer one SYN twice, or translate sequence numbers badly, and the reset that ' +
        'follows is exactly valid. seqshim sits on the jumpbox, sees it happen, and keeps the ' +
        'connection alive. It is a workaround for the time until the firewall is mended. Its first ' +
        'rule: never make a connection worse than it would be without it.',
    ),
    '.SH COMMANDS',
    ...COMMANDS.flatMap(commandLines),
    '.SH OPTIONS',
    prose(
      'Of the commands that take a configuration. The keys of a configuration file are the same ' +
        'names without the dashes. Durations take units (200us, 10m); bare numbers are seconds, ' +
        'for --budget and --busy-poll microseconds. Lists repeat or take commas.',
    ),
    ...[CONFIG_OPTION, ...OPTIONS].flatMap((entry) => tagged(bold(flagOf(entry)), helpOf(entry))),
    '.SH CONFIGURATION',
    prose(
      `Without --config, ${CONFIG_DIR_DEFAULT}/seqshim.toml is read, then ` +
        `${CONFIG_DIR_DEFAULT}/conf.d/*.toml by name, where they exist. What comes later replaces ` +
        'what came before, whole lists too; flags replace what stands in files. SIGHUP makes a ' +
        'running shim read them again: all of it is applied, or nothing, and no connection is lost. ' +
        'These options take effect that way, the others need a restart: ' +
        `${OPTIONS.filter(({ live }) => live)
          .map(({ name }) => name)
          .join(', ')}.`,
    ),
    '.SH EXIT STATUS',
    ...EXIT_MEANINGS.flatMap(([code, meaning]) => tagged(bold(String(code)), meaning)),
    '.SH FILES',
    ...tagged(
      italic('/run/seqshim'),
      'the control socket and remove.sh, which takes every rule away',
    ),
    ...tagged(italic('/var/lib/seqshim/paths.json'), 'what is known of destinations'),
    ...tagged(italic('/var/lib/seqshim/evidence'), 'headers of troubled connections, as pcapng'),
    '.SH SIGNALS',
    ...tagged(bold('SIGTERM, SIGINT'), 'stop for good, and leave nothing'),
    ...tagged(bold('SIGHUP'), 'read the configuration again'),
    '.SH SEE ALSO',
    '.BR ssh (1),',
    '.BR nft (8),',
    '.BR iptables (8),',
    '.BR tcpdump (8)',
  ];
  return `${lines.join('\n')}\n`;
}

function commandLines(command: Command): string[] {
  const own = command.options ?? [];
  const others = optionsOf(command).length > own.length;
  const which = command.takes === 'config' ? 'all' : '--config, --state-dir and --control';
  const positionals = command.positionals ?? [];
  return [
    `.SS ${quotedArgument(`seqshim ${synopsisOf(command)}`)}`,
    prose(command.about),
    ...(others ? ['.PP', prose(`Takes ${which} of the OPTIONS below.`)] : []),
    ...positionals.flatMap(({ name, help }) => tagged(italic(name.toUpperCase()), help)),
    ...own.flatMap((entry) => tagged(bold(flagOf(entry)), helpOf(entry))),
    ...command.examples.flatMap(([line, what]) => [
      '.PP',
      prose(`Example: ${what}.`),
      '.PP',
      '.RS 4',
      '.EX',
      escaped(line),
      '.EE',
      '.RE',
    ]),
    '.PP',
    prose(
      `Exits ${exitsOf(command)
        .map(([code, meaning]) => `${code}: ${meaning}`)
        .join('; ')}.`,
    ),
  ];
}

function tagged(tag: string, text: string): string[] {
  return ['.TP', tag, prose(text)];
}

function bold(text: string): string {
  return `.B ${quotedArgument(text)}`;
}

function italic(text: string): string {
  return `.I ${quotedArgument(text)}`;
}

/** Code between backticks becomes bold; no text line may begin like a request. */
function prose(text: string): string {
  const parts = text.split('`').map((part, i) => {
    return i % 2 === 1 ? `\\fB${escaped(part)}\\fP` : escaped(part);
  });
  const lines = [''];
  for (const word of parts.join('').split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line === '') lines[lines.length - 1] = word;
    else if (line.length + word.length < COLUMNS_MAX) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.map((line) => line.replace(/^([.'])/, '\\&$1')).join('\n');
}

/** A hyphen that is typed is `\-`; between letters of a word it is a hyphen. */
function escaped(text: string): string {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll(/-(?=-|\w)|(?<=-)-/g, '\\-')
    .replaceAll('’', '\\(cq')
    .replaceAll('µ', '\\(mc')
    .replaceAll('~', '\\(ti')
    .replaceAll('^', '\\(ha');
}

function quotedArgument(text: string): string {
  return /[ "]/.test(text) ? `"${escaped(text).replaceAll('"', '\\(dq')}"` : escaped(text);
}
