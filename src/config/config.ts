/**
 * From flags, file and defaults to one frozen Config. The only reader of the environment.
 * Flags win over the file, the file over defaults; every mistake is one line that names the key.
 */
import { resolve } from 'node:path';
import { readConfigFile } from './config-file.ts';
import { parseMicroseconds, parseMilliseconds } from './duration.ts';
import { OperatorError } from './errors.ts';
import { HOOKS, type Hook } from './hook.ts';
import type { Network } from './network.ts';
import { OPTIONS, type OptionEntry } from './options.ts';
import { removeScriptPath } from './remove-script-path.ts';
import { resolveTarget } from './targets.ts';

export const RUN_DIR_DEFAULT = '/run/seqshim';
export const LIB_DIR_DEFAULT = '/var/lib/seqshim';
/** Two bits that no well-known project claims (DESIGN §2). */
export const MARK_BYPASS = 0x1000;
export const MARK_INJECT = 0x2000;

/** int32 milliseconds, 24.8 days: setTimeout's limit. */
const TIMER_MS_MAX = 0x7fffffff;

export interface Config {
  readonly targets: readonly Network[];
  /** As the operator wrote them. */
  readonly targetNames: readonly string[];
  readonly excludes: readonly Network[];
  readonly ports: readonly number[];
  readonly direction: 'out' | 'in' | 'both';
  /** Of which connections: those of this machine, those that it forwards. */
  readonly hooks: readonly Hook[];
  readonly mode: 'enforce' | 'observe';
  readonly forMs: number | undefined;
  readonly firewall: 'auto' | 'nft' | 'iptables';
  readonly rules: boolean;
  /** The first of `queueCount` that follow one another. */
  readonly queueNum: number;
  readonly queueCount: number;
  readonly inspect: 'auto' | 'full';
  readonly translate: 'user' | 'kernel';
  readonly inject: 'auto' | 'raw-socket' | 'koffi';
  readonly checksumFill: 'off' | 'auto' | 'always';
  readonly sack: 'auto' | 'repair' | 'strip' | 'off';
  /** Octets; 0: off. */
  readonly mssClamp: number;
  readonly budgetUs: number;
  readonly flowCountMax: number;
  readonly runDir: string;
  readonly control: string;
  /** Path profiles, which survive a reboot. */
  readonly pathsFile: string;
  readonly removeScript: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly logFormat: 'auto' | 'json' | 'text';
}

/** Option values by name, as text; lists as arrays. */
export type Values = Readonly<Record<string, unknown>>;

export interface Paths {
  readonly runDir: string;
  readonly control: string;
}

/** Where the run-time files of an instance are. */
export function pathsOf(flags: Values): Paths {
  const runDir = resolve(text(flags, 'state-dir') ?? RUN_DIR_DEFAULT);
  return { runDir, control: resolve(text(flags, 'control') ?? `${runDir}/control.sock`) };
}

export async function loadConfig(flags: Values): Promise<Config> {
  const file = text(flags, 'config');
  const values: Values = { ...(file === undefined ? {} : readConfigFile(file)), ...given(flags) };
  const targetNames = list(values, 'target');
  if (targetNames.length === 0) {
    throw new OperatorError(
      'Cannot start: no target. Name the servers, for example --target 10.0.0.0/8, or --target all',
    );
  }
  const excludeNames = list(values, 'exclude');
  if (excludeNames.includes('all')) {
    throw new OperatorError('Cannot use --exclude all: that leaves no target. Name the servers');
  }
  const { runDir, control } = pathsOf(values);
  return Object.freeze({
    targets: await networks('target', targetNames),
    targetNames: Object.freeze(targetNames),
    excludes: await networks('exclude', excludeNames),
    ports: Object.freeze(list(values, 'port').map(port)),
    direction: choice(values, 'direction') as Config['direction'],
    hooks: hooks(values),
    mode: choice(values, 'mode') as Config['mode'],
    forMs: trialMs(text(values, 'for')),
    firewall: choice(values, 'firewall') as Config['firewall'],
    rules: values['rules'] !== false,
    ...queues(values),
    inspect: choice(values, 'inspect') as Config['inspect'],
    translate: choice(values, 'translate') as Config['translate'],
    inject: choice(values, 'inject') as Config['inject'],
    checksumFill: choice(values, 'checksum-fill') as Config['checksumFill'],
    sack: choice(values, 'sack') as Config['sack'],
    mssClamp: mssClamp(text(values, 'mss-clamp') ?? 'off'),
    budgetUs: parseMicroseconds('--budget', text(values, 'budget') ?? '200'),
    flowCountMax: number(values, 'flows'),
    runDir,
    control,
    pathsFile: `${resolve(text(values, 'state-dir') ?? LIB_DIR_DEFAULT)}/paths.json`,
    removeScript: removeScriptPath(runDir),
    logLevel: choice(values, 'log-level') as Config['logLevel'],
    logFormat: choice(values, 'log-format') as Config['logFormat'],
  });
}

/** yargs understands `--no-` before every name; it means something before a flag only. */
function given(flags: Values): Values {
  for (const { name, type } of OPTIONS) {
    if (type === 'flag' || ![flags[name]].flat().includes(false)) continue;
    throw new OperatorError(`Cannot use --no-${name}: leave it out, or give --${name} a value`);
  }
  return Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined));
}

/** More than a timer can wait would end at once. */
function trialMs(written: string | undefined): number | undefined {
  if (written === undefined) return undefined;
  const ms = parseMilliseconds('--for', written);
  if (ms >= 1 && ms <= TIMER_MS_MAX) return ms;
  throw new OperatorError(`Cannot use --for "${written}": it must be from 1ms to 24d`);
}

async function networks(option: string, names: readonly string[]): Promise<readonly Network[]> {
  const found = await Promise.all(names.map((name) => resolveTarget(option, name)));
  return Object.freeze(found.flat());
}

function entryOf(name: string): OptionEntry {
  const entry = OPTIONS.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new Error(`no option ${name}`);
  return entry;
}

function text(values: Values, name: string): string | undefined {
  const value = values[name];
  if (value === undefined || value === null || value === '') return undefined;
  const last = Array.isArray(value) ? value.at(-1) : value;
  return String(last);
}

function list(values: Values, name: string): string[] {
  const value = values[name] ?? entryOf(name).fallback;
  if (value === undefined) return [];
  const items = Array.isArray(value) ? value : [value];
  return items
    .flatMap((item) => String(item).split(','))
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function choice(values: Values, name: string): string {
  const entry = entryOf(name);
  const value = text(values, name) ?? entry.fallback ?? '';
  if (entry.choices?.includes(value)) return value;
  throw new OperatorError(
    `Cannot use --${name} "${value}": it must be ${entry.choices?.join(', ')}`,
  );
}

/** In one order, each once. */
function hooks(values: Values): readonly Hook[] {
  const wanted = list(values, 'hook');
  for (const name of wanted) choice({ hook: name }, 'hook');
  const found = HOOKS.filter((hook) => wanted.includes(hook));
  if (found.includes('gateway') && choice(values, 'direction') === 'both') {
    throw new OperatorError(
      'Cannot use --hook gateway with --direction both: which end of a forwarded connection is the ' +
        'near one would be open. Use --direction out where --target names the servers',
    );
  }
  return Object.freeze(found.length === 0 ? [HOOKS[0]] : found);
}

function number(values: Values, name: string): number {
  const entry = entryOf(name);
  const written = text(values, name) ?? entry.fallback ?? '';
  const value = /^\d+$/.test(written) ? Number(written) : Number.NaN;
  const min = entry.min ?? 0;
  const max = entry.max ?? Number.MAX_SAFE_INTEGER;
  if (value >= min && value <= max) return value;
  throw new OperatorError(
    `Cannot use --${name} "${written}": it must be a whole number from ${min} to ${max}`,
  );
}

function queues(values: Values): Pick<Config, 'queueNum' | 'queueCount'> {
  const queueNum = number(values, 'queue-num');
  const queueCount = number(values, 'queues');
  if (queueNum + queueCount <= 65_536) return { queueNum, queueCount };
  throw new OperatorError(
    `Cannot use --queues ${queueCount} from --queue-num ${queueNum} on: the last number is 65535`,
  );
}

/** 536 is taken for granted without an offer (RFC 9293 §3.7.1). */
function mssClamp(written: string): number {
  if (written === 'off') return 0;
  const octets = /^\d+$/.test(written) ? Number(written) : 0;
  if (octets >= 536 && octets <= 65_495) return octets;
  throw new OperatorError(
    `Cannot use --mss-clamp "${written}": it must be off, or a number from 536 to 65495`,
  );
}

function port(value: string): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= 1 && number <= 65_535) return number;
  throw new OperatorError(`Cannot use --port "${value}": it must be a number from 1 to 65535`);
}
