/**
 * What a simulated world is made of, and what became of its connections. Types only. Times: virtual
 * microseconds; sizes: octets.
 */
import type { LinkPlan } from './link.ts';
import type { Fault, Offsets } from './middlebox.ts';
import type { EndReason } from './model-endpoint.ts';
import type { Step } from './script.ts';

/** What one side brings to a connection; addresses, ports and numbers come from the plan. */
export interface SidePlan {
  readonly iss: number;
  readonly mss: number;
  readonly wndScale: number;
  readonly timestamps: boolean;
  readonly sack: boolean;
  readonly dsack: boolean;
  readonly rcvBufOctets: number;
  readonly readOctetsPerMs: number;
  readonly rtoMinUs: number;
  readonly tsBase: number;
  readonly steps: readonly Step[];
}

export interface ConnectionPlan {
  readonly startUs: number;
  readonly clientPort: number;
  /** Nobody listens. */
  readonly refused: boolean;
  readonly client: SidePlan;
  readonly server: SidePlan;
}

/** A second, whole server behind the same address: it gets every packet of this client port too. */
export interface TwinPlan {
  readonly clientPort: number;
  readonly iss: number;
  /** How much longer its way is, each way, than the far link; the shorter way wins the client. */
  readonly laterUs: number;
}

export interface WorldPlan {
  readonly seed: number;
  readonly family: 4 | 6;
  readonly horizonUs: number;
  /** Between client and middlebox, and between middlebox and server; each way. */
  readonly nearLink: LinkPlan;
  readonly farLink: LinkPlan;
  readonly offsets: Offsets;
  readonly connections: readonly ConnectionPlan[];
  readonly twins: readonly TwinPlan[];
  /** From the client's interface to its TCP: SYN-ACKs can pile up before the first is answered. */
  readonly clientDelayUs: number;
  /** Fresh faults for one run: they keep state. */
  readonly faults: () => readonly Fault[];
}

export interface SideResult {
  readonly reason: EndReason;
  readonly establishedUs: number;
  readonly endedUs: number;
  readonly abortedUs: number;
  readonly through: boolean;
  readonly sendsOctets: number;
  readonly receivedOctets: number;
  readonly wrongOctets: number;
  /** Segments with data thrown away for an old TSval (RFC 7323 §5.3): lost, in effect. */
  readonly oldDataSegments: number;
}

export interface ConnectionResult {
  readonly client: SideResult;
  readonly server: SideResult;
  /** Both streams arrived whole and both scripts came to their end. */
  readonly whole: boolean;
}
