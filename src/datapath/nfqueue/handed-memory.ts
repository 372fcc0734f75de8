/**
 * An engine's memory on its way to the packet thread. Shared buffers pass as they are; a mapping
 * would be copied, so that its address passes, and the thread looks at the same memory. Owns
 * nothing.
 */
import type { EngineMemory, LastingMemory } from '../../engine/memory.ts';
import { lastingAt } from '../state/state-file.ts';
import type { Libc } from './libc.ts';

/** Memory whose lasting parts are a mapping, at `mappedAt` in this process. */
export interface MappedMemory extends EngineMemory {
  readonly mappedAt: bigint;
}

export type HandedMemory = Omit<EngineMemory, keyof LastingMemory> & {
  readonly lasting: LastingMemory | bigint;
};

export function handMemory(memory: EngineMemory): HandedMemory {
  const { flows, index, commits, repairs, sacks, firstData, spoken, sockets, origins } = memory;
  const { flowCountMax, outbox, inbox, events, evidence, counters, policy, paths } = memory;
  const lasting = isMapped(memory)
    ? memory.mappedAt
    : { flows, index, commits, repairs, sacks, firstData, spoken, sockets, origins };
  return { flowCountMax, outbox, inbox, events, evidence, counters, policy, paths, lasting };
}

export function takeMemory(libc: Libc, handed: HandedMemory): EngineMemory {
  const { lasting, ...rest } = handed;
  if (typeof lasting !== 'bigint') return { ...rest, ...lasting };
  return { ...rest, ...lastingAt(libc, lasting, rest.flowCountMax) };
}

function isMapped(memory: EngineMemory): memory is MappedMemory {
  return 'mappedAt' in memory;
}
