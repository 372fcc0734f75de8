/**
 * The shipped scenarios of the foundation: which fault, which client, and what one attempt is.
 * Owns the table; the runner does what it says. Times: ms.
 */
import type { Fault } from './firewall/fault.ts';

export interface Attempt {
  /** `ssh` logs in and runs a command; `echo` speaks first after `delayMs`. */
  readonly client: 'ssh' | 'echo';
  readonly delayMs: number;
}

export interface Scenario {
  readonly name: string;
  /** What the network does, for a person. */
  readonly about: string;
  readonly fault: Partial<Fault>;
  readonly attempt: Attempt;
  /** Without the shim attempts fail; blind resets and a healthy path do not. */
  readonly failsWithout: boolean;
}

const SSH: Attempt = { client: 'ssh', delayMs: 0 };

const scenario = (
  name: string,
  about: string,
  fault: Partial<Fault>,
  attempt: Attempt = SSH,
  failsWithout = true,
): Scenario => ({ name, about, fault, attempt, failsWithout });

const ORDERS = ['BRD', 'BDR', 'RBD', 'RDB', 'DBR', 'DRB'] as const;

export const SCENARIOS: readonly Scenario[] = [
  ...ORDERS.map((order) =>
    scenario(
      `first-connection-reset-${order}`,
      'a second SYN-ACK, a reset with the exact number and the banner arrive back to back',
      { kind: 'first-connection-reset', order },
      SSH,
      order.indexOf('R') < order.indexOf('D'),
    ),
  ),
  scenario(
    'challenge-ack-reset',
    'the duplicate ACK that a second SYN-ACK provokes is answered by a reset',
    { kind: 'challenge-ack-reset' },
  ),
  scenario(
    'double-endpoint',
    'a second end point answers every packet of the client with a reset',
    { kind: 'double-endpoint' },
  ),
  scenario(
    'duplicate-address',
    'the same from a second host with the server’s address, eight hops away',
    { kind: 'double-endpoint', otherTtl: 57 },
  ),
  ...[100, 1500, 5000].flatMap((delayMs) =>
    (['challenge-ack-reset', 'double-endpoint'] as const).map((kind) =>
      scenario(
        `quiet-server-${kind}-${delayMs}`,
        'the same with a server that waits for the client to speak',
        { kind, delayMs: 5 },
        { client: 'echo', delayMs },
      ),
    ),
  ),
  ...[2, 7, 14].flatMap((wndScale) =>
    [false, true].map((timestamps) =>
      scenario(
        `phantom-synack-ws${wndScale}${timestamps ? '-ts' : ''}`,
        'the firewall itself answers the SYN; the server’s SYN-ACK comes second',
        { kind: 'phantom-synack', wndScale, timestamps },
      ),
    ),
  ),
  scenario(
    'forged-reset',
    'somebody who reads along sends resets with the exact number in mid-session, of another TTL',
    { kind: 'forged-reset', otherTtl: 200, delayMs: 60 },
  ),
  scenario(
    'checksum-left-partial',
    'checksums of the server’s segments are left to an offload that nobody does',
    { kind: 'checksum-left-partial' },
  ),
  scenario(
    'blind-resets',
    'resets from somebody who knows only addresses and ports',
    { kind: 'blind-resets' },
    SSH,
    false,
  ),
  scenario('healthy', 'nothing is wrong', {}, SSH, false),
];

/**
 * What spoils large transfers, or sessions in their middle, or hangs: each has a test of its own in
 * `test/e2e`, which knows how long to wait, and what.
 */
export const OTHER_SCENARIOS: readonly Scenario[] = [
  scenario(
    'sack-blind-randomizer',
    'SEQ and ACK are renumbered, SACK blocks are not; the path is long and loses one in a hundred',
    { offsets: true, sackBlind: true, lagMs: 10, loss: 0.01 },
  ),
  scenario(
    'window-scale-stripped',
    'SYN-ACKs lose their window scale, NOPs in its place: 64 KiB read as 64 octets',
    { strips: 'window-scale' },
  ),
  scenario('window-scale-removed', 'the same, and nothing tells where the option was', {
    strips: 'window-scale',
    stripsBy: 'removal',
  }),
  scenario(
    'timestamps-stripped',
    'SYN-ACKs lose their timestamps; the server insists on them: the first connection is lost',
    { strips: 'timestamps', strict: true },
  ),
  scenario(
    'sack-permitted-stripped',
    'SYN-ACKs lose SACK-permitted: the server, sending, waits for blocks that never come',
    { strips: 'sack-permitted', lagMs: 10, loss: 0.01 },
    SSH,
    false,
  ),
  scenario('rerandomized-midflow', 'the firewall makes its translation anew in mid-session', {
    jumpMs: 2500,
    offsets: true,
  }),
  scenario(
    'forged-reset-idle',
    'somebody who reads along sends resets with the exact number to sessions that say nothing',
    { kind: 'blind-resets', delayMs: 60_000 },
  ),
  scenario('checksum-left-partial-synack', 'only SYN-ACKs come with unfinished checksums', {
    kind: 'checksum-left-partial',
    partial: 'synack',
  }),
  scenario('checksum-left-partial-data', 'only data comes with unfinished checksums', {
    kind: 'checksum-left-partial',
    partial: 'data',
  }),
  scenario('idle-drop', 'the firewall forgets connections that say nothing, and tells nobody', {
    forgetsMs: 4000,
  }),
  scenario('idle-drop-reset', 'the same, and answers the next packet of the client by a reset', {
    forgetsMs: 4000,
    refuses: true,
  }),
  scenario(
    'pmtu',
    'the link behind the firewall carries less than the others, under a re-anchored connection',
    { kind: 'phantom-synack', mtu: 1300 },
    SSH,
  ),
];

export function scenarioByName(name: string): Scenario {
  const found = [...SCENARIOS, ...OTHER_SCENARIOS].find((entry) => entry.name === name);
  if (found === undefined) throw new Error(`no scenario "${name}"`);
  return found;
}
