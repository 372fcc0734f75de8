/** A control server on a real Unix socket of its own, and clients that say anything to it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Peer } from '../../src/telemetry/audit.ts';
import { type ControlHandler, serveControl } from '../../src/telemetry/control-server.ts';

export class ControlRig {
  readonly dir = mkdtempSync(join(tmpdir(), 'seqshim-control-'));
  readonly path = join(this.dir, 'control.sock');
  private server: Server | undefined;

  /** Everybody is `peer`. */
  async serve(handle: ControlHandler, peer?: Peer): Promise<void> {
    this.server = await serveControl(this.path, handle, () => peer);
  }

  async close(): Promise<void> {
    const { server } = this;
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
    rmSync(this.dir, { recursive: true });
  }
}

/** Writes `data` and returns all that comes back before the connection closes. */
export function say(path: string, data: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = createConnection(path, () => socket.write(data));
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    // A reset by a server that does not want to hear more is an end like any other.
    socket.on('error', () => {});
    socket.on('close', () => resolve(text));
  });
}

/** The answer to one request, parsed. */
export async function answerTo(path: string, request: unknown): Promise<Record<string, unknown>> {
  return JSON.parse(await say(path, `${JSON.stringify(request)}\n`)) as Record<string, unknown>;
}
