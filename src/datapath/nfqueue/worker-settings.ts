/**
 * What the main thread gives the packet worker, and what it hears from it. A leaf.
 */
import type { HandedMemory } from './handed-memory.ts';

export interface WorkerSettings {
  readonly memory: HandedMemory;
  /** Of the other workers; their tables have the same seed. */
  readonly others: readonly HandedMemory[];
  /** The stats page. */
  readonly stats: SharedArrayBuffer;
  readonly queueNum: number;
  readonly queueLength: number;
  /** The mark bit for NF_REPEAT, 0: NF_ACCEPT. */
  readonly repeatMark: number;
  /** The bits for NF_REPEAT that settle and that unsettle a connection; 0: none. */
  readonly settleMark: number;
  readonly unsettleMark: number;
  /** Of the flow table's hash. */
  readonly seed: number;
}

export type WorkerMessage =
  | { readonly kind: 'bound' }
  | { readonly kind: 'outbox' }
  | {
      readonly kind: 'failed';
      readonly name: string;
      readonly message: string;
      readonly stack: string;
    };
