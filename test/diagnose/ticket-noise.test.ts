/** The same trace as it arrives in tickets: quoted, wrapped, cut, converted. Same findings. */
import { describe, expect, it } from 'vitest';
import { JUMPBOX, packetsOf, reportOf } from './trace.ts';

const CODES = ['synack-conflict', 'rst-after-conflict', 'rst-refuted'];
const ISNS = [405921081, 4195986320];

const LINES = JUMPBOX.trimEnd().split('\n');

async function findings(text: string) {
  const report = await reportOf(text);
  const [conflict] = report.findings;
  return {
    codes: report.findings.map(({ code }) => code),
    isns: [conflict?.numbers['isn'], conflict?.numbers['otherIsn']],
    tolerated: report.input.tolerated,
    report,
  };
}

/** At blanks, as mail programs do. */
function softWrap(line: string, width: number): string {
  const rows: string[] = [];
  let row = '';
  for (const word of line.split(' ')) {
    if (row !== '' && row.length + 1 + word.length > width) {
      rows.push(row);
      row = word;
    } else row = row === '' ? word : `${row} ${word}`;
  }
  return [...rows, row].join('\n');
}

/** In the middle of words, as terminals do. */
function hardWrap(line: string, width: number): string {
  return line.match(new RegExp(`.{1,${width}}`, 'g'))?.join('\n') ?? line;
}

/** `-S`: as tcpdump prints this capture with absolute numbers. */
function absolute(text: string): string {
  return text
    .replace('ack 1, win 182, length 0', 'ack 405921082, win 182, length 0')
    .replaceAll('ack 504902058', 'ack 405921082')
    .replace('seq 504902058:504902097, ack 1', 'seq 405921082:405921121, ack 3882361679');
}

const DISFIGURED: [name: string, text: string, counted?: string][] = [
  ['quoted', LINES.map((line) => `> ${line}`).join('\n'), 'quoted lines'],
  ['quoted twice', LINES.map((line) => `> > ${line}`).join('\n'), 'quoted lines'],
  ['CRLF', LINES.join('\r\n'), 'CRLF lines'],
  ['HTML entities', JUMPBOX.replaceAll('>', '&gt;'), 'HTML entities'],
  ['wrapped at blanks', LINES.map((line) => softWrap(line, 72)).join('\n'), 'wrapped packets'],
  [
    'wrapped and quoted',
    LINES.map((line) => softWrap(line, 72).replace(/^/gm, '> ')).join('\n'),
    'wrapped packets',
  ],
  ...[60, 76, 77, 78, 79, 80, 81, 99, 100, 120, 132].map(
    (width) =>
      [
        `cut at column ${width}`,
        LINES.map((line) => hardWrap(line, width)).join('\n'),
        'wrapped packets',
      ] satisfies [string, string, string],
  ),
  ['absolute numbers', absolute(JUMPBOX)],
  ['without times', JUMPBOX.replace(/^\d\d:\d\d:\d\d\.\d{6} /gm, '')],
  ['with dates', JUMPBOX.replace(/^(?=\d\d:)/gm, '2020-01-02 ')],
  ['numbered', LINES.map((line, index) => line.replace(/^(?=\d\d:)/, `${index}  `)).join('\n')],
  ['numeric ports', JUMPBOX.replaceAll('server.ssh', '10.1.2.3.22')],
  ['IPv6', JUMPBOX.replaceAll('IP jumbox', 'IP6 jumbox').replaceAll('server.', '2001:db8::2.')],
  ['without addresses', JUMPBOX.replace(/ \S+ > \S+: Flags/g, ' > Flags')],
  ['without head', LINES.slice(3).join('\n')],
  ['indented', LINES.map((line) => `    ${line}`).join('\n')],
  ['with text between', LINES.join('\nand then\n'), 'other text lines'],
  ['a log before each line', LINES.map((line) => `Jan  2 host tcpdump[7]: ${line}`).join('\n')],
];

describe('tickets', () => {
  it.each(DISFIGURED)('%s: the same findings', async (_name, text, counted) => {
    const { codes, isns, tolerated, report } = await findings(text);
    expect(codes).toEqual(CODES);
    expect(isns).toEqual(ISNS);
    expect(report.input.packets).toBe(17);
    if (counted !== undefined) expect(tolerated[counted]).toBeGreaterThan(0);
  });

  it('without times nothing is said about round trips', async () => {
    const { report } = await findings(JUMPBOX.replace(/^\d\d:\d\d:\d\d\.\d{6} /gm, ''));
    const reset = report.findings.find(({ code }) => code === 'rst-after-conflict');
    expect(reset?.explanation).toContain('any of lines 6 and 8');
    expect(reset?.explanation).not.toContain('not the answer');
    expect(report.findings.find(({ code }) => code === 'rst-refuted')?.certainty).toBe('likely');
  });

  it('pasted twice: two connections, no finding more in either', async () => {
    const report = await reportOf(`${JUMPBOX}\n${JUMPBOX}`);
    expect(report.flows).toHaveLength(2);
    expect(report.findings.map(({ code }) => code)).toEqual([...CODES, ...CODES]);
  });

  it('colours and control characters reach nobody', () => {
    const { packets } = packetsOf(
      LINES.map((line) => `\u001b[31m${line.replace('jumbox', 'jum\u0007box')}\u001b[0m`).join(
        '\n',
      ),
    );
    expect(packets).toHaveLength(17);
    expect(packets.every(({ src }) => src === 'jumbox' || src === 'server')).toBe(true);
  });

  it('names that a shell would run do not get into commands', async () => {
    const report = await reportOf(
      JUMPBOX.replaceAll('server.', "x';reboot;'.").replaceAll('eth0', '$(id)'),
    );
    const [conflict] = report.findings;
    expect(conflict?.decide).toBe(
      "tcpdump -i INTERFACE -e -n -vvv -S 'host SERVER and tcp port 22'",
    );
    expect(conflict?.remedy).not.toContain('reboot');
  });

  it('a line number is where the packet begins, wrapped or not', async () => {
    const { report } = await findings(LINES.map((line) => softWrap(line, 72)).join('\n'));
    const wrapped = LINES.map((line) => softWrap(line, 72).split('\n').length);
    const lineOf = (line: number) =>
      wrapped.slice(0, line - 1).reduce((sum, count) => sum + count, 1);
    expect(report.findings[1]?.frames).toEqual([lineOf(9)]);
  });
});
