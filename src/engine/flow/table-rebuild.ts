/**
 * A flow table's chains, free list and counts anew from its rows, behind an end at any instruction.
 * Writes the index and what hangs rows together; owns nothing. No part of the packet path.
 */
import { commitWord } from './commit-word.ts';
import type { FlowTable } from './flow-table.ts';
import {
  FLOW_FLAGS,
  FLOW_ROW_WORDS,
  FLOW_SETTLED,
  FLOW_TRANSLATED,
  INDEX_CONTROL_WORDS,
  INDEX_COUNT,
  INDEX_FREE,
  INDEX_HIGH,
  INDEX_SETTLED,
  INDEX_TRANSLATED,
  NEXT,
} from './layout.ts';

/**
 * A row whose commit word is another is half-written: it is set aside. Returns how many were. Of
 * the table the key is another one's afterwards.
 */
export function rebuildTable(table: FlowTable): number {
  const { rows, index, commits } = table;
  const used = index[INDEX_HIGH]!;
  const high = used < 0 || used > table.flowCountMax ? table.flowCountMax : used;
  let torn = 0;
  index.fill(0, INDEX_CONTROL_WORDS);
  index[INDEX_HIGH] = high;
  index[INDEX_FREE] = 0;
  index[INDEX_COUNT] = 0;
  index[INDEX_TRANSLATED] = 0;
  index[INDEX_SETTLED] = 0;
  for (let flow = high - 1; flow >= 0; flow--) {
    const row = flow * FLOW_ROW_WORDS;
    let flags = rows[row + FLOW_FLAGS]!;
    table.keyOf(flow);
    if (flags !== 0 && (commits[flow] !== commitWord(rows, flow) || table.find() >= 0)) {
      torn++;
      flags = 0;
    }
    rows[row + FLOW_FLAGS] = flags;
    const head = flags === 0 ? INDEX_FREE : table.slot();
    rows[row + NEXT] = index[head]!;
    index[head] = flow + 1;
    if (flags !== 0) recount(index, flags);
  }
  return torn;
}

function recount(index: Int32Array, flags: number): void {
  index[INDEX_COUNT] = index[INDEX_COUNT]! + 1;
  if ((flags & FLOW_TRANSLATED) !== 0) index[INDEX_TRANSLATED] = index[INDEX_TRANSLATED]! + 1;
  if ((flags & FLOW_SETTLED) !== 0) index[INDEX_SETTLED] = index[INDEX_SETTLED]! + 1;
}
