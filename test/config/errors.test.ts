/** What an operator has written is quoted in errors, and they are one line all the same. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { helpAskedFor } from '../../src/cli/help-text.ts';
import { OperatorError, OptionError } from '../../src/config/errors.ts';
import { findMistakes } from '../../src/config/find-mistakes.ts';
import { readSettings } from '../../src/config/settings.ts';

it('OperatorError says one line, whatever was written', () => {
  const error = new OperatorError('Cannot open "a\r\n\u001b[2Jb\u2028c": name another');
  expect(error.message).toBe('Cannot open "a?[2Jb?c": name another');
  expect(new OperatorError('Cannot use 10µs – “x”').message).toBe('Cannot use 10µs – “x”');
});

it('OptionError quotes one line, also where its parts are put together anew', () => {
  const error = new OptionError('mode', '"a\nb"', 'it must be x');
  expect(error.what).toBe('"a?b"');
  expect(error.message).toBe('Cannot use --mode "a?b": it must be x');
});

it('neither help nor config check can be made to print more than a line for a mistake', async () => {
  expect(() => helpAskedFor(['a\nb', '--help'], 80)).toThrow(/^Cannot help with "a\?b"[^\n]*$/);
  const dir = mkdtempSync(join(tmpdir(), 'seqshim-errors-'));
  const file = join(dir, 'a.toml');
  writeFileSync(file, 'mode = "a\\nb"\nport = ["1\\n2", "22"]\n');
  const mistakes = await findMistakes(readSettings({ config: file }));
  rmSync(dir, { recursive: true });
  expect(mistakes).toEqual([
    expect.stringMatching(/^[^\n]*:2: port: cannot be "1\?2": [^\n]*$/),
    expect.stringMatching(/^[^\n]*:1: mode: cannot be "a\?b": [^\n]*$/),
  ]);
});
