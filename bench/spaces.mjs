/** Programs and namespaces, as the benches need them. Owns nothing. Times: ms. */
import { execFileSync } from 'node:child_process';

const COMMAND_MS = 20_000;

export function programExists(name) {
  try {
    run('sh', '-c', `command -v ${name}`);
    return true;
  } catch {
    return false;
  }
}

export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export function run(command, ...args) {
  const stdio = ['ignore', 'pipe', 'pipe'];
  return execFileSync(command, args, { encoding: 'utf8', stdio, timeout: COMMAND_MS });
}

export function inSpace(space, ...command) {
  return run('ip', 'netns', 'exec', space, ...command);
}

/**
 * Resolves with the line when the program has printed this; rejects when it ends first, with what
 * it said.
 */
export function lineOf(child, text) {
  return new Promise((resolve, reject) => {
    let said = '';
    const hear = (data) => {
      said += data;
      const line = said.split('\n').find((entry) => entry.includes(text));
      if (line !== undefined && said.endsWith('\n')) resolve(line);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.once('close', () => reject(new Error(`ended before "${text}": ${said}`)));
  });
}
