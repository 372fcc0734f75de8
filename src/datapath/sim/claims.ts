/**
 * What a simulation proves, claim by claim, and what is said when one does not hold. Names are
 * API: `simulate --json` tells them, the documentation lists them from here.
 */
/** A genuine reset, and a refusal that may be forged, may take so much longer: ms. */
export const GENUINE_RESET_MS = 1000;
/** The same, while two end points dispute a connection in which the server has said nothing: ms. */
export const DISPUTED_RESET_MS = 3500;
/**
 * How much later than without the shim a connection may end: for a reset that is checked, or a
 * question. Where packets are lost, or thrown away for an old TSval, others are lost than without
 * it, and a timer may double: ms.
 */
export const LATER_MS = 1000;
export const LATER_LOSSY_MS = 15_000;
/**
 * Towards the far end, of one connection: probes, first data and ACKs sent again. Under a shower of
 * resets one check in 550 ms goes on asking.
 */
export const INJECTIONS_MAX = 60;
export const INJECTIONS_PER_S_MAX = 2;

export const CLAIMS = [
  ['stream-whole', 'What an application reads is what the other wrote, whole and in order'],
  ['not-worse', 'What succeeded without the shim succeeds with it'],
  [
    'not-late',
    `What succeeded without the shim ends with it at most ${LATER_MS} ms later, ${LATER_LOSSY_MS} ms where packets are lost`,
  ],
  ['saved', 'What one fault of a handshake breaks on a path without loss is saved'],
  [
    'reset-arrives',
    `A genuine reset ends the connection within ${GENUINE_RESET_MS} ms more, ${DISPUTED_RESET_MS} ms while two end points dispute one in which the server has said nothing`,
  ],
  ['refusal-arrives', 'A refused connection is told so as early as without the shim'],
  ['healthy-untouched', 'On a healthy path every packet arrives byte-identical, at its time'],
  ['observe-untouched', 'In observe mode every packet arrives byte-identical, at its time'],
  ['accept-untouched', 'A packet that is accepted is not changed'],
  [
    'leaves-once',
    'Every packet leaves once, or is dropped by an action that is counted; a reset may be held',
  ],
  [
    'injections-bounded',
    `At most ${INJECTIONS_MAX} packets, and ${INJECTIONS_PER_S_MAX} a second, are made for a connection, keep-alives apart`,
  ],
  ['one-translation', 'A packet is translated once at most, by us or by conntrack'],
  [
    'timers-bounded',
    'What is armed has a deadline, and nothing stays armed behind the last packet',
  ],
  ['sack-true', 'A SACK block reaches the client as the server meant it, or as it came'],
  ['checksums-right', 'What leaves has right checksums'],
  ['moved-rightly', 'Nobody is moved away from an end point that lives'],
  ['engine-sound', 'The engine’s tables agree with each other behind every packet and tick'],
  [
    'reload-unnoticed',
    'Another engine over the same memory, between any two packets, changes nothing',
  ],
  [
    'outage-harmless',
    'A kill, and a start some time later, is not worse than no shim, but for a rival’s answer to a probe that had left',
  ],
  ['repeats', 'The same seed has the same trace'],
] as const satisfies readonly (readonly [name: string, sentence: string])[];

export type Claim = (typeof CLAIMS)[number][0];

/** One claim that does not hold, with the figures that show it. */
export interface Violation {
  readonly claim: Claim;
  /** Index in the plan; -1: the world as a whole. */
  readonly connection: number;
  readonly figures: Readonly<Record<string, number | string | boolean>>;
}

export function violation(
  claim: Claim,
  figures: Violation['figures'],
  connection = -1,
): readonly Violation[] {
  return [{ claim, connection, figures }];
}

/** `claim (connection 1): name value, name value`. */
export function formatViolation({ claim, connection, figures }: Violation): string {
  const where = connection < 0 ? '' : ` (connection ${connection})`;
  const said = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  return `${claim}${where}: ${said.join(', ')}`;
}

export function sentenceOf(claim: Claim): string {
  return CLAIMS.find(([name]) => name === claim)?.[1] ?? claim;
}

/** The table in the documentation. */
export function claimsMarkdown(): string {
  const rows = CLAIMS.map(([name, sentence]) => `| \`${name}\` | ${sentence}. |`);
  return ['| claim | says |\n|---|---|', ...rows].join('\n');
}
