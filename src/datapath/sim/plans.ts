/**
 * Plans with sensible defaults: the links, sides, talks and worlds that scenarios and tests start
 * from. Times: virtual microseconds.
 */
import type { LinkPlan } from './link.ts';
import { Random } from './random.ts';
import type { Step } from './script.ts';
import type { ConnectionPlan, SidePlan, WorldPlan } from './world-plan.ts';

export const CLEAN_LINK: LinkPlan = {
  delayUs: 100,
  loss: 0,
  duplication: 0,
  reordering: 0,
  spreadUs: 1,
  healUs: 0,
};

export const DEFAULT_SIDE: SidePlan = {
  iss: 1000,
  mss: 1160,
  wndScale: 7,
  timestamps: true,
  sack: true,
  dsack: true,
  rcvBufOctets: 262_144,
  readOctetsPerMs: Number.POSITIVE_INFINITY,
  rtoMinUs: 200_000,
  tsBase: 7000,
  steps: [],
};

/** The server speaks first, as sshd does; then question and answer; the client closes. */
export const SSH_CLIENT: readonly Step[] = [
  { do: 'expect', octets: 39 },
  { do: 'send', octets: 41 },
  { do: 'expect', octets: 900 },
  { do: 'send', octets: 1500 },
  { do: 'expect', octets: 200 },
  { do: 'close' },
];

export const SSH_SERVER: readonly Step[] = [
  { do: 'send', octets: 39 },
  { do: 'expect', octets: 41 },
  { do: 'send', octets: 900 },
  { do: 'expect', octets: 1500 },
  { do: 'send', octets: 200 },
  { do: 'expect-end' },
  { do: 'close' },
];

/** A login with the pauses that keys and passwords cost: about a quarter of a second. */
export const LOGIN_CLIENT: readonly Step[] = [
  { do: 'expect', octets: 39 },
  { do: 'send', octets: 41 },
  { do: 'expect', octets: 1080 },
  { do: 'sleep', us: 30_000 },
  { do: 'send', octets: 1500 },
  { do: 'expect', octets: 500 },
  { do: 'sleep', us: 60_000 },
  { do: 'send', octets: 600 },
  { do: 'expect', octets: 200 },
  { do: 'close' },
];

export const LOGIN_SERVER: readonly Step[] = [
  { do: 'sleep', us: 15_000 },
  { do: 'send', octets: 39 },
  { do: 'expect', octets: 41 },
  { do: 'send', octets: 1080 },
  { do: 'expect', octets: 1500 },
  { do: 'sleep', us: 40_000 },
  { do: 'send', octets: 500 },
  { do: 'expect', octets: 600 },
  { do: 'sleep', us: 80_000 },
  { do: 'send', octets: 200 },
  { do: 'expect-end' },
  { do: 'close' },
];

/** The server waits for the client, which first thinks. */
export function quietClient(waitUs: number): readonly Step[] {
  return [
    { do: 'sleep', us: waitUs },
    { do: 'send', octets: 64 },
    { do: 'expect', octets: 64 },
    { do: 'close' },
  ];
}

export const QUIET_SERVER: readonly Step[] = [
  { do: 'expect', octets: 64 },
  { do: 'send', octets: 64 },
  { do: 'expect-end' },
  { do: 'close' },
];

/** One ssh-like connection over a clean path; whatever is given overrides. */
export function worldPlan(seed: number, overrides: Partial<WorldPlan> = {}): WorldPlan {
  const random = new Random(seed, 1);
  return {
    seed,
    family: 4,
    horizonUs: 60_000_000,
    nearLink: CLEAN_LINK,
    farLink: CLEAN_LINK,
    offsets: { client: 0, server: 0 },
    connections: [connectionPlan(random, 40_000)],
    twins: [],
    clientDelayUs: 0,
    faults: () => [],
    ...overrides,
  };
}

export function connectionPlan(
  random: Random,
  clientPort: number,
  client: Partial<SidePlan> = {},
  server: Partial<SidePlan> = {},
): ConnectionPlan {
  const side = (steps: readonly Step[]): SidePlan => ({
    ...DEFAULT_SIDE,
    iss: random.int32(),
    tsBase: random.int32(),
    steps,
  });
  return {
    startUs: 1000,
    clientPort,
    refused: false,
    client: { ...side(SSH_CLIENT), ...client },
    server: { ...side(SSH_SERVER), ...server },
  };
}
