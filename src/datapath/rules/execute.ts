/** Runs the firewall's own programs. Owns nothing; arguments are never passed through a shell. */
import { execFile, execFileSync } from 'node:child_process';

const TIMEOUT_MS = 15_000;
const OUTPUT_BYTES_MAX = 64 << 20;

export interface Outcome {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

const SEARCH = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };

/** The program's outcome; a program that is absent is an outcome too. */
export function run(file: string, args: readonly string[], input = ''): Outcome {
  try {
    const stdout = execFileSync(file, args, {
      input,
      encoding: 'utf8',
      env: SEARCH,
      timeout: TIMEOUT_MS,
      maxBuffer: OUTPUT_BYTES_MAX,
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    return { ok: true, stdout, stderr: '' };
  } catch (error) {
    const failure = error as { stdout?: string; stderr?: string; message: string };
    return { ok: false, stdout: failure.stdout ?? '', stderr: failure.stderr || failure.message };
  }
}

export function runAsync(file: string, args: readonly string[], input: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      file,
      args,
      { encoding: 'utf8', env: SEARCH, timeout: TIMEOUT_MS },
      (error, stdout, stderr) => {
        resolve({ ok: error === null, stdout, stderr: stderr || (error?.message ?? '') });
      },
    );
    child.stdin?.on('error', () => {}); // the child said why it stopped reading
    child.stdin?.end(input);
  });
}
