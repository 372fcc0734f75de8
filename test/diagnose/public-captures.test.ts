/**
 * The public captures, read in place: what each gives of severity warning or above, judged by hand
 * beside `tshark`. All others give none.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { diagnoseInput } from '../../src/diagnose/diagnose.ts';
import { CAPTURES_DIR, CAPTURES_NOTE, captureNames } from '../helpers/public-captures.ts';

const FAULTS: Readonly<Record<string, readonly string[]>> = {
  // A SYN that was repeated over a mobile network, and two answers with numbers of their own.
  KakaoTalk_chat: ['synack-conflict'],
  // Forged resets and FINs before the real answer: what these captures are made for.
  with_evasion_linux: ['rst-refuted'],
  'security-4710-01': ['rst-refuted'],
  'split-handshake-4whs': ['rst-no-connection', 'split-handshake'],
  // Two SYNs, and nothing else in the file.
  'option-sack': ['syn-unanswered'],
};

/** Notes that have to be there. */
const NOTES: Readonly<Record<string, string>> = {
  'payload-syn': 'syn-data',
  'tcp-fastopen': 'syn-data',
  // The server’s timestamps are NOPs in every packet; the session goes on.
  tests__ssh: 'timestamps-stripped',
};

function wantedOf<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.entries(table).find(([part]) => name.includes(part))?.[1];
}

describe(CAPTURES_NOTE, () => {
  it('give what their makers put in, and healthy ones nothing', async () => {
    for (const name of captureNames()) {
      const outcome = await diagnoseInput(join(CAPTURES_DIR, name));
      if (outcome.kind !== 'report') throw new Error(outcome.problem);
      const { findings } = outcome.report;
      const faults = findings.filter(({ severity }) => severity !== 'note');
      const codes = new Set(faults.map(({ code }) => code));
      expect.soft([...codes].sort(), name).toEqual(wantedOf(FAULTS, name) ?? []);
      const note = wantedOf(NOTES, name);
      const all = findings.map(({ code }) => code);
      if (note !== undefined) expect.soft(all, name).toContain(note);
    }
  });
});
