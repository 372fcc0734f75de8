/** Asks a running instance over its control socket. Owns one connection at a time. */
import { createConnection } from 'node:net';
import { OperatorError } from '../config/errors.ts';
import { EXIT_IMPOSSIBLE, EXIT_NO, EXIT_NOT_RUNNING } from '../config/exit-codes.ts';
import type { ControlRequest } from './control-server.ts';

const TIMEOUT_MS = 5000;
const NOBODY = ['ENOENT', 'ENOTDIR', 'ECONNREFUSED'];

export function ask(path: string, request: ControlRequest): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    let text = '';
    socket.setEncoding('utf8');
    socket.setTimeout(TIMEOUT_MS, () => socket.destroy(new Error('no answer')));
    socket.on('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    socket.on('error', (error: NodeJS.ErrnoException) => reject(problem(path, error)));
    socket.on('end', () => {
      if (text === '') {
        const hint = 'it is busy or stopping, try again';
        reject(new OperatorError(`No answer from ${path}: ${hint}`, EXIT_NO));
        return;
      }
      try {
        const answer = JSON.parse(text) as Record<string, unknown>;
        if (typeof answer['error'] === 'string')
          reject(new OperatorError(answer['error'], EXIT_NO));
        else resolve(answer);
      } catch {
        reject(new OperatorError(`Cannot read the answer of ${path}: is it seqshim?`, EXIT_NO));
      }
    });
  });
}

function problem(path: string, error: NodeJS.ErrnoException): OperatorError {
  if (error.code !== undefined && NOBODY.includes(error.code)) {
    const hint = 'Start it with seqshim run, or name its socket with --control';
    return new OperatorError(`seqshim is not running (${path}). ${hint}`, EXIT_NOT_RUNNING);
  }
  if (error.code === 'EACCES') {
    return new OperatorError(
      `Cannot open ${path}: run this as root, or as a member of group seqshim`,
      EXIT_IMPOSSIBLE,
    );
  }
  const hint = 'Try again, or name its socket with --control';
  return new OperatorError(`Cannot ask ${path}: ${error.message}. ${hint}`, EXIT_NO);
}
