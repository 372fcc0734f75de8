// @pathology unfinished-checksum | RFC 9293 §3.1, RFC 1071 | fills SEG.CKSUM | default on
/**
 * An arriving segment whose checksum field is the bare pseudo-header sum, and which the kernel does
 * not mark as partial, is an offload that nobody finished: it may be filled. Any other bad checksum
 * is counted, passed unchanged and never used as evidence.
 *
 * Reads INFO_* bits, POLICY_CHECKSUM_FILL. Writes the TCP checksum.
 */
import { CHECKSUM_BAD, CHECKSUM_FILLED, CHECKSUM_PARTIAL } from '../codes.ts';
import { type Core, count, enforce } from '../core.ts';
import { CHECKSUM_FILL_ALWAYS, CHECKSUM_FILL_OFF, POLICY_CHECKSUM_FILL } from '../memory.ts';
import { INFO_CSUM_NOT_READY, INFO_CSUM_NOT_VERIFIED, INFO_TRUNCATED } from '../verdict.ts';
import { fillTcpChecksum, tcpChecksumIsPartial, tcpChecksumOk } from '../wire/checksum.ts';

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
  fillTcpChecksum(core.buf, core.words, core.seg);
  core.changed = 2; // complete already
  return true;
}

/** `checksum.fill = always`: recompute on what leaves, as iptables' CHECKSUM target does. */
export function fillAlways(core: Core): void {
  if (core.policy[POLICY_CHECKSUM_FILL] !== CHECKSUM_FILL_ALWAYS || core.changed !== 0) return;
  if ((core.info & (INFO_CSUM_NOT_READY | INFO_TRUNCATED)) !== 0) return;
  if (tcpChecksumOk(core.buf, core.words, core.seg)) return;
  if (!enforce(core, CHECKSUM_FILLED)) return;
  fillTcpChecksum(core.buf, core.words, core.seg);
  core.changed = 2;
}
