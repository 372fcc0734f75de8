/**
 * What must be true of an engine's tables behind every packet and every tick. Reads the memory and
 * nothing else of the engine, so that it believes nothing that the engine says of itself.
 *
 * Owns views. Times: engine ms. A broken one is named by its sentence; nothing is thrown.
 */
import { commitWord } from '../../engine/flow/commit-word.ts';
import * as row from '../../engine/flow/layout.ts';
import * as repair from '../../engine/flow/repair-table.ts';
import type { EngineMemory } from '../../engine/memory.ts';
import { seqLeq } from '../../engine/wire/seq.ts';
import type { KernelShift } from './kernel-shift.ts';

/** No deadline of a check lies further ahead, no watch is older: ms. */
const CHECK_AHEAD_MS = 2000;
const ARMED_MS_MAX = 60_000;
const PROBES_MAX = 12;

export class EngineInvariants {
  /** The first sentence that was not true; empty: all were. */
  broken = '';
  private readonly rows: Int32Array;
  private readonly halves: Int32Array;
  private readonly index: Int32Array;
  private readonly commits: Int32Array;
  private readonly repairs: repair.RepairTable;
  private readonly kernel: KernelShift;

  constructor(memory: EngineMemory, kernel: KernelShift) {
    this.rows = new Int32Array(memory.flows, 0, memory.flowCountMax * row.FLOW_ROW_WORDS);
    this.halves = new Int32Array(memory.flows, this.rows.byteLength);
    this.index = new Int32Array(memory.index);
    this.commits = new Int32Array(memory.commits);
    this.repairs = new repair.RepairTable(memory.repairs);
    this.kernel = kernel;
  }

  /** `gapCount`: how often nobody was there for a while; each costs a waiting check a probe. */
  look(nowMs: number, gapCount: number): void {
    if (this.broken !== '') return;
    const high = this.index[row.INDEX_HIGH] as number;
    let used = 0;
    let translated = 0;
    let settled = 0;
    let repaired = 0;
    for (let flow = 0; flow < high; flow++) {
      const at = flow * row.FLOW_ROW_WORDS;
      const flags = this.rows[at + row.FLOW_FLAGS] as number;
      if ((flags & row.FLOW_USED) === 0) continue;
      used++;
      if ((flags & row.FLOW_TRANSLATED) !== 0) translated++;
      if ((flags & row.FLOW_SETTLED) !== 0) settled++;
      if (this.rows[at + row.REPAIR] !== 0) repaired++;
      this.lookAtFlow(flow, at, flags);
      this.lookAtRepair(flow, at, nowMs, PROBES_MAX + gapCount);
    }
    this.claim(used === this.index[row.INDEX_COUNT], 'the count of flows is their number');
    this.claim(
      translated === this.index[row.INDEX_TRANSLATED],
      'the count of translated flows is their number',
    );
    this.claim(
      settled === this.index[row.INDEX_SETTLED],
      'the count of settled flows is their number',
    );
    this.claim(repaired === this.repairs.activeCount(), 'every repair slot in use has its flow');
  }

  private lookAtFlow(flow: number, at: number, flags: number): void {
    const { rows } = this;
    const byUs = (flags & row.FLOW_TRANSLATED) !== 0;
    const byKernel = (flags & row.FLOW_KERNEL) !== 0;
    this.claim(!(byKernel && byUs), 'a flow is translated by the kernel or by us');
    // While the kernel takes it over nothing of it passes.
    const inEffect = byUs && (flags & row.FLOW_MOVING) === 0;
    const both = inEffect && this.kernel.has(rows[at + row.PORTS] as number);
    this.claim(!both, 'what conntrack translates is not translated by us');
    this.claim(this.commits[flow] === commitWord(rows, flow), 'the commit word is that of the row');
    for (let other = 0; other < flow; other++) {
      const to = other * row.FLOW_ROW_WORDS;
      if (rows[to + row.PORTS] !== rows[at + row.PORTS]) continue;
      if (((rows[to + row.FLOW_FLAGS] as number) & row.FLOW_USED) === 0) continue;
      this.claim(!sameKey(rows, to, at), 'two rows have two keys');
    }
    if ((flags & (row.FLOW_NUMBERS_OLD | row.FLOW_UNSEEN)) === 0) this.lookAtHalf(flow * 2);
    if ((flags & (row.FLOW_NUMBERS_OLD | row.FLOW_UNSEEN)) === 0) this.lookAtHalf(flow * 2 + 1);
  }

  private lookAtHalf(half: number): void {
    const at = half * row.HALF_WORDS;
    const { halves } = this;
    const una = halves[at + row.SND_UNA] as number;
    const nxt = halves[at + row.SND_NXT] as number;
    const cont = halves[at + row.SND_CONT] as number;
    this.claim(seqLeq(una, nxt), 'SND.UNA is not behind SND.NXT');
    this.claim(seqLeq(cont, nxt), 'what was sent without a gap ends at SND.NXT or before');
  }

  private lookAtRepair(flow: number, at: number, nowMs: number, probesMax: number): void {
    const slot = (this.rows[at + row.REPAIR] as number) - 1;
    if (slot < 0) return;
    const { words } = this.repairs;
    const base = slot * repair.REPAIR_WORDS;
    const word = (of: number) => words[base + of] as number;
    const age = (of: number) => (nowMs - word(of)) | 0;
    this.claim(word(repair.R_FLOW) === flow, 'a repair slot belongs to the flow that has it');
    const armed = word(repair.R_ARMED);
    if ((armed & repair.R_CHECKING) !== 0) {
      // Where the first SYN-ACK was lost the round trip is overrated: nothing tells it yet.
      const waitMs = CHECK_AHEAD_MS + 2 * (this.rows[at + row.RTT_MS] as number);
      this.claim(-age(repair.R_CHECK_DEADLINE_MS) <= waitMs, 'a check ends in time');
      this.claim(age(repair.R_CHECK_AT_MS) <= ARMED_MS_MAX, 'a check ends');
      this.claim(word(repair.R_CHECK_PROBES) <= probesMax, 'a check asks a few times');
    }
    if ((armed & repair.R_ASKING) !== 0) {
      this.claim(age(repair.R_ASK_AT_MS) <= ARMED_MS_MAX, 'a question ends');
      this.claim(word(repair.R_ASK_PROBES) <= probesMax, 'a question is put a few times');
    }
    if ((armed & repair.R_DEADMAN) !== 0) {
      this.claim(age(repair.R_DEAD_AT_MS) <= ARMED_MS_MAX, 'a dead-man check ends');
    }
    if ((armed & repair.R_JUMPING) !== 0) {
      this.claim(age(repair.R_JUMP_BEGAN_MS) <= 2 * ARMED_MS_MAX, 'a watch of a jump ends');
    }
  }

  /** Slots in which something waits for its time; an idle flow may wait for a packet. */
  armedCount(): number {
    let count = 0;
    for (let i = 0; i < this.repairs.activeCount(); i++) {
      const slot = this.repairs.active[i] as number;
      const armed = this.repairs.words[slot * repair.REPAIR_WORDS + repair.R_ARMED] as number;
      if ((armed & ~repair.R_IDLE) !== 0) count++;
    }
    return count;
  }

  private claim(holds: boolean, sentence: string): void {
    if (!holds && this.broken === '') this.broken = sentence;
  }
}

function sameKey(rows: Int32Array, one: number, other: number): boolean {
  for (let i = 0; i < row.PORTS; i++) if (rows[one + i] !== rows[other + i]) return false;
  const family = (rows[one + row.FLOW_FLAGS] as number) ^ (rows[other + row.FLOW_FLAGS] as number);
  return (family & row.FLOW_IPV6) === 0;
}
