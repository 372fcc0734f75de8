/** The options of `replay`: those of `run` that mean something to a capture. Owns the table. */
import { OPTIONS, type OptionEntry } from '../config/options.ts';

/** With what they are where they are not given. */
export const REPLAY_OPTIONS: readonly OptionEntry[] = [
  ...optionsOf('target', 'exclude', 'port').map((entry) => ({
    ...entry,
    fallback: entry.name === 'exclude' ? undefined : 'all',
  })),
  {
    ...optionOf('direction'),
    help: 'where the shim is and the capture was made: at the end that opens (`out`), or the other',
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
