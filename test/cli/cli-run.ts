/** The command line as its users have it: `dist/cli.js` in a process of its own. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const CLI = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));
const REFUSE_NATIVE = new URL('./refuse-native.mjs', import.meta.url).href;

export interface CliOutcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

export function runNode(args: readonly string[]): Promise<CliOutcome> {
  return runProgram(process.execPath, args);
}

export function runShell(script: string): Promise<CliOutcome> {
  return runProgram('sh', ['-c', script]);
}

function runProgram(program: string, args: readonly string[]): Promise<CliOutcome> {
  return new Promise((resolve) => {
    const options = { cwd: ROOT, timeout: 20_000, maxBuffer: 64 << 20 };
    execFile(program, [...args], options, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      resolve({ exitCode, stdout, stderr });
    });
  });
}

export function runCli(...args: readonly string[]): Promise<CliOutcome> {
  return runNode([CLI, ...args]);
}

/** As `runCli`, where loading a native module is an error. */
export function runCliWithoutNative(...args: readonly string[]): Promise<CliOutcome> {
  return runNode(['--import', REFUSE_NATIVE, CLI, ...args]);
}

/** Node itself under the same rule: what shows that the rule holds. */
export function runScriptWithoutNative(script: string): Promise<CliOutcome> {
  return runNode(['--import', REFUSE_NATIVE, '-e', script]);
}
