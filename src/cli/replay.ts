/**
 * `replay`: a capture through the engine as if live, into another capture. Needs no root and no
 * native module. Exit 0: a shim has nothing to do there, 1: it has, 2: unusable input or output,
 * 4: nothing of the targets is in it.
 */
import { readFile, stat } from 'node:fs/promises';
import { type Config, configFrom, type Values } from '../config/config.ts';
import { OperatorError, OptionError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE, EXIT_NO, EXIT_OK, EXIT_USAGE } from '../config/exit-codes.ts';
import { type Capture, CaptureError } from '../datapath/pcap/capture.ts';
import { isCapture, readCapture } from '../datapath/pcap/read-capture.ts';
import { type Asked, printReplay, replayJson } from '../datapath/replay/print-replay.ts';
import { isUntouched, type ReplayReport, replayCapture } from '../datapath/replay/replay.ts';
import { inputErrorText } from '../diagnose/read-input.ts';

const STDIN = '/dev/stdin';
/** What a pipe may bring: readers want a capture whole. */
const INPUT_BYTES_MAX = 2 ** 30;
const TOO_LARGE = 'ERR_FS_FILE_TOO_LARGE';

export async function replay(args: Values): Promise<number> {
  const { input, output } = await filesOf(args);
  const { ports, config } = await settingsOf(args);
  const capture = await captureOf(input);
  const asked: Asked = {
    input: input === STDIN ? '-' : input,
    output,
    targets: config.targetNames,
    ports,
    direction: config.direction === 'in' ? 'in' : 'out',
    mode: config.mode,
  };
  const report = replayOrFail(capture, config, ports, output);
  if (args['json'] === true) {
    process.stdout.write(`${JSON.stringify(replayJson(asked, report))}\n`);
  } else {
    process.stdout.write(printReplay(asked, report));
  }
  if (report.judged === 0) {
    const { packets } = report;
    process.stderr.write(`No TCP packet of the targets among ${packets}: see --target, --port\n`);
    return EXIT_IMPOSSIBLE;
  }
  return isUntouched(report) ? EXIT_OK : EXIT_NO;
}

async function filesOf(args: Values): Promise<{ input: string; output: string }> {
  const input = String(args['in']);
  const output = String(args['out']);
  if (output === STDIN) {
    throw new OperatorError('Cannot write the replay to -: name a file for OUT', EXIT_USAGE);
  }
  if (input !== STDIN && (await isSameFile(input, output))) {
    throw new OperatorError(`Cannot replay "${input}" onto itself: name another OUT`, EXIT_USAGE);
  }
  return { input, output };
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  try {
    const [a, b] = await Promise.all([stat(one), stat(other)]);
    return a.dev === b.dev && a.ino === b.ino;
  } catch {
    return false; // one of them is not there
  }
}

async function settingsOf(args: Values) {
  const port = args['port'];
  const isAll = port === undefined || (Array.isArray(port) && port.every((one) => one === 'all'));
  if (args['direction'] === 'both') {
    throw new OptionError(
      'direction',
      'both',
      'which end the shim is at a capture does not tell: out or in',
    );
  }
  const { port: _, ...others } = args;
  const values = { ...(isAll ? others : args), target: args['target'] ?? ['all'] };
  const config = await configFrom(values);
  const ports: Asked['ports'] = isAll ? 'all' : config.ports;
  return { config, ports };
}

async function captureOf(name: string): Promise<Capture> {
  const shown = name === STDIN ? 'standard input' : `"${name}"`;
  try {
    const bytes = name === STDIN ? await readAll() : await readFile(name);
    if (isCapture(bytes)) return readCapture(bytes);
  } catch (error) {
    const problem = inputErrorText(name, error) ?? tooLarge(error, shown);
    if (problem === undefined) throw error;
    throw new OperatorError(problem, EXIT_USAGE);
  }
  throw new OperatorError(
    `Cannot replay ${shown}: it is no pcap or pcapng file, and text has no packets to replay. ` +
      'Capture with tcpdump -w FILE',
    EXIT_USAGE,
  );
}

async function readAll(): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer);
    bytes += (chunk as Buffer).length;
    if (bytes > INPUT_BYTES_MAX) throw new CaptureError('Cannot replay more than 1 GiB');
  }
  return Buffer.concat(chunks);
}

function tooLarge(error: unknown, shown: string): string | undefined {
  const isTooLarge = error instanceof Error && 'code' in error && error.code === TOO_LARGE;
  return isTooLarge ? `Cannot replay ${shown}: it is too large, cut it with editcap` : undefined;
}

function replayOrFail(
  capture: Capture,
  config: Config,
  ports: Asked['ports'],
  path: string,
): ReplayReport {
  try {
    return replayCapture(capture, config, ports, path);
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error && 'code' in error)) throw error;
    throw new OperatorError(`Cannot write "${path}": ${String(error.code)}`, EXIT_USAGE);
  }
}
