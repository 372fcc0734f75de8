/**
 * What one side's capture suggests and both together settle: whether an option was taken out on the
 * way. One side judges by what is missing; the comparison has seen what was sent. Owns these codes.
 */
import type { Flow } from '../flow.ts';
import type { Comparison } from './compare-sides.ts';
import type { SideFlow } from './side-packet.ts';

const SETTLED_CODES: ReadonlySet<string> = new Set([
  'timestamps-stripped',
  'window-scale-stripped',
  'sack-permitted-stripped',
]);

/** Whether a finding of one side is not to be told again: of a connection that was compared. */
export function settledByBoth(
  { flows }: Comparison,
  side: 'client' | 'server',
): (flow: Flow, code: string) => boolean {
  const compared = new Set(flows.map(({ pair }) => endsOf(pair[side])));
  return (flow, code) => SETTLED_CODES.has(code) && compared.has(endsOf(flow));
}

type Ends = Pick<SideFlow, 'client' | 'clientPort' | 'server' | 'serverPort'>;

function endsOf({ client, clientPort, server, serverPort }: Ends): string {
  return `${client} ${clientPort} ${server} ${serverPort}`;
}
