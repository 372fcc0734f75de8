/**
 * The value that each option has in the end, in the type that it has in a file, and where it comes
 * from. Owns nothing.
 */
import { list, text } from './config.ts';
import { OPTIONS, type OptionEntry } from './options.ts';
import type { Origin, Settings, Values } from './settings.ts';

export type EffectiveValue = string | number | boolean | readonly string[] | null;

export interface Effective {
  readonly entry: OptionEntry;
  /** null: it is not set, and has no default. */
  readonly value: EffectiveValue;
  readonly origin: Origin;
}

export function effectiveSettings({ values, origins }: Settings): readonly Effective[] {
  return OPTIONS.map((entry) => ({
    entry,
    value: effectiveValue(entry, values),
    origin: origins.get(entry.name) ?? 'default',
  }));
}

function effectiveValue(entry: OptionEntry, values: Values): EffectiveValue {
  if (entry.type === 'list') return list(values, entry.name);
  if (entry.type === 'flag') return values[entry.name] !== (entry.fallback !== 'true');
  const written = text(values, entry.name) ?? entry.fallback ?? null;
  return entry.type === 'number' && written !== null ? Number(written) : written;
}

/** Names of the options whose values differ. */
export function changedOptions(before: Settings, after: Settings): readonly OptionEntry[] {
  return OPTIONS.filter((entry) => {
    const [old, now] = [before, after].map(({ values }) => effectiveValue(entry, values));
    return JSON.stringify(old) !== JSON.stringify(now);
  });
}
