/**
 * The manual page against the tables, and against what roff takes for something else: a hyphen that
 * is typed, a line that begins like a request.
 */
import { describe, expect, it } from 'vitest';
import { exitsOf, flagOf, optionsOf } from '../../src/cli/command.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { EXIT_MEANINGS } from '../../src/cli/exit-meanings.ts';
import { manPage } from '../../src/cli/man-page.ts';
import { OPTIONS } from '../../src/config/options.ts';
import { VERSION } from '../../src/version.ts';

const page = manPage('2027-03-31');
const lines = page.split('\n');
/** As it reads. */
const plain = page
  .replaceAll(/(?<!^\..*)\n(?!\.)/gm, ' ')
  .replaceAll('\\-', '-')
  .replaceAll(/\\f[BP]/g, '')
  .replaceAll('\\(cq', '’');
const REQUESTS = /^\.(\\"|TH|SH|SS|PP|TP|B|I|BR|RI|RS|RE|EX|EE)( |$)/;

describe('manPage()', () => {
  it('has the date, the version, and the sections of a manual page', () => {
    expect(page).toContain(`.TH SEQSHIM 8 "2027-03-31" "seqshim ${VERSION}"\n`);
    expect(lines.filter((line) => line.startsWith('.SH ')).map((line) => line.slice(4))).toEqual([
      'NAME',
      'SYNOPSIS',
      'DESCRIPTION',
      'COMMANDS',
      'OPTIONS',
      'CONFIGURATION',
      'EXIT STATUS',
      'FILES',
      'SIGNALS',
      'SEE ALSO',
    ]);
  });

  it('has every command with its own options, examples and exit codes', () => {
    for (const command of COMMANDS) {
      const [, rest = ''] = plain.split(new RegExp(`^\\.SS "?seqshim ${command.name}\\b.*$`, 'm'));
      const [section = ''] = rest.split(/^\.S[SH] /m);
      for (const entry of command.options ?? []) expect(section).toContain(flagOf(entry));
      for (const [line] of command.examples) expect(section).toContain(line.replaceAll('\\', ''));
      for (const [code, meaning] of exitsOf(command))
        expect(section).toContain(`${code}: ${meaning}`);
      expect(optionsOf(command).length).toBeGreaterThanOrEqual(command.options?.length ?? 0);
    }
  });

  it('has every option and every exit code', () => {
    const [, options = ''] = plain.split('\n.SH OPTIONS\n');
    for (const entry of OPTIONS) expect(options).toContain(flagOf(entry));
    for (const [code, meaning] of EXIT_MEANINGS) expect(plain).toContain(`.B ${code}\n${meaning}`);
  });

  it('uses only requests that it means, and ASCII', () => {
    expect(lines.filter((line) => /^[.']/.test(line) && !REQUESTS.test(line))).toEqual([]);
    expect(lines.filter((line) => /[^ -~]/.test(line))).toEqual([]);
    expect(lines.filter((line) => / $/.test(line) || line.length > 100)).toEqual([]);
    // Whoever copies an option from the page gets the hyphens that were typed.
    expect(lines.filter((line) => /(^|[^\\])--/.test(line))).toEqual([]);
  });
});
