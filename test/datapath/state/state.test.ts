/** State files and the handoff: what is believed, what is set aside, what goes on. */
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { State, sizesOfLeft } from '../../../src/datapath/state/state.ts';
import { Workers } from '../../../src/datapath/workers.ts';
import { Engine } from '../../../src/engine/engine.ts';
import { FLOW_FLAGS, FLOW_RULE_WANTED, FLOW_TRANSLATED } from '../../../src/engine/flow/layout.ts';
import type { LastingMemory } from '../../../src/engine/memory.ts';
import { countFlows } from '../../../src/telemetry/flow-view.ts';
import { openLog } from '../../../src/telemetry/log.ts';
import { A, B, C, reanchored } from '../../engine/phantom-rig.ts';
import type { Rig } from '../../engine/rig.ts';
import { Lines } from '../../telemetry/event-ring.ts';

const FLOWS = 1024;

let runDir = '';
let lines = new Lines();
beforeEach(() => {
  runDir = mkdtempSync(join(tmpdir(), 'seqshim-state-'));
  lines = new Lines();
});
afterEach(() => rmSync(runDir, { recursive: true, force: true }));

/** What `run` does with it. */
function begin(layout?: number, queueCount = 1) {
  const log = openLog({ level: 'info', format: 'json' }, lines);
  const state = new State({ runDir, queueCount, flowCountMax: FLOWS }, log, layout);
  const workers = new Workers(queueCount, FLOWS, state.files);
  state.recover(workers.memories, workers.seed);
  return { state, workers, memory: workers.memories[0] };
}

/** The lock of a killed process is free; that of this one is not, but a copy of its file is. */
function die(): void {
  const path = `${runDir}/flows-0`;
  const bytes = readFileSync(path);
  rmSync(path);
  writeFileSync(path, bytes, { mode: 0o600 });
}

/** A re-anchored flow in the file. */
function leaveOne(layout?: number): State {
  const { state, memory } = begin(layout);
  copyInto(memory, reanchored());
  return state;
}

function copyInto(memory: LastingMemory, rig: Rig): void {
  for (const name of ['flows', 'index', 'commits', 'repairs', 'sacks'] as const) {
    new Uint8Array(memory[name]).set(new Uint8Array(rig.memory[name]));
  }
}

function damage(change: (bytes: Uint8Array) => Uint8Array | undefined): void {
  const path = `${runDir}/flows-0`;
  const bytes = new Uint8Array(readFileSync(path));
  rmSync(path);
  writeFileSync(path, change(bytes) ?? bytes, { mode: 0o600 });
}

function aside(): Record<string, unknown>[] {
  return lines.json().filter(({ msg }) => String(msg).startsWith('flow table set aside'));
}

describe('a state file', () => {
  it('of a killed run is gone on with', () => {
    leaveOne();
    die();
    const { state, memory } = begin();
    expect(state.isWhole).toBe(true);
    expect(countFlows([memory])).toMatchObject({ current: 1, translated: 1 });
    expect(lines.json().at(-1)).toMatchObject({ flows: 1, translated: 1, torn: 0 });
    expect(aside()).toEqual([]);
  });

  it('with a torn row goes on with the others', () => {
    leaveOne();
    damage((bytes) => {
      bytes[4096 + 22 * 4] = (bytes[4096 + 22 * 4] ?? 0) ^ 1; // DELTA of row 0
      return undefined;
    });
    const { state, memory } = begin();
    expect(state.isLeft).toBe(true);
    expect(state.isWhole).toBe(false);
    expect(countFlows([memory]).current).toBe(0);
  });

  it.each([
    ['cut short within the header', (b: Uint8Array) => b.subarray(0, 100), 'it is cut short'],
    ['cut short behind it', (b: Uint8Array) => b.subarray(0, 8192), 'it is cut short'],
    ['of somebody else', (b: Uint8Array) => b.fill(7), 'it is no state file'],
    ['with a damaged header', (b: Uint8Array) => b.fill(9, 66, 67), 'its header is damaged'],
  ] as const)('%s is set aside', (_, change, because) => {
    leaveOne();
    damage(change);
    const { state, memory } = begin();
    expect(state.isLeft).toBe(false);
    expect(countFlows([memory]).current).toBe(0);
    expect(aside()).toMatchObject([{ level: 'warn', file: `${runDir}/flows-0.aside`, because }]);
    expect(existsSync(`${runDir}/flows-0.aside`)).toBe(true);
  });

  it('that others may write to is not used', () => {
    leaveOne();
    die();
    chmodSync(`${runDir}/flows-0`, 0o666);
    const { state } = begin();
    expect(state.files).toEqual([]);
    expect(lines.json().at(-1)).toMatchObject({ because: 'others may write to it' });
  });

  it('in the directory of the service is read by root, and stays the service’s', () => {
    // Nobody else can give files away, and their own is then all there is.
    const owner = process.geteuid?.() === 0 ? 4321 : (process.geteuid?.() ?? 0);
    chownSync(runDir, owner, owner);
    leaveOne();
    expect(statSync(`${runDir}/flows-0`).uid).toBe(owner);
    die();
    chownSync(`${runDir}/flows-0`, owner, owner);
    expect(begin().state.isLeft).toBe(true);
  });

  it('of a third in it is not used', () => {
    leaveOne();
    die();
    if (process.geteuid?.() === 0) chownSync(`${runDir}/flows-0`, 4321, 4321);
    else chmodSync(`${runDir}/flows-0`, 0o604);
    expect(begin().state.files).toEqual([]);
  });

  it('that another process has mapped is left alone', () => {
    leaveOne();
    const { state } = begin();
    expect(state.files).toEqual([]);
    expect(lines.json().at(-1)).toMatchObject({ because: 'another process uses it' });
  });

  it('for another number of queues is set aside', () => {
    leaveOne();
    die();
    const { state } = begin(undefined, 2);
    expect(state.isLeft).toBe(false);
    expect(aside()).toMatchObject([{ because: 'it is for other --queues' }]);
  });

  it('is gone when nothing goes on', () => {
    const state = leaveOne();
    expect(sizesOfLeft(runDir)).toEqual({ flowCountMax: FLOWS, queueCount: 1 });
    state.remove();
    expect(sizesOfLeft(runDir)).toBeUndefined();
  });
});

describe('an upgrade with another layout', () => {
  it('goes on with translated flows by the handoff', () => {
    const { state, workers } = begin(1);
    copyInto(workers.memories[0], reanchored());
    state.leave(workers.memories);
    die();
    const next = begin();
    expect(aside()).toMatchObject([{ because: 'it is of another version' }]);
    expect(next.state.isLeft).toBe(true);
    expect(countFlows([next.memory])).toMatchObject({ current: 1, translated: 1 });
    const [flags = 0] = new Int32Array(next.memory.flows).subarray(FLOW_FLAGS);
    expect(flags & (FLOW_TRANSLATED | FLOW_RULE_WANTED)).toBe(FLOW_TRANSLATED | FLOW_RULE_WANTED);
    expect(existsSync(`${runDir}/handoff`)).toBe(false);
    // The engine behind it translates as the one before.
    const rig = reanchored();
    for (const name of ['flows', 'index', 'commits', 'repairs', 'sacks'] as const) {
      new Uint8Array(rig.memory[name]).set(new Uint8Array(next.memory[name]));
    }
    rig.engine = new Engine(rig.memory, next.workers.seed);
    rig.engine.attach(rig.arena);
    rig.ruled = true;
    rig.out({ flags: 0, seq: C + 22, ack: A + 1 });
    expect(rig.wire().ack).toBe(B + 1);
    rig.in({ flags: 0, seq: B + 1, ack: C + 22, payload: 3 });
    expect(rig.wire().seq).toBe(A + 1);
  });

  it('without a handoff says so and forgets', () => {
    leaveOne(1);
    die();
    expect(begin().state.isLeft).toBe(false);
    expect(aside()).toMatchObject([{ because: 'it is of another version' }]);
  });

  it('does not use a damaged handoff', () => {
    const { state, workers } = begin(1);
    copyInto(workers.memories[0], reanchored());
    state.leave(workers.memories);
    const handoff = new Uint8Array(readFileSync(`${runDir}/handoff`));
    handoff[130] = (handoff[130] ?? 0) ^ 1;
    writeFileSync(`${runDir}/handoff`, handoff);
    die();
    expect(begin().state.isLeft).toBe(false);
    expect(lines.json().at(-1)).toMatchObject({ because: 'it is damaged' });
  });
});
