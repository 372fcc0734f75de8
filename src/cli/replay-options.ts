/** The options of `replay`: those of `run` that mean something to a capture. Owns the table only. */
import { OPTIONS, type OptionEntry } from '../config/options.ts';

/** Those of `run` that mean something to a capture, with what they are without being given. */
export const REPLAY_OPTIONS: readonly OptionEntry[] = [
  ...optionsOf('target', 'exclude', 'port').map((entry) => ({
    ...entry,
    fallback: entry.name === 'exclude' ? undefined : 'all',
  })),
  {
    ...optionOf('direction'),
    choices: ['out', 'in'],
    help: 'where the shim is and the capture was made: the end that opens (`out`), or the other',
  },
  ...optionsOf('mode', 'sack', 'mss-clamp', 'idle-action', 'idle-after'),
];

function optionOf(name: string): OptionEntry {
  const entry = OPTIONS.find((option) => option.name === name);
  if (entry === undefined) throw new Error(`no option ${name}`);
  return entry;
}

function optionsOf(...names: readonly string[]): readonly OptionEntry[] {
  return names.map(optionOf);
}
