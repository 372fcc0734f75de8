/**
 * A flow that conntrack translates although this run did not ask for it, as the engine is told of
 * it. Owns nothing. Offsets are octets.
 */
import * as box from '../../engine/outbox.ts';
import { addressWords, type FlowAddress } from '../../telemetry/flow-address.ts';

export interface Adoption {
  readonly flow: FlowAddress;
  /** B - A. */
  readonly delta: number;
  /** Its connection carries our mark: its plain packets stay in the kernel. */
  readonly marked: boolean;
}

/** Into the inbox slot at word `at`. */
export function writeAdoption(words: Int32Array, at: number, told: Adoption): void {
  const { flow, delta, marked } = told;
  words[at + box.IN_KIND] = box.IN_KIND_ADOPT;
  words[at + box.IN_FAMILY] = flow.family;
  words[at + box.IN_PORTS] = (flow.nearPort << 16) | flow.farPort;
  words[at + box.IN_DELTA] = delta;
  words[at + box.IN_MARKED] = marked ? 1 : 0;
  words.set(addressWords(flow.nearAddr), at + box.IN_NEAR_ADDR);
  words.set(addressWords(flow.farAddr), at + box.IN_FAR_ADDR);
}
