// @pathology unfinished-checksum | RFC 9293 §3.1, RFC 1071 | fills SEG.CKSUM | default on
/**
 * An arriving segment whose checksum field is the bare pseudo-header sum, and which the kernel does
 * not mark as partial, is an offload that nobody finished: it may be filled. Any other bad checksum
 * is counted, passed unchanged and never used as evidence.
 *
 * Control packets are filled in raw, before conntrack sees them. Data comes here behind conntrack,
 * which has called it INVALID by then; where that is dropped, filling comes too late. So the first
 * one puts its flow under repair and its address on record: from then on data is queued in raw, for
 * later flows from their SYN on. What was dropped comes again: one retransmission.
 *
 * Reads INFO_* bits, POLICY_CHECKSUM_FILL. Writes the TCP checksum, the origin table.
 */
import { CHECKSUM_BAD, CHECKSUM_FILLED, CHECKSUM_PARTIAL } from '../codes.ts';
import { type Core, count, enforce, flagsOf } from '../core.ts';
import { event } from '../emit.ts';
import { copyOriginal } from '../evidence.ts';
import { FLOW_OVER, FLOW_RULE_WANTED } from '../flow/layout.ts';
import { CHECKSUM_FILL_ALWAYS, CHECKSUM_FILL_OFF, POLICY_CHECKSUM_FILL } from '../memory.ts';
import { wantRule } from '../rule-requests.ts';
import { INFO_CSUM_NOT_READY, INFO_CSUM_NOT_VERIFIED, INFO_TRUNCATED } from '../verdict.ts';
import { fillTcpChecksum, tcpChecksumIsPartial, tcpChecksumOk } from '../wire/checksum.ts';
import { originOf } from './provenance.ts';

/** Checks an arriving segment; false: do not believe what it says. */
export function normalizeChecksum(core: Core): boolean {
  if ((core.info & INFO_CSUM_NOT_READY) !== 0) return true; // the kernel's own unfinished business
  if ((core.info & (INFO_CSUM_NOT_VERIFIED | INFO_TRUNCATED)) !== INFO_CSUM_NOT_VERIFIED) {
    return true; // verified by the kernel or the card, or not whole here
  }
  if (tcpChecksumOk(core.buf, core.words, core.seg)) return true;
  if (!tcpChecksumIsPartial(core.buf, core.words, core.seg)) {
    count(core, CHECKSUM_BAD);
    return false;
  }
  count(core, CHECKSUM_PARTIAL);
  if (core.policy[POLICY_CHECKSUM_FILL] === CHECKSUM_FILL_OFF) return false;
  if (!enforce(core, CHECKSUM_FILLED)) return false;
  copyOriginal(core);
  fillTcpChecksum(core.buf, core.words, core.seg);
  core.changed = 2; // complete already
  return true;
}

/** The segment in hand was filled, and this is its flow: what follows is to be seen in raw. */
export function notePartial(core: Core, flow: number): void {
  const at = originOf(core, flow);
  core.origins.markPartial(at, core.nowMs);
  const flags = flagsOf(core, flow);
  if ((flags & (FLOW_RULE_WANTED | FLOW_OVER)) !== 0 || !core.origins.mayAsk(at, core.nowMs))
    return;
  event(core, flow, CHECKSUM_PARTIAL, 0, core.seg.segSeq, 0, 0, 0, 0);
  event(core, flow, CHECKSUM_FILLED, CHECKSUM_PARTIAL, core.seg.segSeq, 0, 0, 0, 0);
  wantRule(core, flow);
}

/** The near end's SYN to an address that leaves checksums unfinished: its answer's data is near. */
export function expectPartial(core: Core, flow: number): void {
  const at = originOf(core, flow);
  if (!core.origins.isPartial(at, core.nowMs)) return;
  if (core.origins.mayAsk(at, core.nowMs)) wantRule(core, flow);
}

/** `checksum.fill = always`: recompute on what leaves, as iptables' CHECKSUM target does. */
export function fillAlways(core: Core): void {
  if (core.policy[POLICY_CHECKSUM_FILL] !== CHECKSUM_FILL_ALWAYS || core.changed !== 0) return;
  if ((core.info & (INFO_CSUM_NOT_READY | INFO_TRUNCATED)) !== 0) return;
  if (tcpChecksumOk(core.buf, core.words, core.seg)) return;
  if (!enforce(core, CHECKSUM_FILLED)) return;
  copyOriginal(core);
  fillTcpChecksum(core.buf, core.words, core.seg);
  core.changed = 2;
}
