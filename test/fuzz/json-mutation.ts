/**
 * Changes to JSON that stays JSON: one value gives way to another of any type, or to one of another
 * input. Seeded.
 */
import type { Random } from '../helpers/seed.ts';

const VALUES: readonly unknown[] = [
  null,
  true,
  '',
  'x',
  '10.0.0.2',
  '::ffff:10.0.0.2',
  'fe80::1%lo',
  'forget',
  '2026-03-04T00:00:00Z',
  '1'.repeat(300),
  '\u0000\n\u2028',
  0,
  -1,
  0.5,
  22,
  65_535,
  65_536,
  2 ** 31,
  -(2 ** 40),
  1e308,
  [],
  {},
  ['10.0.0.2', 22],
];

/** What is no JSON stays as it is. */
export function mutateJson(text: string, random: Random, other: string): string {
  const value = parsed(text);
  if (value === undefined) return text;
  const places = placesIn({ value });
  const [holder, key] = places[random.below(places.length)] ?? [];
  if (holder === undefined || key === undefined) return text;
  const theirs = placesIn({ value: parsed(other) ?? 0 });
  const kind = random.below(4);
  const [otherHolder, otherKey] = theirs[random.below(theirs.length)] ?? [];
  if (kind === 0 && otherHolder !== undefined) holder[key] = otherHolder[otherKey ?? ''];
  else if (kind === 1) delete holder[key];
  else holder[key] = VALUES[random.below(VALUES.length)];
  return JSON.stringify(places[0]?.[0]['value']) ?? text;
}

type Holder = Record<string, unknown>;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Every value by what holds it; the whole one first. */
function placesIn(holder: Holder): [holder: Holder, key: string][] {
  return Object.keys(holder).flatMap((key): [Holder, string][] => {
    const value = holder[key];
    const inside = typeof value === 'object' && value !== null ? placesIn(value as Holder) : [];
    return [[holder, key], ...inside];
  });
}
