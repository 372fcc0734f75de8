/**
 * From the settings that were asked for to one frozen Config. The only reader of the environment.
 * Every mistake is one line that names the option, and the line of the file where it stands in one.
 */
import { resolve } from 'node:path';
import { IDLE_AFTER_MAX_MS, IDLE_AFTER_MIN_MS } from '../engine/limits.ts';
import { parseDate, parseTicket } from './deadline.ts';
import { parseMicroseconds, parseMilliseconds } from './duration.ts';
import { OperatorError, OptionError } from './errors.ts';
import { HOOKS, type Hook } from './hook.ts';
import { type ListenAddress, metricsFile, parseListenAddress } from './metrics-options.ts';
import type { Network } from './network.ts';
import { OPTIONS, type OptionEntry } from './options.ts';
import { removeScriptPath } from './remove-script-path.ts';
import { mistakeOf, readSettings, type Settings, type Values } from './settings.ts';
import { type LookUp, resolveTarget } from './targets.ts';

export type { Values } from './settings.ts';

export const RUN_DIR_DEFAULT = '/run/seqshim';
export const LIB_DIR_DEFAULT = '/var/lib/seqshim';
/** Two bits that no well-known project claims (DESIGN §2). */
export const MARK_BYPASS = 0x1000;
export const MARK_INJECT = 0x2000;

/** int32 milliseconds, 24.8 days: setTimeout's limit. */
const TIMER_MS_MAX = 0x7fffffff;

/** More is no latency budget. */
const BUDGET_MAX = '1s';
/** A processor that polled for longer would do little else. */
const BUSY_POLL_MAX = '1ms';

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
  readonly idleAction: 'keepalive' | 'reset' | 'forget';
  /** 0: by what is known of the path. */
  readonly idleAfterMs: number;
  readonly budgetUs: number;
  readonly busyPollUs: number;
  readonly flowCountMax: number;
  readonly runDir: string;
  readonly control: string;
  /** Path profiles, which survive a reboot. */
  readonly pathsFile: string;
  /** Counts of what was repaired, for `report`; likewise. */
  readonly historyFile: string;
  /** Headers of troubled connections; likewise. */
  readonly evidenceDir: string;
  readonly evidence: 'on' | 'off';
  /** Octets a packet. */
  readonly evidencePayload: number;
  readonly removeScript: string;
  /** The last day of its stay, `YYYY-MM-DD`, UTC. */
  readonly expires: string | undefined;
  readonly ticket: string | undefined;
  readonly metrics: ListenAddress | undefined;
  readonly metricsFile: string | undefined;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly logFormat: 'auto' | 'json' | 'text';
  /** What systemd says of the journal behind our output (systemd.exec(5) JOURNAL_STREAM). */
  readonly journalStream: string | undefined;
}

export interface Paths {
  readonly runDir: string;
  readonly control: string;
  readonly evidenceDir: string;
}

/**
 * Where the run-time files of an instance are. Mistakes in files are left to the commands that use
 * the rest of them: whoever wants to see or remove a shim must not need a perfect file for it.
 */
export function pathsOf(flags: Values): Paths {
  if (flags['config'] !== undefined) return pathsIn(readSettings(flags).values);
  try {
    return pathsIn(readSettings(flags).values);
  } catch (error) {
    if (error instanceof OperatorError) return pathsIn(flags);
    throw error;
  }
}

function pathsIn(values: Values): Paths {
  const runDir = resolve(text(values, 'state-dir') ?? RUN_DIR_DEFAULT);
  const control = resolve(text(values, 'control') ?? `${runDir}/control.sock`);
  return { runDir, control, evidenceDir: evidenceDirIn(values) };
}

function libDirIn(values: Values): string {
  return resolve(text(values, 'state-dir') ?? LIB_DIR_DEFAULT);
}

function evidenceDirIn(values: Values): string {
  return `${libDirIn(values)}/evidence`;
}

export async function loadConfig(flags: Values): Promise<Config> {
  return configOf(readSettings(flags));
}

export async function configOf(settings: Settings, lookUp?: LookUp): Promise<Config> {
  const [first, ...others] = settings.mistakes;
  if (first !== undefined) {
    const more = others.length === 0 ? '' : ` (and ${others.length} more: seqshim config check)`;
    throw new OperatorError(`Cannot load config: ${first}${more}`);
  }
  try {
    return await configFrom(settings.values, lookUp);
  } catch (error) {
    const mistake = error instanceof OptionError ? mistakeOf(error, settings) : undefined;
    if (mistake === undefined) throw error;
    const { exitCode } = error as OptionError;
    throw new OperatorError(`Cannot load config: ${mistake}`, exitCode);
  }
}

/** An OptionError names the first option whose value cannot be used. */
export async function configFrom(values: Values, lookUp?: LookUp): Promise<Config> {
  const targetNames = list(values, 'target');
  if (targetNames.length === 0) {
    throw new OperatorError(
      'Cannot start: no target. Name the servers, for example --target 10.0.0.0/8, or --target all',
    );
  }
  const excludeNames = list(values, 'exclude');
  if (excludeNames.includes('all')) {
    throw new OptionError('exclude', 'all', 'that leaves no target. Name the servers');
  }
  const { runDir, control } = pathsIn(values);
  const libDir = libDirIn(values);
  return Object.freeze({
    targets: await networks('target', targetNames, lookUp),
    targetNames: Object.freeze(targetNames),
    excludes: await networks('exclude', excludeNames, lookUp),
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
    idleAction: choice(values, 'idle-action') as Config['idleAction'],
    idleAfterMs: idleAfterMs(text(values, 'idle-after')),
    budgetUs: microseconds(values, 'budget', BUDGET_MAX),
    busyPollUs: microseconds(values, 'busy-poll', BUSY_POLL_MAX),
    flowCountMax: number(values, 'flows'),
    runDir,
    control,
    pathsFile: `${libDir}/paths.json`,
    historyFile: `${libDir}/history.json`,
    evidenceDir: evidenceDirIn(values),
    evidence: choice(values, 'evidence') as Config['evidence'],
    evidencePayload: number(values, 'evidence-payload'),
    removeScript: removeScriptPath(runDir),
    expires: parseDate('expires', text(values, 'expires')),
    ticket: parseTicket('ticket', text(values, 'ticket')),
    metrics: parseListenAddress(text(values, 'metrics')),
    metricsFile: metricsFile(text(values, 'metrics-file')),
    logLevel: choice(values, 'log-level') as Config['logLevel'],
    logFormat: choice(values, 'log-format') as Config['logFormat'],
    journalStream: process.env['JOURNAL_STREAM'],
  });
}

/** More than a timer can wait would end at once. */
function trialMs(written: string | undefined): number | undefined {
  if (written === undefined) return undefined;
  const ms = parseMilliseconds('--for', written);
  if (ms >= 1 && ms <= TIMER_MS_MAX) return ms;
  throw new OptionError('for', `"${written}"`, 'it must be from 1ms to 24d');
}

/** What is idle for longer the flow table forgets (RFC 5382 REQ-5). */
function idleAfterMs(written: string | undefined): number {
  if (written === undefined) return 0;
  const ms = parseMilliseconds('--idle-after', written);
  if (ms >= IDLE_AFTER_MIN_MS && ms <= IDLE_AFTER_MAX_MS) return ms;
  throw new OptionError('idle-after', `"${written}"`, 'it must be from 1s to 2h');
}

/** Microseconds, and no more than `most`. */
function microseconds(values: Values, option: string, most: string): number {
  const written = text(values, option) ?? entryOf(option).fallback ?? '';
  const us = parseMicroseconds(`--${option}`, written);
  if (us <= parseMicroseconds(`--${option}`, most)) return us;
  throw new OptionError(option, `"${written}"`, `it must be at most ${most}`);
}

async function networks(
  option: string,
  names: readonly string[],
  lookUp: LookUp | undefined,
): Promise<readonly Network[]> {
  const found = await Promise.all(names.map((name) => resolveTarget(option, name, lookUp)));
  return Object.freeze(found.flat());
}

function entryOf(name: string): OptionEntry {
  const entry = OPTIONS.find((candidate) => candidate.name === name);
  if (entry === undefined) throw new Error(`no option ${name}`);
  return entry;
}

export function text(values: Values, name: string): string | undefined {
  const value = values[name];
  if (value === undefined || value === null || value === '') return undefined;
  const last = Array.isArray(value) ? value.at(-1) : value;
  return String(last);
}

export function list(values: Values, name: string): string[] {
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
  throw new OptionError(name, `"${value}"`, `it must be ${entry.choices?.join(', ')}`);
}

/** In one order, each once. */
function hooks(values: Values): readonly Hook[] {
  const wanted = list(values, 'hook');
  for (const name of wanted) choice({ hook: name }, 'hook');
  const found = HOOKS.filter((hook) => wanted.includes(hook));
  if (found.includes('gateway') && choice(values, 'direction') === 'both') {
    throw new OptionError(
      'hook',
      'gateway with --direction both',
      'which end of a forwarded connection is the near one would be open. ' +
        'Use --direction out where --target names the servers',
    );
  }
  return Object.freeze(found.length === 0 ? [HOOKS[0]] : found);
}

function number(values: Values, name: string): number {
  const entry = entryOf(name);
  const written = text(values, name) ?? entry.fallback ?? '';
  return wholeNumber(name, written, entry.min ?? 0, entry.max ?? Number.MAX_SAFE_INTEGER);
}

/** Of an option, as it was written; both ends included. */
export function wholeNumber(name: string, written: string, min: number, max: number): number {
  const value = /^\d+$/.test(written) ? Number(written) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new OptionError(name, `"${written}"`, `it must be a whole number from ${min} to ${max}`);
}

function queues(values: Values): Pick<Config, 'queueNum' | 'queueCount'> {
  const queueNum = number(values, 'queue-num');
  const queueCount = number(values, 'queues');
  if (queueNum + queueCount <= 65_536) return { queueNum, queueCount };
  throw new OptionError(
    'queues',
    `${queueCount} from --queue-num ${queueNum} on`,
    'the last number is 65535',
  );
}

/** 536 is taken for granted without an offer (RFC 9293 §3.7.1). */
function mssClamp(written: string): number {
  if (written === 'off') return 0;
  const octets = /^\d+$/.test(written) ? Number(written) : 0;
  if (octets >= 536 && octets <= 65_495) return octets;
  throw new OptionError(
    'mss-clamp',
    `"${written}"`,
    'it must be off, or a number from 536 to 65495',
  );
}

function port(value: string): number {
  const number = Number(value);
  if (/^\d+$/.test(value) && number >= 1 && number <= 65_535) return number;
  throw new OptionError('port', `"${value}"`, 'it must be a number from 1 to 65535');
}
