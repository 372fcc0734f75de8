/**
 * A TOML file of options: what `config check` finds nothing wrong with can be loaded, and what
 * cannot be loaded is a mistake that it finds; each is one line.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configOf, list } from '../../../src/config/config.ts';
import { effectiveSettings } from '../../../src/config/effective.ts';
import { OperatorError } from '../../../src/config/errors.ts';
import { findMistakes } from '../../../src/config/find-mistakes.ts';
import { OPTIONS } from '../../../src/config/options.ts';
import { readSettings, type Settings } from '../../../src/config/settings.ts';
import { mutateLines } from '../lines.ts';
import { demand, demandOneLine, type Target } from '../target.ts';

const nobody = async () => [];

let dir = '';

export const config: Target = {
  name: 'config',
  about: 'a TOML file of options',
  bytesMax: 1500,
  seeds: () =>
    [ALL, 'target = ["10.0.0.0/8", "db1"]\nport = 22\n', '[run]\nmode = "observe"\n'].map(bytesOf),
  mutate: mutateLines,

  async run(input: Uint8Array): Promise<void> {
    if (dir === '') dir = mkdtempSync(join(tmpdir(), 'seqshim-fuzz-'));
    const file = join(dir, 'a.toml');
    writeFileSync(file, input);
    const settings = readSettings({ config: file });
    const mistakes = await findMistakes(settings);
    for (const mistake of mistakes) demandOneLine(mistake);
    JSON.stringify(effectiveSettings(settings));
    const problem = await problemOf(settings);
    if (problem !== '') demandOneLine(problem);
    demand((problem === '') === (mistakes.length === 0), `check: ${mistakes}, run: ${problem}`);
  },

  close(): void {
    if (dir !== '') rmSync(dir, { recursive: true });
    dir = '';
  },
};

/** Every option with its default, or with what its usage says. */
const ALL = OPTIONS.map(({ name, type, fallback, value }) => {
  const written = fallback ?? value;
  const isPlain = type === 'number' || type === 'flag';
  return `${name} = ${isPlain ? written : JSON.stringify(written)}\n`;
}).join('');

function bytesOf(text: string): Uint8Array {
  return Buffer.from(text);
}

async function problemOf(settings: Settings): Promise<string> {
  try {
    // A file need not name targets: flags may.
    const hasTarget = list(settings.values, 'target').length > 0;
    const values = hasTarget ? settings.values : { ...settings.values, target: ['all'] };
    await configOf({ ...settings, values }, nobody);
    return '';
  } catch (error) {
    if (!(error instanceof OperatorError)) throw error;
    return error.message;
  }
}
