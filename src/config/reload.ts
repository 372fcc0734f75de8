/** What a changed configuration means for a shim that runs with another one. Owns nothing. */
import { changedOptions } from './effective.ts';
import type { OptionEntry } from './options.ts';
import type { Settings } from './settings.ts';

export interface Reload {
  /** Names of options that change. */
  readonly changed: readonly string[];
  /** Those among them that only a restart can change. */
  readonly needRestart: readonly string[];
}

export function planReload(before: Settings, after: Settings): Reload {
  const changed = changedOptions(before, after);
  const isKernel = before.values['translate'] === 'kernel';
  // What the kernel translates, and whether, is settled at the start.
  const waits = ({ name, live }: OptionEntry) => live !== true || (name === 'mode' && isKernel);
  return {
    changed: changed.map(({ name }) => name),
    needRestart: changed.filter(waits).map(({ name }) => name),
  };
}
