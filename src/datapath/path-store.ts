/**
 * The path profiles on disk: one small JSON file, read before the engine starts, written when
 * something has changed. Reads and, before the engines run, writes the path words of each engine's
 * memory; the file is `state-file.ts`'s.
 */
import { isIP, isIPv4, isIPv6 } from 'node:net';
import type { Logger } from 'pino';
import * as v from 'valibot';
import { FACT_IDLE, PathTable } from '../engine/flow/path-table.ts';
import { PATH_COUNT, PATH_FACT_MS } from '../engine/limits.ts';
import type { ControlRequest } from '../telemetry/control-server.ts';
import { addressWords, formatAddress } from '../telemetry/flow-address.ts';
import { mergePaths } from '../telemetry/path-merge.ts';
import { FACT_NAMES, type PathView, viewPaths } from '../telemetry/path-view.ts';
import { StateFile } from './state-file.ts';
import type { Workers } from './workers.ts';

const SCHEMA = 1;
const COUNT_MAX = 0x7fffffff;

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(COUNT_MAX));
const PATHS_FILE = v.object({
  schema: v.literal(SCHEMA),
  paths: v.pipe(
    v.array(
      v.object({
        address: v.pipe(
          v.string(),
          v.check((text) => isIPv4(text) || isIPv6(text)),
        ),
        port: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535)),
        connections: count,
        canaries: count,
        canariesClean: count,
        facts: v.array(
          v.object({
            fact: v.string(),
            count,
            lastSeen: v.pipe(v.string(), v.isoTimestamp()),
            limitMs: v.optional(count),
          }),
        ),
      }),
    ),
    v.maxLength(PATH_COUNT),
  ),
});

type StoredPath = v.InferOutput<typeof PATHS_FILE>['paths'][number];

export class PathStore {
  private readonly file: StateFile;
  private readonly tables: readonly Int32Array[];
  private loaded: readonly PathView[] = [];
  private hasFile = false;

  constructor(file: string, paths: readonly ArrayBufferLike[], log: Logger) {
    this.file = new StateFile(file, 'path profiles', log);
    this.tables = paths.map((buffer) => new Int32Array(buffer));
  }

  /** Before the engine starts: times of the file become those of the engine's clock. */
  load(nowMs: number, nowDate: number): void {
    const text = this.file.read();
    if (text === undefined) return;
    const checked = v.safeParse(PATHS_FILE, parse(text));
    if (!checked.success) {
      this.file.setAside('it is damaged, or of another version');
      return;
    }
    for (const words of this.tables) {
      const table = new PathTable(words.buffer);
      // Oldest first, so that the newest survive where rows are short.
      for (const path of [...checked.output.paths].reverse()) {
        restore(table, path, nowMs, nowDate);
      }
    }
    const [first] = this.tables;
    if (first !== undefined) this.loaded = viewPaths(first, nowMs, nowDate);
    this.hasFile = true;
    this.file.holds(this.text(nowMs, nowDate));
  }

  /** What the workers know, together. */
  known(nowMs: number, nowDate: number): readonly PathView[] {
    const lists = this.tables.map((words) => viewPaths(words, nowMs, nowDate));
    return mergePaths(lists, this.loaded);
  }

  /** What the control socket answers to `paths`. */
  answer(nowMs: number, nowDate: number): unknown {
    return { schema: 1, paths: this.known(nowMs, nowDate) };
  }

  /** What it answers to `forget`; the engine, which owns the words by now, is told. */
  forget(
    request: ControlRequest,
    nowMs: number,
    nowDate: number,
    workers: Pick<Workers, 'forgetPath'>,
  ): unknown {
    const address = String(request['address']);
    const port = Number(request['port']);
    if (isIP(address) === 0) return { error: `Cannot forget "${address}": it is no address` };
    // The engine would take what is no number for port 0: all of them.
    if (!Number.isInteger(port) || port < 0 || port > 65_535) {
      return { error: `Cannot forget port "${request['port']}": it must be 0 (all) to 65535` };
    }
    const family = isIPv6(address) ? 6 : 4;
    const words = addressWords(address);
    const forgotten = this.matching(request, nowMs, nowDate).length;
    workers.forgetPath(family, words, port);
    return { schema: 1, forgotten };
  }

  /** What such a request is about. */
  matching(request: ControlRequest, nowMs: number, nowDate: number): readonly PathView[] {
    const address = String(request['address']);
    const port = Number(request['port']);
    if (isIP(address) === 0) return [];
    const wanted = formatAddress(addressWords(address), 0, isIPv6(address) ? 6 : 4);
    return this.known(nowMs, nowDate).filter(
      (path) => path.address === wanted && (port === 0 || path.port === port),
    );
  }

  /** Writes the file if anything has changed; resolves when that is done. */
  save(nowMs: number, nowDate: number): Promise<void> {
    const text = this.text(nowMs, nowDate);
    if (!this.hasFile && !text.includes('"fact"')) return Promise.resolve();
    this.hasFile = true;
    return this.file.write(text);
  }

  private text(nowMs: number, nowDate: number): string {
    const paths = this.known(nowMs, nowDate).map((path) => ({
      ...path,
      facts: path.facts.map(({ fact, count: seen, lastSeen, limitMs }) => {
        // Engine and wall clock drift by milliseconds: whole seconds do not change by themselves.
        const second = Math.round(Date.parse(lastSeen) / 1000) * 1000;
        const limit = limitMs === undefined ? {} : { limitMs };
        return { fact, count: seen, lastSeen: new Date(second).toISOString(), ...limit };
      }),
    }));
    return `${JSON.stringify({ schema: SCHEMA, paths }, undefined, 1)}\n`;
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function restore(table: PathTable, path: StoredPath, nowMs: number, nowDate: number): void {
  const facts = path.facts.flatMap(({ fact, count: seen, lastSeen, limitMs = 0 }) => {
    const number = (FACT_NAMES as readonly string[]).indexOf(fact);
    // A clock that was set back must not make a fact last for ever.
    const ageMs = Math.max(0, nowDate - Date.parse(lastSeen));
    const isUnsaid = number === FACT_IDLE && limitMs === 0;
    return number < 0 || ageMs >= PATH_FACT_MS || isUnsaid
      ? []
      : [{ number, seen, ageMs, limitMs }];
  });
  if (facts.length === 0) return;
  const key = new Int32Array(10);
  key.set(addressWords(path.address), 4);
  key[9] = isIPv6(path.address) ? 1 : 0;
  const learnedMs = nowMs - Math.min(...facts.map(({ ageMs }) => ageMs));
  const at = table.row(key, path.port, learnedMs | 0);
  for (const { number, seen, ageMs, limitMs } of facts) {
    table.restore(at, number, (nowMs - ageMs) | 0, seen);
    if (number === FACT_IDLE) table.restoreIdle(at, limitMs);
  }
  table.restoreCounts(at, path.connections, path.canaries, path.canariesClean);
}
