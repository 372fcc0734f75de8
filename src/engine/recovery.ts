/**
 * Memory that another engine has left, made ready for the next one: before that starts, by whoever
 * owns the memory. What an end at any instruction can have left half-done is put right or set
 * aside; nothing is believed because it is there.
 *
 * Reads and writes the tables; no part of the packet path. DESIGN §3.
 */

import { FlowTable } from './flow/flow-table.ts';
import {
  FLOW_ANCHORED,
  FLOW_FLAGS,
  FLOW_MOVING,
  FLOW_ROW_WORDS,
  FLOW_SETTLED,
  FLOW_UNSEEN,
  INDEX_EVICTED,
  INDEX_HIGH,
  PATH,
  PROBED_MS,
  REPAIR,
} from './flow/layout.ts';
import {
  R_ARMED,
  R_CHECKING,
  R_DEADMAN,
  R_FLOW,
  R_IDLE_COUNTED,
  R_PROBE_COMMITTED,
  REPAIR_WORDS,
  RepairTable,
} from './flow/repair-table.ts';
import { rebuildTable } from './flow/table-rebuild.ts';
import { REPAIR_COUNT } from './limits.ts';
import type { EngineMemory } from './memory.ts';
import { askOnceMore } from './normalize/check-pace.ts';
import { watchAnew } from './normalize/held.ts';

export class Recovery {
  /** Rows that were half-written: those connections are picked up like any older one. */
  readonly tornCount: number;
  readonly flows: FlowTable;
  private readonly repairs: RepairTable;
  private readonly claimed = new Uint8Array(REPAIR_COUNT);
  private readonly listed = new Uint8Array(REPAIR_COUNT);

  /** `seed` is the next engine's. */
  constructor(memory: EngineMemory, seed: number) {
    this.flows = new FlowTable(memory, seed);
    this.repairs = new RepairTable(memory.repairs);
    this.tornCount = rebuildTable(this.flows);
    this.claimRepairs();
  }

  /** A slot in use belongs to the row that names it and that it names; any other is free. */
  private claimRepairs(): void {
    const { rows } = this.flows;
    const { claimed, listed } = this;
    this.repairs.markListed(listed);
    const high = this.flows.index[INDEX_HIGH]!;
    for (let flow = 0; flow < high; flow++) {
      const row = flow * FLOW_ROW_WORDS;
      const slot = rows[row + REPAIR]! - 1;
      if (rows[row + FLOW_FLAGS] === 0 || slot < 0) continue;
      const isOwn = listed[slot] === 1 && this.repairs.words[slot * REPAIR_WORDS + R_FLOW] === flow;
      if (isOwn && claimed[slot] === 0) claimed[slot] = 1;
      else rows[row + REPAIR] = 0;
    }
    this.repairs.rebuild(claimed);
  }

  /**
   * Time went by in which nobody looked: what waited in the rings is lost, packets of flows that
   * need no translation passed, and paths are those that the new memory knows.
   */
  bridgeGap(): void {
    const { rows } = this.flows;
    const high = this.flows.index[INDEX_HIGH]!;
    this.flows.index[INDEX_EVICTED] = 0; // a count of one run
    for (let flow = 0; flow < high; flow++) {
      const row = flow * FLOW_ROW_WORDS;
      const flags = rows[row + FLOW_FLAGS]!;
      if (flags === 0) continue;
      rows[row + PATH] = 0;
      // Of a settled flow nothing is seen anyway; one that moves waits for the kernel's answer.
      if ((flags & (FLOW_ANCHORED | FLOW_SETTLED | FLOW_MOVING)) === FLOW_ANCHORED) {
        rows[row + FLOW_FLAGS] = flags | FLOW_UNSEEN;
      }
    }
    const { words, active } = this.repairs;
    for (let i = this.repairs.activeCount() - 1; i >= 0; i--) {
      const slot = active[i]! * REPAIR_WORDS;
      words[slot + R_PROBE_COMMITTED] = 0;
      // Answers may have passed.
      const armed = words[slot + R_ARMED]!;
      const probedMs = rows[words[slot + R_FLOW]! * FLOW_ROW_WORDS + PROBED_MS]!;
      if ((armed & R_CHECKING) !== 0) askOnceMore(words, slot, probedMs);
      if ((armed & R_DEADMAN) !== 0) watchAnew(words, slot, probedMs);
      words[slot + R_IDLE_COUNTED] = 0;
    }
  }
}
