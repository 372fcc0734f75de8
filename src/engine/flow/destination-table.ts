/**
 * Who was heard last of each destination (far address and server port), and the longest silence
 * that one of its flows has survived: by this a connection that something has forgotten is told
 * from a path, or a server, that is gone.
 *
 * Owns a direct-mapped table: a newer destination takes the row, and what is lost proves nothing.
 * What is found is compared with the flow's own row. Times: ms.
 */
import { DESTINATION_COUNT } from '../limits.ts';
import { seqLt } from '../wire/seq.ts';
import type { FlowTable } from './flow-table.ts';
import {
  BORN_MS,
  FAR_ADDR,
  FLOW_FLAGS,
  FLOW_IPV6,
  FLOW_NEAR_RESPONDS,
  FLOW_ROW_WORDS,
  PORTS,
} from './layout.ts';

/** Flow + 1 that was heard last, and when; the same of another one before it. */
const D_FLOW = 0;
const D_HEARD_MS = 1;
const D_OTHER = 2;
const D_OTHER_MS = 3;
/** Whose silence it was that was survived (a hash), and how long it was. */
const D_SURVIVOR = 4;
const D_SURVIVED_MS = 5;
const DESTINATION_WORDS = 6;

export class DestinationTable {
  private readonly words = new Int32Array(DESTINATION_COUNT * DESTINATION_WORDS);
  private readonly flows: FlowTable;
  /** Flow and time heard last: most segments come in trains. */
  private readonly last = new Int32Array(2).fill(-1);

  constructor(flows: FlowTable) {
    this.flows = flows;
  }

  /** The far end of this flow has said something. */
  hear(flow: number, nowMs: number): void {
    const last = this.last;
    if (last[0] === flow && last[1] === nowMs) return;
    last[0] = flow;
    last[1] = nowMs;
    const words = this.words;
    const at = rowOf(this.hash(flow));
    if (words[at + D_FLOW] !== flow + 1) {
      words[at + D_OTHER] = words[at + D_FLOW]!;
      words[at + D_OTHER_MS] = words[at + D_HEARD_MS]!;
      words[at + D_FLOW] = flow + 1;
    }
    words[at + D_HEARD_MS] = nowMs;
  }

  /** Has another flow to the same destination been heard since then? */
  othersLive(flow: number, sinceMs: number): boolean {
    const at = this.otherAt(flow);
    return at >= 0 && seqLt(sinceMs, this.words[at + 1]!);
  }

  /** Likewise, of a flow that is older than that: the server has not begun anew. */
  elderLives(flow: number, sinceMs: number): boolean {
    const at = this.otherAt(flow);
    if (at < 0 || !seqLt(sinceMs, this.words[at + 1]!)) return false;
    const other = this.words[at]! - 1;
    return seqLt(this.flows.rows[other * FLOW_ROW_WORDS + BORN_MS]!, sinceMs);
  }

  /** Where the flow and the time stand of who was heard last beside this one; -1: nobody was. */
  private otherAt(flow: number): number {
    const at = rowOf(this.hash(flow));
    const other = this.words[at + D_FLOW] === flow + 1 ? at + D_OTHER : at + D_FLOW;
    const found = this.words[other]! - 1;
    return found >= 0 && found !== flow && this.sameDestination(found, flow) ? other : -1;
  }

  private sameDestination(a: number, b: number): boolean {
    const rows = this.flows.rows;
    const left = a * FLOW_ROW_WORDS;
    const right = b * FLOW_ROW_WORDS;
    for (let i = 0; i < 4; i++) {
      if (rows[left + FAR_ADDR + i] !== rows[right + FAR_ADDR + i]) return false;
    }
    const kinds = rows[left + FLOW_FLAGS]! ^ rows[right + FLOW_FLAGS]!;
    return (kinds & FLOW_IPV6) === 0 && this.serverPort(a) === this.serverPort(b);
  }

  private serverPort(flow: number): number {
    const row = flow * FLOW_ROW_WORDS;
    const responds = (this.flows.rows[row + FLOW_FLAGS]! & FLOW_NEAR_RESPONDS) !== 0;
    const ports = this.flows.rows[row + PORTS]!;
    return responds ? ports >>> 16 : ports & 0xffff;
  }

  /** A flow spoke on behind so long a silence. */
  survive(flow: number, silentMs: number): void {
    const hash = this.hash(flow);
    const at = rowOf(hash);
    const words = this.words;
    const longer = words[at + D_SURVIVOR] === hash && words[at + D_SURVIVED_MS]! >= silentMs;
    if (longer) return;
    words[at + D_SURVIVOR] = hash;
    words[at + D_SURVIVED_MS] = silentMs;
  }

  /** The longest silence that a flow to its destination has survived; 0: none is known. */
  survivedMs(flow: number): number {
    const hash = this.hash(flow);
    const at = rowOf(hash);
    return this.words[at + D_SURVIVOR] === hash ? this.words[at + D_SURVIVED_MS]! : 0;
  }

  private hash(flow: number): number {
    const rows = this.flows.rows;
    const row = flow * FLOW_ROW_WORDS;
    let h = this.serverPort(flow);
    for (let i = 0; i < 4; i++) {
      h = Math.imul(h ^ rows[row + FAR_ADDR + i]! ^ (h >>> 15), 0x9e3779b1);
    }
    return h ^ (h >>> 16);
  }
}

function rowOf(hash: number): number {
  return (hash & (DESTINATION_COUNT - 1)) * DESTINATION_WORDS;
}
