/**
 * What each suspect's verdict is in each scenario, from the captures of both ends. Owns the table.
 *
 * A letter each, in the order of SUSPECT_IDS: `C` confirmed, `p` possible, `?` cannot tell, `-`
 * ruled out; `.` ruled out or cannot tell, where timing decides. Empty: nothing failed there, so
 * nobody is suspected; in brackets: timing decides whether it failed.
 */
import type { Hypothesis, Verdict } from '../../src/diagnose/finding.ts';
import { SUSPECT_IDS, type SuspectId } from '../../src/diagnose/suspects.ts';

const LETTERS: Readonly<Record<string, readonly Verdict[]>> = {
  C: ['confirmed'],
  p: ['possible'],
  '?': ['undecided'],
  '-': ['ruled-out'],
  '.': ['ruled-out', 'undecided'],
};

interface Row {
  readonly client: string;
  readonly server: string;
  /** What it really is, as far as a suspect has its name: never ruled out, on either side. */
  readonly truth: readonly SuspectId[];
}

const row = (client: string, server: string, ...truth: readonly SuspectId[]): Row => ({
  client,
  server,
  truth,
});

const REMADE = '?????.--???pp??';

/** By the beginning of the name; the first that fits. */
const TABLE: readonly (readonly [scenario: string, Row])[] = [
  // Data before the reset saves the login; the reset is what the client was told all the same.
  ['first-connection-reset-BDR', row('????-----p-pp??', '', 'xlate')],
  ['first-connection-reset-D', row('????-----p-pp??', '', 'xlate')],
  // The server learns of it by what its greeting is answered, and a busy machine greets late.
  ['first-connection-reset-', row('-----.---p-pp?-', '.---..--.?-?p?-', 'xlate')],
  ['challenge-ack-reset', row('....-.---p-pp?.', '......--.?-?p?.', 'xlate')],
  ['double-endpoint', row('....-.---p-pp?.', '......--.?-?p?.', 'xlate', 'duplicate-ip')],
  ['duplicate-address', row('....-.---p-pp?.', '......--.?-?p?.', 'duplicate-ip')],
  // No ssh: nothing of it can be judged.
  ['quiet-server-', row('-?????---p-pp??', '.?????--.?-?p??', 'xlate')],
  ['phantom-synack-', row('-----.---p-pp?-', '......-?.?.?p?.', 'xlate')],
  // Without a shim it dies of the phantom before anything long is sent.
  ['pmtu', row('-----.---p-pp?-', '......-?.?.?p?.', 'xlate')],
  // A device that makes resets has no suspect of its own; its table may be why.
  ['forged-reset-idle', row('.?????--.?-?p??', '', 'xlate')],
  ['forged-reset', row('....-.---?-?p?.', '(....-.---?-?p?.)', 'xlate')],
  ['checksum-left-partial-data', row('?????.-C???????', '(?????.?????????)', 'checksum-fill')],
  ['checksum-left-partial', row('??????-C???????', '???????????????', 'checksum-fill')],
  ['blind-resets', row('', '')],
  ['healthy', row('', '')],
  ['sack-blind-randomizer', row('??????--???C???', '', 'isn-randomization')],
  ['window-scale-', row('??????--???????', '??????--???????')],
  ['timestamps-stripped', row('??????--??C????', '???????????????', 'tcp-timestamps')],
  ['sack-permitted-stripped', row('??????--???????', '')],
  ['rerandomized-midflow', row(REMADE, REMADE, 'xlate', 'isn-randomization')],
  ['idle-drop-reset', row('??????--C?-?p??', '', 'tcpkeepalive')],
  ['idle-drop', row('??????--C??????', '', 'tcpkeepalive')],
];

export function verdictsExpected(scenario: string): Row {
  const found = TABLE.find(([name]) => scenario.startsWith(name));
  if (found === undefined) throw new Error(`no verdicts for scenario "${scenario}"`);
  return found[1];
}

/** Each verdict that is none of those in the row, and each truth that is ruled out. */
export function verdictsWrong(
  hypotheses: readonly Hypothesis[],
  letters: string,
  truth: readonly SuspectId[],
): string[] {
  if (letters === '') return hypotheses.map(({ id, verdict }) => `${id} is ${verdict}`);
  if (letters.startsWith('(') && hypotheses.length === 0) return [];
  const columns = letters.replaceAll(/[()]/g, '');
  const verdicts = new Map(hypotheses.map(({ id, verdict }) => [id, verdict]));
  const wrong = SUSPECT_IDS.filter((id, place) => {
    const verdict = verdicts.get(id);
    if (verdict === undefined) return true;
    const allowed = LETTERS[columns[place] ?? ''] ?? [];
    return !allowed.includes(verdict) || (truth.includes(id) && verdict === 'ruled-out');
  });
  return wrong.map((id) => `${id} is ${verdicts.get(id)}`);
}
