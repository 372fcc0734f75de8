/** One change of the list of flows under repair. Owns nothing. */
import type { FlowAddress } from '../../telemetry/flow-address.ts';

export interface FlowChange {
  readonly add: boolean;
  readonly flow: FlowAddress;
}
