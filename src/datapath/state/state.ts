/**
 * What a run finds of the one before, and leaves to the next: a state file for each packet queue,
 * and the handoff where the next program lays its tables out differently.
 *
 * Owns these files in the runtime directory. Where they cannot be had the run works in memory, says
 * so once, and its restart forgets connections.
 */
import { closeSync, constants, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Config } from '../../config/config.ts';
import { makeRunDir } from '../../config/run-dir.ts';
import type { EngineMemory } from '../../engine/memory.ts';
import { Recovery } from '../../engine/recovery.ts';
import { countFlows } from '../../telemetry/flow-view.ts';
import { loadLibc } from '../nfqueue/libc.ts';
import { engineMs } from '../nfqueue/monotonic.ts';
import { decodeHandoff, encodeHandoff, type HandoffFlow } from './handoff.ts';
import { flowsForHandoff, restoreFlows } from './handoff-flows.ts';
import { HEADER_BYTES, sizesIn } from './header.ts';
import { openStateFile, type StateFile, whereWeAre } from './state-file.ts';

const HANDOFF_BYTES_MAX = 1 << 28;

export type StateConfig = Pick<Config, 'runDir' | 'queueCount' | 'flowCountMax'>;

export class State {
  /** One per queue; none: memory only. */
  readonly files: readonly StateFile[];
  /** Connections that an older run knew are known to this one. */
  isLeft = false;
  /** Every one of them. */
  isWhole = false;
  private readonly config: StateConfig;
  private readonly log: Logger;
  private readonly handoffFile: string;
  /** What was found out about the firewall (`rules/found-firewall.ts`). */
  readonly firewallFile: string;

  /** `layout` is the layout's checksum; another one in tests. */
  constructor(config: StateConfig, log: Logger, layout?: number) {
    this.config = config;
    this.log = log;
    this.handoffFile = `${config.runDir}/handoff`;
    this.firewallFile = `${config.runDir}/firewall`;
    this.files = this.open(layout);
  }

  private open(layout: number | undefined): readonly StateFile[] {
    const { runDir, queueCount, flowCountMax } = this.config;
    const options = { flowCountMax, queueCount, ...(layout === undefined ? {} : { layout }) };
    makeRunDir(runDir);
    try {
      return Array.from({ length: queueCount }, (_, queue) => {
        const path = `${runDir}/flows-${queue}`;
        const file = openStateFile(loadLibc(), { ...options, path, queue });
        if (file.asideBecause !== '') {
          const aside = { file: `${path}.aside`, because: file.asideBecause };
          this.log.warn(aside, 'flow table set aside: starting without');
        }
        return file;
      });
    } catch (error) {
      const because = error instanceof Error ? error.message : String(error);
      const where = { dir: runDir, because };
      this.log.warn(where, 'flows are kept in memory only: a restart forgets them');
      return [];
    }
  }

  /** A run of this boot was here, with these options: what it could do this one can. */
  get isKnown(): boolean {
    return this.files.length > 0 && this.files.every((file) => file.isLeft);
  }

  /** Before the engines start, whose seed it is. */
  recover(memories: readonly EngineMemory[], seed: number): void {
    this.isLeft = this.isKnown;
    let torn = 0;
    try {
      if (!this.isLeft) this.restore(memories, seed);
      for (const memory of memories) {
        const recovery = new Recovery(memory, seed);
        recovery.bridgeGap();
        torn += recovery.tornCount;
      }
    } catch (error) {
      this.log.error({ because: String(error) }, 'what an older run left cannot be used');
      for (const memory of memories) empty(memory);
      this.isLeft = false;
    }
    rmSync(this.handoffFile, { force: true });
    this.noteAlive();
    this.isWhole = this.isLeft && torn === 0;
    const { current, translated } = countFlows(memories);
    if (current + torn === 0) return;
    this.isLeft = true;
    this.log.info({ flows: current, translated, torn }, 'going on with the flows of an older run');
  }

  /** What the older program has handed over. */
  private restore(memories: readonly EngineMemory[], seed: number): void {
    const flows = this.readHandoff();
    for (const [queue, memory] of memories.entries()) {
      const own = flows.filter((flow) => flow.queue === queue);
      restoreFlows(memory, own, engineMs(), seed);
    }
  }

  private readHandoff(): readonly HandoffFlow[] {
    let bytes: Uint8Array;
    try {
      bytes = readFileSync(this.handoffFile);
    } catch {
      return [];
    }
    const read = bytes.length > HANDOFF_BYTES_MAX ? 'it is too large' : decodeHandoff(bytes);
    const because = typeof read === 'string' ? read : this.whyForeign(read);
    if (typeof read !== 'string' && because === '') return read.flows;
    this.log.warn({ file: this.handoffFile, because }, 'handoff not used');
    return [];
  }

  private whyForeign(read: { bootId: string; netns: bigint; queueCount: number }): string {
    const { bootId, netns } = whereWeAre();
    if (read.bootId !== bootId) return 'it is from before the last boot';
    if (read.netns !== netns) return 'it is of another network namespace';
    return read.queueCount === this.config.queueCount ? '' : 'it is for other --queues';
  }

  noteAlive(): void {
    for (const file of this.files) file.noteAlive();
  }

  /** The engines have stopped, and the next run goes on. */
  leave(memories: readonly EngineMemory[]): void {
    this.noteAlive();
    const flows = memories.flatMap((memory, queue) => flowsForHandoff(memory, queue));
    const { queueCount } = this.config;
    const bytes = encodeHandoff({ ...whereWeAre(), queueCount, writtenMs: engineMs(), flows });
    rmSync(this.handoffFile, { force: true });
    const fd = openSync(this.handoffFile, 'wx', 0o600);
    writeSync(fd, bytes);
    closeSync(fd);
  }

  /** The engines have stopped. A start that failed has no `memories`, and leaves all as it was. */
  close(leaving: boolean, memories: readonly EngineMemory[]): void {
    if (!leaving) this.remove();
    else if (memories.length > 0) this.leave(memories);
  }

  /** Nothing goes on. */
  remove(): void {
    for (const file of this.files) file.remove();
    rmSync(this.firewallFile, { force: true });
    rmSync(this.handoffFile, { force: true });
  }
}

/** Of the run that has left something; undefined: none has. */
export function sizesOfLeft(runDir: string): Omit<StateConfig, 'runDir'> | undefined {
  try {
    const page = new Uint8Array(HEADER_BYTES);
    const fd = openSync(`${runDir}/flows-0`, constants.O_RDONLY | constants.O_NOFOLLOW);
    const read = readSync(fd, page, 0, HEADER_BYTES, 0);
    closeSync(fd);
    return sizesIn(page.subarray(0, read));
  } catch {
    return undefined;
  }
}

function empty(memory: EngineMemory): void {
  const { flows, index, commits, repairs, sacks, firstData, spoken, sockets, origins } = memory;
  const parts = [flows, index, commits, repairs, sacks, firstData, spoken, sockets, origins];
  for (const part of parts) new Uint8Array(part).fill(0);
}
