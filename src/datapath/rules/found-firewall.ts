/**
 * What a run has found out about the firewall here, kept for the next one of the same boot,
 * namespace and options: else eight programs stand between its start and its first verdict. What
 * has changed since is as for a run that goes on: rules that do not stand are not used.
 *
 * Owns the file, which is read once: a start that fails leaves the next one to look anew.
 */
import { lstatSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { whereWeAre } from '../state/state-file.ts';
import type { Backend, FirewallChoice } from './detect.ts';
import type { RuleInput } from './rule-input.ts';

export interface FoundFirewall {
  readonly backend: Backend;
  /** Why this one. */
  readonly because: string;
  readonly families: readonly (4 | 6)[];
  readonly repeatMark: number;
  readonly fullBecause: string;
}

/** What it depends on. */
export interface Asked {
  readonly input: RuleInput;
  readonly choice: FirewallChoice;
}

export function recallFirewall(file: string, asked: Asked): FoundFirewall | undefined {
  try {
    const about = lstatSync(file);
    const isOurs = about.isFile() && about.uid === process.geteuid?.() && !(about.mode & 0o077);
    if (!isOurs) return undefined;
    const [key, found = ''] = readFileSync(file, 'utf8').split('\n');
    return key === keyOf(asked) ? (JSON.parse(found) as FoundFirewall) : undefined;
  } catch {
    return undefined;
  } finally {
    rmSync(file, { force: true });
  }
}

/** Where it cannot be kept, the next start takes a little longer. */
export function keepFirewall(file: string, asked: Asked, found: FoundFirewall): void {
  const { backend, because, families, repeatMark, fullBecause } = found;
  const text = JSON.stringify({ backend, because, families, repeatMark, fullBecause });
  try {
    rmSync(file, { force: true });
    writeFileSync(file, `${keyOf(asked)}\n${text}\n`, { mode: 0o600, flag: 'wx' });
  } catch {
    rmSync(file, { force: true });
  }
}

function keyOf({ input, choice }: Asked): string {
  const { bootId, netns } = whereWeAre();
  return JSON.stringify([bootId, String(netns), choice, input]);
}
