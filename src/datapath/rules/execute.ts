/**
 * Runs the firewall's own programs. Owns nothing; arguments are never passed through a shell.
 * They are looked for in PATH first, then where PATH often does not point.
 */
import { execFile, execFileSync } from 'node:child_process';

const TIMEOUT_MS = 15_000;
const OUTPUT_BYTES_MAX = 64 << 20;
const LINE_CHARACTERS_MAX = 160;
/** What they say is compared with English words. */
const ENVIRONMENT = { ...process.env, LC_ALL: 'C' };
const PREFIXES = ['', '/usr/sbin/', '/sbin/', '/usr/local/sbin/'] as const;

export interface Outcome {
  readonly ok: boolean;
  /** The program is nowhere. */
  readonly absent: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

const ABSENT: Outcome = { ok: false, absent: true, stdout: '', stderr: 'not installed' };

/** The program's outcome; a program that is absent is an outcome too. */
export function run(file: string, args: readonly string[], input = ''): Outcome {
  for (const prefix of PREFIXES) {
    try {
      const stdout = execFileSync(prefix + file, args, {
        input,
        env: ENVIRONMENT,
        encoding: 'utf8',
        timeout: TIMEOUT_MS,
        maxBuffer: OUTPUT_BYTES_MAX,
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      return { ok: true, absent: false, stdout, stderr: '' };
    } catch (error) {
      const failure = error as NodeJS.ErrnoException & { stdout?: string; stderr?: string };
      if (failure.code === 'ENOENT') continue;
      const stderr = failure.stderr || failure.message;
      return { ok: false, absent: false, stdout: failure.stdout ?? '', stderr };
    }
  }
  return ABSENT;
}

/**
 * The same for programs that only look: each question is asked once. Where half a dozen of them
 * stand between a start and its first verdict, the second answer is the first one.
 */
export function runOnce(): typeof run {
  const told = new Map<string, Outcome>();
  return (file, args, input = '') => {
    const question = [file, ...args, input].join(' ');
    const outcome = told.get(question) ?? run(file, args, input);
    told.set(question, outcome);
    return outcome;
  };
}

export async function runAsync(
  file: string,
  args: readonly string[],
  input: string,
): Promise<Outcome> {
  for (const prefix of PREFIXES) {
    const outcome = await start(prefix + file, args, input);
    if (!outcome.absent) return outcome;
  }
  return ABSENT;
}

function start(path: string, args: readonly string[], input: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const limits = { timeout: TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX };
    const options = { encoding: 'utf8', env: ENVIRONMENT, ...limits } as const;
    const child = execFile(path, args, options, (error, stdout, stderr) => {
      if (error?.code === 'ENOENT') resolve(ABSENT);
      else {
        const ok = error === null;
        resolve({ ok, absent: false, stdout, stderr: stderr || (error?.message ?? '') });
      }
    });
    child.stdin?.on('error', () => {}); // the child said why it stopped reading
    child.stdin?.end(input);
  });
}

/** What an operator is told of a failure. */
export function firstLine(outcome: Outcome): string {
  const lines = outcome.stderr.split('\n').map((line) => line.trim());
  const line = lines.find((text) => text !== '' && !text.startsWith('#')) ?? '';
  return line.replace(/^\/dev\/stdin:[\d:-]+ (Error: )?/, '').slice(0, LINE_CHARACTERS_MAX);
}
